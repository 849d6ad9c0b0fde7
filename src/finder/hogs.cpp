// SPDX-License-Identifier: MIT
#include "finder/hogs.h"

#include <algorithm>

#include <fmt/format.h>

#include "taskview/figures.h"

namespace leash::finder {
namespace {

constexpr double kLeastMemoryGrowth = 128 * 1024, kLeastFdGrowth = 8;

int percent_of(double value, double limit) {
    if (limit <= 0) return 0;
    return static_cast<int>(std::clamp(value * 100 / limit, 0.0, 1e6));
}

std::string bytes(std::uint64_t number) { return taskview::bytes_figure(number); }

} // namespace

void Hogs::Meter::add(std::uint64_t now_ns, std::uint64_t value, std::uint64_t window_ns) {
    // It cannot fall: what did has begun anew.
    if (!points_.empty() && value < points_.back().value) points_.clear();
    // At most 128 points, whatever the window.
    if (points_.size() > 1 && now_ns - points_[points_.size() - 2].ns < window_ns / 100)
        points_.pop_back();
    points_.push_back({now_ns, value});
    while (points_.size() > 2 && now_ns - points_[1].ns >= window_ns) points_.pop_front();
    full_ = now_ns - points_.front().ns >= window_ns;
}

std::uint64_t Hogs::Meter::growth() const {
    return points_.empty() ? 0 : points_.back().value - points_.front().value;
}

std::uint64_t Hogs::Meter::span_ns() const {
    return points_.empty() ? 0 : points_.back().ns - points_.front().ns;
}

std::uint64_t Hogs::bytes_of(const Amount& amount) {
    return amount.percent ? facts_.machine_memory() / 100 * amount.number : amount.number;
}

void Hogs::look(const Look& look, std::vector<Finding>& found) {
    ++round_;
    std::map<std::uint64_t, const Subject*> by_cgroup;
    std::map<std::uint64_t, Sums> sums; // by start
    for (const auto& subject : look.subjects) {
        sums.try_emplace(subject.start);
        if (subject.cgroup != 0) by_cgroup[subject.cgroup] = &subject;
    }
    for (const auto& row : look.processes->rows) {
        const auto& task = row.task;
        auto sum = sums.find(task.start);
        if (sum == sums.end() && task.start == 0)
            if (auto group = by_cgroup.find(task.cgroup); group != by_cgroup.end())
                sum = sums.find(group->second->start);
        if (sum == sums.end()) continue;
        auto& s = sum->second;
        s.cpu_ns += task.runtime_ns;
        s.tasks += task.threads;
        auto memory = task.anon + task.swap;
        s.memory += memory;
        s.processes[task.tgid] = task.start_ns;
        if (memory >= s.largest) s.largest = memory, s.largest_pid = task.tgid;
        // Several processes mostly share the same: it is not counted for each.
        if (task.shmem >= s.shmem) s.shmem = task.shmem, s.shmem_pid = task.tgid;
        if (task.fds >= s.most_fds) s.most_fds = task.fds, s.fds_pid = task.tgid;
        if (task.runtime_ns >= s.busiest_ns) s.busiest_ns = task.runtime_ns, s.busiest_pid = task.tgid;
    }
    for (const auto& start : look.processes->starts)
        if (auto sum = sums.find(start.id); sum != sums.end()) {
            sum->second.cpu_ns += start.runtime_ns;
            sum->second.forks = start.forks;
        }
    for (const auto& subject : look.subjects) {
        auto& memory = memories_[subject.start];
        memory.round = round_;
        judge(look, subject, sums[subject.start], memory, found);
    }
    std::erase_if(memories_, [&](const auto& each) { return each.second.round != round_; });
}

void Hogs::judge(const Look& look, const Subject& subject, Sums& sums, Memory& memory,
                 std::vector<Finding>& found) {
    auto say = [&](std::string_view kind, int percent, std::string evidence, std::int32_t pid) {
        if (percent < kLeastLevel) return;
        found.push_back({subject.start, std::string(kind), percent, std::move(evidence), {}});
        if (pid != 0) found.back().tids.push_back(pid);
    };
    auto now = look.now_ns;
    if (memory.from_module != look.from_module) {
        memory.cpu = {};
        memory.forks = {};
        memory.processes = sums.processes; // their ages are told in other units: none of them is new
        memory.from_module = look.from_module;
    }

    if (auto limit = amount_of(subject, "cpu-hog"); limit && limit->ms > 0) {
        auto cpu = look.from_module ? std::optional(sums.cpu_ns) : facts_.group_cpu_ns(subject);
        if (cpu) memory.cpu.add(now, *cpu, limit->ms * 1'000'000);
        if (memory.cpu.full()) {
            double share = 100.0 * static_cast<double>(memory.cpu.growth()) /
                           static_cast<double>(memory.cpu.span_ns());
            say("cpu-hog", percent_of(share, static_cast<double>(limit->number)),
                fmt::format("{:.0f} % of a CPU over {} s, limit {} %; busiest: process {}", share,
                            limit->ms / 1000, limit->number, sums.busiest_pid), sums.busiest_pid);
        }
    }
    if (auto limit = amount_of(subject, "memory-hog")) {
        auto most = bytes_of(*limit);
        // Two looks in a row: a burst is none.
        auto held = std::min(sums.memory, memory.memory_before);
        say("memory-hog", percent_of(static_cast<double>(held), static_cast<double>(most)),
            fmt::format("{} of memory, limit {}; largest: process {} with {}", bytes(sums.memory),
                        bytes(most), sums.largest_pid, bytes(sums.largest)), sums.largest_pid);
    }
    memory.memory_before = sums.memory;
    if (auto limit = amount_of(subject, "memory-leak"); limit && limit->ms > 0) {
        auto window = limit->ms * 1'000'000;
        memory.memory.add(now, static_cast<double>(sums.memory), window);
        double most = static_cast<double>(limit->number);
        if (auto growth = memory.memory.growth(std::max(kLeastMemoryGrowth, most / 100)))
            say("memory-leak", percent_of(growth->projected, most),
                fmt::format("{} of memory and {} more each second, limit {}; largest: process {}",
                            bytes(sums.memory), bytes(static_cast<std::uint64_t>(growth->per_second)),
                            bytes(limit->number), sums.largest_pid), sums.largest_pid);
    }
    if (auto limit = amount_of(subject, "fd-hog"); limit && sums.most_fds > 0) {
        auto most = limit->number;
        if (limit->percent) most = facts_.descriptor_limit(sums.fds_pid) * limit->number / 100;
        say("fd-hog", percent_of(static_cast<double>(sums.most_fds), static_cast<double>(most)),
            fmt::format("process {} has {} descriptors, limit {}{}", sums.fds_pid, sums.most_fds, most,
                        limit->percent ? fmt::format(" ({} % of what it may have)", limit->number) : ""),
            sums.fds_pid);
    }
    if (auto limit = amount_of(subject, "fd-leak"); limit && limit->ms > 0) {
        if (memory.fds_pid != sums.fds_pid) memory.fds.forget();
        memory.fds_pid = sums.fds_pid;
        memory.fds.add(now, static_cast<double>(sums.most_fds), limit->ms * 1'000'000);
        double most = static_cast<double>(limit->number);
        if (auto growth = memory.fds.growth(kLeastFdGrowth))
            say("fd-leak", percent_of(growth->projected, most),
                fmt::format("process {} has {} descriptors and {:.1f} more each second, limit {}",
                            sums.fds_pid, sums.most_fds, growth->per_second, limit->number),
                sums.fds_pid);
    }
    if (auto limit = amount_of(subject, "shm-hog")) {
        std::map<std::int32_t, std::uint64_t> made;
        std::uint64_t detached = 0;
        for (const auto& [pid, size] : facts_.detached_segments()) {
            // Who made it may be gone by now.
            if (!sums.processes.contains(pid) && !memory.processes.contains(pid) &&
                !memory.made.contains(pid))
                continue;
            made[pid] = size;
            detached += size;
        }
        memory.made = std::move(made);
        auto charged = facts_.group_shmem(subject, sums.shmem).value_or(0);
        auto shared = std::max(sums.shmem + detached, charged);
        auto most = bytes_of(*limit);
        auto held = std::min(shared, memory.shmem_before);
        memory.shmem_before = shared;
        say("shm-hog", percent_of(static_cast<double>(held), static_cast<double>(most)),
            fmt::format("{} of shared memory ({} mapped by process {}, {} in segments without a user), "
                        "limit {}", bytes(shared), bytes(sums.shmem), sums.shmem_pid, bytes(detached),
                        bytes(most)), sums.shmem_pid);
    }
    if (auto both = count_and_rate_of(subject, "task-hog"); both.count || both.rate) {
        for (const auto& [pid, began] : sums.processes) {
            auto before = memory.processes.find(pid);
            if (before == memory.processes.end() || before->second != began) ++memory.born;
        }
        int level = 0;
        std::string evidence;
        if (both.count) {
            level = percent_of(static_cast<double>(sums.tasks), static_cast<double>(both.count->number));
            evidence = fmt::format("{} tasks, limit {}", sums.tasks, both.count->number);
        }
        if (both.rate) {
            memory.forks.add(now, look.from_module ? sums.forks : memory.born,
                             both.rate->ms * 1'000'000);
            int rate = percent_of(static_cast<double>(memory.forks.growth()),
                                  static_cast<double>(both.rate->number));
            if (rate > level) {
                level = rate;
                evidence = fmt::format("{} forks within {} s, limit {}", memory.forks.growth(),
                                       both.rate->ms / 1000, both.rate->number);
            }
        }
        say("task-hog", level, std::move(evidence), 0);
    }
    memory.processes = std::move(sums.processes);
}

} // namespace leash::finder
