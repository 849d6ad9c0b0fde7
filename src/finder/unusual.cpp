// SPDX-License-Identifier: MIT
#include "finder/unusual.h"

#include <algorithm>

#include <fmt/format.h>

namespace leash::finder {
namespace {

constexpr double kCpuFloor = 10;              // percent of one CPU
constexpr double kMemoryFloor = 16.0 * (1 << 20);
constexpr std::size_t kMostThreads = 4096;

std::string cpu_text(const Unlike& unlike) {
    return fmt::format("{:.0f}% of a CPU, after {:.0f}% mostly and {} {:.0f}%", unlike.now,
                       unlike.usual, unlike.up ? "at most" : "at least", unlike.extreme);
}

std::string memory_text(const Unlike& unlike) {
    constexpr double kMega = 1 << 20;
    return fmt::format("{:.0f} MiB of memory, after {:.0f} mostly and at most {:.0f}",
                       unlike.now / kMega, unlike.usual / kMega, unlike.extreme / kMega);
}

} // namespace

// A rate's value is what was used since the last look; a level's is what is there now.
void Unusual::add(Figure& figure, double value, bool is_rate, std::uint64_t bucket_ns,
                  std::uint64_t now_ns) const {
    figure.round = round_;
    if (figure.since_ns == 0) {
        figure.since_ns = now_ns;
        return;
    }
    figure.sum += value;
    ++figure.looks;
    auto wall = now_ns - figure.since_ns;
    if (wall < bucket_ns) return;
    figure.history.push(is_rate ? 100.0 * figure.sum / static_cast<double>(wall)
                                : figure.sum / static_cast<double>(figure.looks));
    figure.unlike = figure.history.verdict();
    figure.sum = 0;
    figure.looks = 0;
    figure.since_ns = now_ns;
}

void Unusual::look(const Look& look, std::vector<Finding>& found) {
    ++round_;
    struct Sum {
        const Subject* subject;
        std::uint64_t bucket_ns;
        std::uint64_t used_ns = 0, resident = 0;
        std::uint32_t cpu_rows = 0, memory_rows = 0;
    };
    std::map<std::uint64_t, Sum> sums;
    for (const auto& subject : look.subjects)
        if (auto time = time_setting(subject, "unusual"))
            sums.emplace(subject.start, Sum{&subject, *time / OwnHistory::kRecent});
    if (sums.empty()) {
        cpu_.clear(), memory_.clear(), threads_.clear(), counters_.clear();
        last_ns_ = look.now_ns;
        return;
    }
    SubjectMap subjects(look.subjects);
    auto sum_of = [&](const taskview::Row& row) {
        const auto* subject = subjects.of(row);
        auto sum = subject == nullptr ? sums.end() : sums.find(subject->start);
        return sum == sums.end() ? nullptr : &sum->second;
    };
    for (const auto& row : look.processes->rows) {
        auto* sum = sum_of(row);
        if (sum == nullptr) continue;
        const auto& task = row.task;
        if (row.has(LEASH_FACT_CPU)) {
            ++sum->cpu_rows;
            auto [counter, is_new] = counters_.try_emplace({task.tid, task.start_ns});
            // One that is there for the first time has used all it has since the last look.
            std::uint64_t before = is_new && task.start_ns < last_ns_ ? task.runtime_ns : counter->second.first;
            sum->used_ns += task.runtime_ns - std::min<std::uint64_t>(before, task.runtime_ns);
            counter->second = {task.runtime_ns, round_};
        }
        if (row.has(LEASH_FACT_MEMORY)) {
            ++sum->memory_rows;
            sum->resident += task.anon + task.shmem + task.swap;
        }
    }
    if (look.threads != nullptr)
        for (const auto& row : look.threads->rows) {
            const auto* sum = sum_of(row);
            if (sum == nullptr || !row.has(LEASH_FACT_CPU)) continue;
            const auto& task = row.task;
            auto entry = threads_.find({task.tid, task.start_ns});
            if (entry == threads_.end()) {
                if (threads_.size() >= kMostThreads) continue;
                entry = threads_.emplace(Task{task.tid, task.start_ns},
                                         Figure{.history{kCpuFloor, true}}).first;
                entry->second.last = task.runtime_ns;
            }
            auto used = task.runtime_ns - std::min<std::uint64_t>(task.runtime_ns, entry->second.last);
            entry->second.last = task.runtime_ns;
            add(entry->second, static_cast<double>(used), true, sum->bucket_ns, look.now_ns);
        }
    for (auto& [start, sum] : sums) {
        auto& cpu = cpu_.try_emplace(start, Figure{.history{kCpuFloor, true}}).first->second;
        auto& memory = memory_.try_emplace(start, Figure{.history{kMemoryFloor, false}}).first->second;
        cpu.round = memory.round = round_;
        if (sum.cpu_rows != 0)
            add(cpu, static_cast<double>(sum.used_ns), true, sum.bucket_ns, look.now_ns);
        if (sum.memory_rows != 0)
            add(memory, static_cast<double>(sum.resident), false, sum.bucket_ns, look.now_ns);
        std::string text;
        auto append = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
        if (cpu.unlike) append("the service uses " + cpu_text(*cpu.unlike));
        if (memory.unlike) append("the service has " + memory_text(*memory.unlike));
        std::vector<std::int32_t> tids;
        if (look.threads != nullptr)
            for (const auto& row : look.threads->rows) {
                if (sum_of(row) != &sum) continue;
                auto thread = threads_.find({row.task.tid, row.task.start_ns});
                if (thread == threads_.end() || !thread->second.unlike) continue;
                tids.push_back(row.task.tid);
                if (tids.size() <= 2)
                    append(fmt::format("thread {} ({}) uses {}", row.task.tid, row.task.comm,
                                       cpu_text(*thread->second.unlike)));
            }
        if (text.empty()) continue;
        auto time = sum.bucket_ns * OwnHistory::kRecent;
        found.push_back({.start = start, .kind = "unusual",
                         .evidence = text + fmt::format("; for {}", duration_text(time)),
                         .tids = std::move(tids)});
    }
    auto old = [&](const auto& entry) { return entry.second.round != round_; };
    std::erase_if(cpu_, old);
    std::erase_if(memory_, old);
    std::erase_if(threads_, old);
    std::erase_if(counters_, [&](const auto& entry) { return entry.second.second != round_; });
    last_ns_ = look.now_ns;
}

} // namespace leash::finder
