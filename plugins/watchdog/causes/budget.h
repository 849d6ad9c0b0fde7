// SPDX-License-Identifier: MIT
// The machine-wide budget of reboots: may it go down once more, or is it in a loop? A pure function of
// the history.
#pragma once

#include "record.h"

#include <cstdint>

namespace leash_watchdog {

struct BudgetRules {
    std::uint32_t limit = 5; // reboots that nobody asked for, 0: no limit
    std::int64_t window_s = 3600;
    std::int64_t minimum_uptime_ms = 300'000;
    std::uint32_t failed_limit = 3; // failed boots in a row that run the hook, 0: never
};

// "5/1h" as limit and window; "0": no limit. False: neither.
[[nodiscard]] bool parse_budget(const char* text, BudgetRules& rules);

struct Spent {
    std::uint32_t reboots = 0; // within the window, since somebody asked for one
    bool used_up = false;
    bool boot_failing = false; // failed boots in a row have reached their limit
};

// `now_s`: UTC, for what it is worth: without a clock that runs on, ages are added up from uptimes.
[[nodiscard]] Spent spent(const History& history, std::int64_t now_s, const BudgetRules& rules);

} // namespace leash_watchdog
