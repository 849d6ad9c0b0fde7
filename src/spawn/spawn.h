// SPDX-License-Identifier: MIT
// A settings object becomes a running process: clone3 with CLONE_PIDFD and CLONE_INTO_CGROUP.
// The call returns as soon as the child exists; whether it reached execve is told by a pipe, since
// exec may have to wait for a disk and PID 1 must not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/tag.h"
#include "base/unique_fd.h"
#include "lineage/kernel_lineage.h"
#include "service/settings.h"

namespace leash {

// A descriptor of init that the service finds open, with its name in LISTEN_FDNAMES.
struct PassedFd {
    int fd = -1;
    std::string name; // without ':'
};

struct SpawnRequest {
    const ServiceSettings* settings = nullptr;
    // A command beside the main process, instead of it: it gets no terminal.
    const std::vector<std::string>* control = nullptr;
    StartId start = 0;
    int cgroup_fd = -1;  // -1: no cgroup v2
    int output_fd = -1;  // becomes stdout and stderr; -1: /dev/null. Not used for consoles
    // Environment of the notify room: NOTIFY_SOCKET=, WATCHDOG_USEC=. WATCHDOG_PID and LEASH_TAG are
    // added by the child itself.
    std::vector<std::pair<std::string, std::string>> extra_environment;
    // Become the descriptors from kFirstPassed on, in this order. Beside LISTEN_FDS and
    // LISTEN_FDNAMES the child sets LISTEN_PID.
    std::vector<PassedFd> passed;
    int notify_fd = -1;  // notify = s6:FD: becomes descriptor settings->notify.fd
    // If given, the process is born into `start`, which has been made known with set_start.
    KernelLineage* kernel = nullptr;
};

struct Spawned {
    pid_t pid = 0;
    UniqueFd pidfd;
    std::uint64_t start_ticks = 0; // as ProcessStat has it, for EndJob::main_ticks; 0: unknown
    // Readable when the child is through: EOF = execve succeeded, else a SpawnFailure text.
    UniqueFd outcome;
    // False: the kernel refused CLONE_INTO_CGROUP and the caller moves it, or there was no cgroup_fd.
    bool in_cgroup = true;
    // False: the module would not be armed (a warning has told why), and the caller adopts it.
    bool in_lineage = false;
};

inline constexpr int kFirstPassed = 3; // SD_LISTEN_FDS_START

[[nodiscard]] Result<Spawned> spawn(const SpawnRequest& request);

// The exit status of a child that could not execute. Its reason is in `outcome`.
inline constexpr int kNotExecuted = 127;

// Reads `outcome` once it is readable: nothing = executed; else why not, as a sentence that names
// what failed and, where it helps, the file (e.g. "user 'wwwdata' is not in /etc/passwd").
[[nodiscard]] std::optional<std::string> read_outcome(int outcome_fd);

// What init itself had before it changed anything (resource limits, CPU affinity); the child
// restores it. Call once, first thing.
void remember_initial_limits();

} // namespace leash
