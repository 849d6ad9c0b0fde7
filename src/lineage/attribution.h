// SPDX-License-Identifier: MIT
// The answer to "whose task is this?", with the source that told. Precedence: lineage (the kernel
// module), cgroup, tag.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/tag.h"

namespace leash {

enum class Source { lineage, cgroup, tag };
[[nodiscard]] std::string_view to_string(Source source);
[[nodiscard]] std::optional<Source> source_named(std::string_view name);

struct Attribution {
    std::string service;
    StartId start = 0; // 0: the source knows the service only
    Source source = Source::cgroup;
    bool stray = false; // belongs to a start but has left its cgroup
};

// One task as `initctl ps` shows it.
struct TaskFacts {
    pid_t pid = 0; // the process (thread group)
    pid_t tid = 0;
    pid_t parent = 0;
    pid_t session = 0;
    int tty = 0;         // device number of the controlling terminal, 0 = none
    char state = '?';    // R S D T Z ... as in /proc/PID/stat
    std::uint64_t start_ticks = 0; // since boot: with the pid, identifies a process for good
    bool kernel = false; // a kernel thread
    std::string command; // the command line, else [comm]
    std::optional<Attribution> attribution;
};

// All processes (or all threads) of the machine with their attribution, in pid order. Reads /proc,
// environments included, and so may block: in PID 1 only a worker process may call it.
[[nodiscard]] std::vector<TaskFacts> survey(bool threads);

} // namespace leash
