// SPDX-License-Identifier: MIT
// What the tasks of a service have done so far, as far as /proc tells: of the main process and of those
// that share its cgroup. Bounded, however many there are. For the prober: reading /proc/PID/io can wait
// for a process that is being executed.
#pragma once

#include "prober_protocol.h"

namespace leash_watchdog {

inline constexpr unsigned kMostProcesses = 64, kMostThreads = 64; // threads: of one process

// False: there is no such process.
bool read_progress(int main_pid, Progress& progress);

// The number behind `key` ("voluntary_ctxt_switches:") at the begin of a line; 0 if there is none.
std::uint64_t number_behind(const char* text, const char* key);

} // namespace leash_watchdog
