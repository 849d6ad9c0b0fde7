// SPDX-License-Identifier: MIT
// What happens on trouble. One grammar for every kind of trouble:
//
//     on-trouble = STEP [ARG] [N/TIME] [at LEVEL] [after TIME] {, STEP ...}
//     on-crash-loop = restart 3/10m, reboot
//
// Steps are taken in order. `report`, `signal` and `exec` act and go on to the next step; the others end
// the list, unless their budget N/TIME is used up: then the next step has its turn. `after TIME` waits,
// counted from the step before, and the step is taken only if the trouble still stands then. `signal`
// without a name is SIGABRT, which leaves a core. `restart-dependents` restarts what requires the
// service, too: that stops before it, and comes back after it.
//
// The clauses behind a step come in any order, each once. Behind `exec:` everything up to them is
// the command, in the shell's quoting; commas and words that look like a clause have to be quoted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leash {

enum class TroubleKind {
    missed_heartbeat, // on-missed-heartbeat: silence longer than `watchdog`
    crash_loop,       // on-crash-loop: more exits than `restart-limit`
    start_timeout,    // on-start-timeout: not ready within `start-timeout`
    runtime_limit,    // on-runtime-limit: running for longer than `runtime-limit`
    client_deadline,  // on-client-deadline: a client of libwdog among its tasks is late, or has died
};
inline constexpr int kTroubleKinds = 5;
[[nodiscard]] std::string_view to_string(TroubleKind kind); // as in the key: "crash-loop"
[[nodiscard]] std::optional<TroubleKind> trouble_kind_named(std::string_view name);

enum class StepKind {
    report, signal, exec, restart, restart_dependents, stop, safe, reboot, poweroff, halt
};
[[nodiscard]] std::string_view to_string(StepKind kind);
// Ends the list: restart, restart-dependents, stop, safe, reboot, poweroff, halt.
[[nodiscard]] bool is_final(StepKind kind);

struct RateLimit {
    int count = 0; // at most `count` ...
    Ms window{0};  // ... within `window`
    friend bool operator==(const RateLimit&, const RateLimit&) = default;
};
inline constexpr int kMaxRateCount = 10'000;
// `3/10m`. The number may be 0 (which the reader takes for "no limit" or refuses), the time not.
[[nodiscard]] Result<RateLimit> parse_rate_limit(std::string_view text);
[[nodiscard]] std::string to_string(const RateLimit& limit);

struct Step {
    StepKind kind = StepKind::report;
    int signal = 0;                    // signal only
    std::vector<std::string> command{}; // exec only: argv
    std::optional<RateLimit> budget{};
    std::optional<int> at_percent{};   // `at 60%`: for kinds that have a level
    Ms after{0};
    friend bool operator==(const Step&, const Step&) = default;
};

using Policy = std::vector<Step>;
inline constexpr std::size_t kMaxSteps = 16;

// Bad input gets an error that names the step and what is allowed.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text);
[[nodiscard]] std::string to_string(const Step& step);
[[nodiscard]] std::string to_string(const Policy& policy); // parses back to the same

} // namespace leash
