// SPDX-License-Identifier: MIT
#include "budget.h"

#include <cstdio>
#include <cstring>

namespace leash_watchdog {

bool parse_budget(const char* text, BudgetRules& rules) {
    if (std::strcmp(text, "0") == 0) {
        rules.limit = 0;
        return true;
    }
    unsigned limit = 0, number = 0;
    char unit[3] = "";
    char more = 0;
    if (std::strpbrk(text, "+- \t") != nullptr) return false; // what sscanf would take for a number
    if (std::sscanf(text, "%6u/%6u%2[a-z]%c", &limit, &number, unit, &more) != 3) return false;
    std::int64_t scale = std::strcmp(unit, "s") == 0   ? 1
                         : std::strcmp(unit, "m") == 0 ? 60
                         : std::strcmp(unit, "h") == 0 ? 3600
                                                       : 0;
    if (limit == 0 || number == 0 || scale == 0) return false;
    rules.limit = limit;
    rules.window_s = number * scale;
    return true;
}

Spent spent(const History& history, std::int64_t now_s, const BudgetRules& rules) {
    Spent found;
    std::int64_t lived_s = 0; // of the lives behind the record that is looked at
    for (std::size_t i = history.count; i > 0; --i) {
        const Record& record = history.ring[i - 1];
        if (is_planned(record.cause)) break; // somebody is there: what was before is over
        std::int64_t age = lived_s;
        // A clock that was set meanwhile makes ages too long, and that only once.
        if (record.date > 0 && now_s >= record.date && now_s - record.date > age)
            age = now_s - record.date;
        if (age >= rules.window_s) break;
        if (record.counts) ++found.reboots;
        lived_s += record.uptime_ms / 1000;
    }
    found.used_up = rules.limit > 0 && found.reboots >= rules.limit;
    const Record* last = history.last();
    found.boot_failing =
        last != nullptr && rules.failed_limit > 0 && last->failed >= rules.failed_limit;
    return found;
}

} // namespace leash_watchdog
