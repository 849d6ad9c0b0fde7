// SPDX-License-Identifier: MIT
// What a child needs to know of init, and what it is given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sched.h>
#include <sys/resource.h>

#include "spawn/spawn.h"

namespace leash {

inline constexpr std::uint64_t kAllSignals = ~std::uint64_t{0};

struct InitialLimits {
    bool known = false;
    std::uint64_t ignored = kAllSignals; // bit N-1: signal N may be ignored in init
    bool oom_is_plain = false; // oom_score_adj is 0, and init does not change its own
    std::uint32_t changed = ~0U; // bit N: limit N may be another in init now
    rlimit64 limits[RLIM_NLIMITS]; // as the kernel counts, also where longs are short
    std::optional<cpu_set_t> affinity;
};

// Holds the place of a number that only the child knows.
inline constexpr std::string_view kOwnPid = "0000000000";

// The environment as NAME=VALUE, the tag first. `tty_type` empty: no TERM. Of a name that is given
// twice the later value counts; nobody can give LEASH_TAG. `pid`: the child's, or kOwnPid.
struct Account;
[[nodiscard]] std::vector<std::string> build_environment(const SpawnRequest& request,
                                                         const Account& account,
                                                         std::string_view tty_type,
                                                         std::string_view pid);

// In a child that is a copy of init, all signals blocked: plans and carries it out. `outcome` is the
// pipe's end to write to.
[[noreturn]] void run_forked_child(const SpawnRequest& request, const InitialLimits& limits,
                                   int outcome);

} // namespace leash
