// SPDX-License-Identifier: MIT
// What happens on trouble. One grammar for every kind of trouble:
//
//     on-trouble = STEP [ARG] [N/TIME] [at LEVEL] [after TIME] {, STEP ...}
//     on-crash-loop = restart 3/10m, reboot
//
// Steps are taken in order. `report`, `signal`, `exec`, `limit`, `freeze` and `dump` act and go on; the
// others end the list, unless their budget N/TIME is used up: then the next step has its turn. `after
// TIME` waits, counted from the step before; the step is taken only if the trouble still stands then.
// `signal` alone is SIGABRT (a core). `restart-dependents` restarts what requires the service, too: that
// stops before it, and comes back after it. `limit` tightens what the trouble is about (limit_of()),
// `freeze` stops every task of its cgroup, `dump` records evidence.
//
// A trouble with a level, told in percent of its limit, takes each step once, when its level has been
// reached: `at 60%`, else 100 %. When it is over, that begins anew.
//
// The clauses behind a step come in any order, each once. Behind `exec:` everything up to them is
// the command, in the shell's quoting; commas and words that look like a clause have to be quoted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leash {

enum class TroubleKind {
    missed_heartbeat, // on-missed-heartbeat: silence longer than `watchdog`
    crash_loop,       // on-crash-loop: more exits than `restart-limit`, or `restart-limit-long`
    start_timeout,    // on-start-timeout: not ready within `start-timeout`
    runtime_limit,    // on-runtime-limit: running for longer than `runtime-limit`
    client_deadline,  // on-client-deadline: a client of libwdog among its tasks is late, or has died
    // What the finders look for, each by the key of the same name:
    cpu_hog,     // on-cpu-hog: more CPU time than `cpu-hog` allows
    memory_hog,  // on-memory-hog: more memory than `memory-hog` allows
    memory_leak, // on-memory-leak: its memory grows all the time, towards `memory-leak`
    fd_hog,      // on-fd-hog: a process has more descriptors than `fd-hog` allows
    fd_leak,     // on-fd-leak: the descriptors of a process grow all the time, towards `fd-leak`
    shm_hog,     // on-shm-hog: more shared memory than `shm-hog` allows
    task_hog,    // on-task-hog: more tasks, or more forks, than `task-hog` allows
    stuck,       // on-stuck: a task sleeps uninterruptibly for longer than `stuck`
    stopped,     // on-stopped: a process is stopped, or traced, for longer than `stopped`
    livelock,    // on-livelock: it spins without any progress for longer than `livelock`
    deadlock,    // on-deadlock: threads that wait for each other's locks for longer than `deadlock`
    no_task,     // on-no-task: it is running, but no task of it is left that could do anything
    stray,       // on-stray: a task has left the service's cgroup
    unusual,     // on-unusual: a thread behaves unlike its own history
};
inline constexpr int kTroubleKinds = 19;
// It is told with a percentage of its limit, and steps may have `at LEVEL`.
[[nodiscard]] bool has_level(TroubleKind kind);
// Found by looking at the machine; without any key of its own about it, it is only reported.
[[nodiscard]] bool is_found(TroubleKind kind);
[[nodiscard]] std::string_view to_string(TroubleKind kind); // as in the key: "crash-loop"
[[nodiscard]] std::optional<TroubleKind> trouble_kind_named(std::string_view name);

enum class StepKind {
    report, signal, exec, limit, freeze, dump, restart, restart_dependents, stop, safe, reboot, poweroff,
    halt
};
[[nodiscard]] std::string_view to_string(StepKind kind);
// True: ends the list: restart, restart-dependents, stop, safe, reboot, poweroff, halt.
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

// The argument of `limit`: `50%`, `64M`, `100`.
struct LimitValue {
    std::uint64_t number = 0; // bytes, a count, or percent
    bool percent = false;     // of one CPU, else of what the key of the trouble allows
    friend bool operator==(const LimitValue&, const LimitValue&) = default;
};
[[nodiscard]] Result<LimitValue> parse_limit_value(std::string_view text);

struct Step {
    StepKind kind = StepKind::report;
    int signal = 0;                    // signal only
    std::optional<LimitValue> limit{}; // limit only; nothing: by the key of the trouble
    std::vector<std::string> command{}; // exec only: argv
    std::optional<RateLimit> budget{};
    std::optional<int> at_percent{};   // `at 60%`: for kinds that have a level
    Ms after{0};
    friend bool operator==(const Step&, const Step&) = default;
};

// What a step `limit` tightens for a kind of trouble.
enum class LimitOf {
    nothing,
    cpu,         // cpu.max of its cgroup
    memory,      // memory.high
    tasks,       // pids.max
    descriptors, // RLIMIT_NOFILE of its processes
};
[[nodiscard]] LimitOf limit_of(TroubleKind kind);

using Policy = std::vector<Step>;
inline constexpr std::size_t kMaxSteps = 16;

// Bad input gets an error that names the step and what is allowed.
[[nodiscard]] Result<Policy> parse_policy(std::string_view text);
[[nodiscard]] std::string to_string(const Step& step);
[[nodiscard]] std::string to_string(const Policy& policy); // parses back to the same

} // namespace leash
