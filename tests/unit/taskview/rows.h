// SPDX-License-Identifier: MIT
// Tasks as a test writes them down.
#pragma once

#include <cstring>
#include <string>

#include "taskview/sample.h"

namespace leash::taskview {

inline constexpr std::uint64_t kMs = 1'000'000, kSec = 1'000'000'000;
inline constexpr std::uint64_t kEveryFact =
    LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS | LEASH_FACT_SCHED | LEASH_FACT_SYSCALL |
    LEASH_FACT_IO | LEASH_FACT_CGROUP | LEASH_FACT_EXE | LEASH_FACT_TTY;

inline void put_name(char* to, std::size_t size, const std::string& name) {
    std::memset(to, 0, size);
    name.copy(to, size - 1);
}

// A process with one thread that holds every fact, all of them 0.
inline Row make_row(int pid, const std::string& service = "", std::uint64_t start = 0) {
    Row row;
    row.task.facts = kEveryFact;
    row.task.tid = row.task.tgid = pid;
    row.task.ppid = 1;
    row.task.threads = 1;
    row.task.state = 'S';
    row.task.sys_nr = -1;
    row.task.start = start;
    row.task.via = start != 0 ? LEASH_VIA_FORK : LEASH_VIA_NONE;
    put_name(row.task.comm, sizeof row.task.comm, "p" + std::to_string(pid));
    row.service = service;
    return row;
}

inline leash_start_info make_start(std::uint64_t id, const std::string& service) {
    leash_start_info start{};
    start.id = id;
    put_name(start.name, sizeof start.name, service);
    return start;
}

} // namespace leash::taskview
