// SPDX-License-Identifier: MIT
// Ends what is left of starts: the executor of the `kill`, `sessions` and `leave` policies. Runs in
// a worker process, because it scans /proc and waits until nothing is left. Works on many starts in
// one pass, so that stopping 200 services costs a few scans and not 200.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/tag.h"
#include "lineage/cgroup.h"
#include "lineage/kernel_lineage.h"

namespace leash {

enum class EndScope { all, cgroup, main }; // as KillScope of service/settings.h

struct EndJob {
    std::string service;
    StartId start = 0;
    pid_t main_pid = 0;      // 0: it is gone
    // Start time of the main process (ProcessStat::start_ticks, Spawned::start_ticks), which proves
    // that main_pid is still the same process. 0: unknown; then it is touched only if its cgroup or
    // its tag proves it.
    std::uint64_t main_ticks = 0;
    int signal = SIGKILL;    // another one: signal once, politely, and do not wait
    EndScope scope = EndScope::all;
    bool keep_sessions = false; // spare trees with a foreign controlling terminal
    bool leave = false;      // spare everything: a one-shot with leave = keep
    // Kill what earlier ends spared, too, and spare nothing now (shutdown).
    bool include_remains = false;
    int own_tty = 0;         // device number of the service's own terminal, as st_rdev
};

struct EndResult {
    std::string service;
    StartId start = 0;
    int killed = 0;     // processes that got the signal
    // Processes spared. With SIGKILL those in the service's group have been moved to
    // NAME/remains.ID; strays stay where they are.
    int remains = 0;
    bool empty = false; // nothing is left that the policy covers
    std::vector<pid_t> stuck; // still there when time ran out
};

// Calls `done` for each job as soon as it is finished, in any order; gives up on the rest at
// `deadline` (CLOCK_MONOTONIC) with empty = false. `tree` may be null: no cgroup v2. `kernel` may be
// null: no kernel module; else it is the controller.
//
// With the module, scope `all` is what descends from the start, and it is killed at one stroke; the
// pass over cgroup and tags that follows is the last word. What is spared is marked as such in the
// module.
// Scope `cgroup` without a tree covers the main process only. A frozen group is thawed.
// Killing by tag happens only for the exact start id, with scope all, and is checked again through a
// pidfd after it was opened. PID 1, kernel threads and the calling process are never signalled.
void end_starts(std::vector<EndJob> jobs, CgroupTree* tree, KernelLineage* kernel, Ms deadline,
                const std::function<void(const EndResult&)>& done);

} // namespace leash
