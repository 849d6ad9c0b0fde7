// SPDX-License-Identifier: MIT
// Looks as a test writes them down.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "finder/finding.h"

namespace leash::finder {

inline constexpr std::uint64_t kMs = 1'000'000, kSec = 1'000'000'000;
inline constexpr std::uint64_t kFacts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_SCHED |
                                        LEASH_FACT_SYSCALL | LEASH_FACT_IO | LEASH_FACT_CGROUP;

inline taskview::Row task_row(std::int32_t tid, std::int32_t tgid, char state = 'S',
                              std::uint64_t start = 1) {
    taskview::Row row;
    row.task.facts = kFacts;
    row.task.tid = tid;
    row.task.tgid = tgid;
    row.task.threads = 1;
    row.task.state = static_cast<std::uint8_t>(state);
    row.task.sys_nr = -1;
    row.task.start = start;
    row.task.start_ns = static_cast<std::uint64_t>(tid);
    auto name = "t" + std::to_string(tid);
    name.copy(row.task.comm, sizeof row.task.comm - 1);
    return row;
}

inline Subject subject_of(std::uint64_t start, std::string key, std::string value,
                          std::int32_t main_pid = 0) {
    Subject subject;
    subject.start = start;
    subject.main_pid = main_pid;
    subject.service = "s" + std::to_string(start);
    subject.settings.emplace(std::move(key), std::move(value));
    return subject;
}

struct Stage {
    taskview::Sample processes, threads;
    std::vector<Subject> subjects;
    std::uint64_t now_ns = 1000 * kSec;

    std::vector<Finding> look(Detector& detector, std::uint64_t step_ns = kSec) {
        std::vector<Finding> found;
        detector.look({.now_ns = now_ns, .from_module = true, .processes = &processes,
                       .threads = &threads, .subjects = subjects},
                      found);
        now_ns += step_ns;
        return found;
    }
    // So many looks; what the last one found.
    std::vector<Finding> looks(Detector& detector, int count, std::uint64_t step_ns = kSec) {
        std::vector<Finding> found;
        for (int i = 0; i < count; ++i) found = look(detector, step_ns);
        return found;
    }
};

} // namespace leash::finder
