// SPDX-License-Identifier: MIT
// What the child does between clone and execve.
#pragma once

#include <optional>
#include <vector>

#include <sched.h>
#include <sys/resource.h>

#include "spawn/spawn.h"

namespace leash {

struct InitialLimits {
    bool known = false;
    bool oom_is_plain = false; // oom_score_adj is 0, and init does not change its own
    rlimit64 limits[RLIM_NLIMITS]; // as the kernel counts, also where longs are short
    std::optional<cpu_set_t> affinity;
};

// All signals are blocked when it is called; `outcome` is the pipe's end to write to.
[[noreturn]] void run_child(const SpawnRequest& request, const InitialLimits& limits, int outcome);

// The environment as NAME=VALUE, the tag first. `tty_type` empty: no TERM. Of a name that is given
// twice the later value counts; nobody can give LEASH_TAG.
struct Account;
[[nodiscard]] std::vector<std::string> build_environment(const SpawnRequest& request,
                                                         const Account& account,
                                                         std::string_view tty_type, pid_t pid);

} // namespace leash
