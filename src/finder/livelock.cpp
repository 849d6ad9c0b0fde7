// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include "finder/task_detectors.h"

namespace leash::finder {
namespace {

constexpr double kShare = 0.85;      // of the whole time, running or ready to
constexpr double kLookShare = 0.6;   // from look to look: when in it a row is read, nobody promises
constexpr double kLeastRun = 0.1;    // of the time, running: else nobody knows what it would do
constexpr double kMostKernel = 0.2;  // of its time in the kernel: more is system calls
constexpr int kMostStirs = 1;

bool same_progress(const leash_task& a, const leash_task& b) {
    return a.nvcsw == b.nvcsw && a.min_flt == b.min_flt && a.maj_flt == b.maj_flt &&
           a.read_bytes == b.read_bytes && a.write_bytes == b.write_bytes;
}

// Between two looks at the same thread.
bool has_its_cpu(const leash_task& from, const leash_task& to, std::uint64_t wall_ns, double share) {
    auto wall = static_cast<double>(wall_ns);
    auto run = static_cast<double>(to.runtime_ns - from.runtime_ns);
    auto ready = static_cast<double>(to.wait_ns - from.wait_ns);
    return wall > 0 && run >= kLeastRun * wall && run + ready >= share * wall;
}

} // namespace

void Livelock::look(const Look& look, std::vector<Finding>& found) {
    if (look.threads == nullptr) return;
    ++round_;
    SubjectMap subjects(look.subjects);
    struct Worst {
        const Spin* spin;
        std::vector<std::int32_t> tids;
    };
    std::map<std::uint64_t, Worst> worst;
    for (const auto& row : look.threads->rows) {
        const auto& task = row.task;
        const auto* subject = subjects.of(row);
        auto limit = subject != nullptr ? time_setting(*subject, "livelock") : std::nullopt;
        if (!limit || !row.has(LEASH_FACT_CPU)) continue;
        // The module knows no system call of a thread that is on a CPU now.
        if (task.state != 'R' || (row.has(LEASH_FACT_SYSCALL) && task.sys_nr >= 0)) continue;
        auto [entry, is_new] = spins_.try_emplace({task.tid, task.start_ns});
        auto& spin = entry->second;
        auto begin = [&] { spin = {look.now_ns, look.now_ns, task, task, round_, 0}; };
        if (is_new || !same_progress(spin.at_first, task)) {
            begin();
            continue;
        }
        spin.round = round_;
        // One look at which the machine itself stood still is forgiven.
        if (has_its_cpu(spin.last, task, look.now_ns - spin.last_ns, kLookShare))
            spin.stirs = 0;
        else if (++spin.stirs > kMostStirs) {
            begin();
            continue;
        }
        spin.last = task;
        spin.last_ns = look.now_ns;
        auto held = look.now_ns - spin.since_ns;
        if (held < *limit || !has_its_cpu(spin.at_first, task, held, kShare)) continue;
        auto user = task.utime_ns - spin.at_first.utime_ns;
        auto kernel = task.stime_ns - spin.at_first.stime_ns;
        if (static_cast<double>(kernel) > kMostKernel * static_cast<double>(user + kernel)) continue;
        auto& what = worst.try_emplace(subject->start, Worst{&spin, {}}).first->second;
        if (spin.since_ns < what.spin->since_ns) what.spin = &spin;
        what.tids.push_back(task.tid);
    }
    std::erase_if(spins_, [&](const auto& entry) { return entry.second.round != round_; });
    for (auto& [start, what] : worst) {
        const auto& task = what.spin->last;
        auto held = look.now_ns - what.spin->since_ns;
        auto text = fmt::format("thread {} ({}) has been running without a system call, a wait or any "
                                "input or output for {}, {} of it on a CPU", task.tid, task.comm,
                                duration_text(held),
                                duration_text(task.runtime_ns - what.spin->at_first.runtime_ns));
        if (what.tids.size() > 1) text += fmt::format("; {} threads do", what.tids.size());
        found.push_back({.start = start, .kind = "livelock", .evidence = std::move(text),
                         .tids = std::move(what.tids)});
    }
}

} // namespace leash::finder
