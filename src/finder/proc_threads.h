// SPDX-License-Identifier: MIT
// The threads of processes where there is no kernel module: from /proc/PID/task/TID/{stat,syscall,status,
// schedstat}. Forty times as dear as a snapshot, so for the processes of those services alone whose files
// ask for a detector that looks at threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskview/sample.h"

namespace leash::finder {

// The texts of those files; false (or nothing) where they are not what they should be. `stat` sets tid,
// ppid, …, state, comm, start, utime, stime, faults; `status` the switches; `schedstat` runtime and wait.
bool read_stat(std::string_view text, long ticks_per_second, leash_task& task);
bool read_syscall(std::string_view text, leash_task& task);
bool read_switches(std::string_view status, leash_task& task);
bool read_schedstat(std::string_view text, leash_task& task);

// Appends a row for each thread of the process to `rows`; tgid, start, group and cgroup are those of
// `process`. A thread that ends meanwhile is left out. `time_ns`: of the look, on CLOCK_BOOTTIME.
void add_threads(const leash_task& process, std::uint64_t time_ns, std::vector<taskview::Row>& rows);

} // namespace leash::finder
