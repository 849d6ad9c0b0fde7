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
#include "spawn/outcome.h"

namespace leash {

// A descriptor that the main process inherits, in the way of sd_listen_fds(3).
struct PassedDescriptor {
    int fd = -1;
    std::string name; // of LISTEN_FDNAMES: printable ASCII without ':'
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
    // These become 3, 4, 5, ... in this order; LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID tell of them.
    // Not for a command beside the main process. Sockets that Leash opens come before what it keeps.
    std::vector<PassedDescriptor> passed;
    int notify_fd = -1;  // notify = s6:FD: becomes descriptor settings->notify.fd
    bool pidfd = true; // Spawned::pidfd is wanted
    // If given, the process is born into `start`, which has been made known with set_start.
    KernelLineage* kernel = nullptr;
};

struct Spawned {
    pid_t pid = 0;
    UniqueFd pidfd;
    std::uint64_t start_ticks = 0; // as ProcessStat has it, for EndJob::main_ticks; 0: unknown
    ExecOutcome outcome; // keep it until it is readable
    // False: the kernel refused CLONE_INTO_CGROUP and the caller moves it, or there was no cgroup_fd.
    bool in_cgroup = true;
    // False: the module would not be armed (a warning has told why), and the caller adopts it.
    bool in_lineage = false;
};

[[nodiscard]] Result<Spawned> spawn(const SpawnRequest& request);

// The exit status of a child that could not execute. Its reason is in `outcome`.
inline constexpr int kNotExecuted = 127;

// From now on children that need no file for it run in init's own memory until they execute, where the
// machine lets them: then nothing has to be copied for them. `program`: init's own binary, which says
// why one cannot be executed (`--execute`). Not for programs with threads.
void share_memory_with_children(const char* program);
[[nodiscard]] const char* explaining_program(); // null: memory is not shared

// `init --execute FD COMMAND...`: executes it, or writes the reason why not to FD.
[[nodiscard]] int execute_or_explain(int argc, char** argv);

// RLIMIT_NOFILE; both 0: not known.
struct DescriptorLimit {
    std::uint64_t soft = 0, hard = 0;
};

// What init itself had before it changed anything (resource limits, CPU affinity); the child
// restores it. Call once, first thing. `before`: what an earlier life of init had, since this one was
// born with what that one gave itself.
void remember_initial_limits(DescriptorLimit before = {});
[[nodiscard]] DescriptorLimit initial_descriptor_limit();
// Which signals init ignores and which of its limits it has changed, for children to set back; until
// then they set back all. Call it when everything that may change those is there: plugins.
void remember_own_changes();
// For init itself, which holds several for each service. Never less than it has.
void raise_descriptor_limit(std::uint64_t most);

} // namespace leash
