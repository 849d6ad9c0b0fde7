// SPDX-License-Identifier: MIT
// The rows of [watchdog] about causes of resets and the budget of reboots; the plugin gets them as text.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/complaint.h"
#include "config/schema_parts.h"
#include "config/values.h"

namespace leash {
namespace {

using V = Value;

Checked<void> check_file(SystemSettings&, const V& v) {
    if (v.text == "none") return {};
    auto path = parse_path(v.text);
    if (!path) return std::unexpected(path.error());
    if (path->size() > 180 || path->rfind('/') == 0)
        return fault(fmt::format("{}; allowed: a file in a folder of its own, of at most 180 bytes",
                                 quote(v.text)), "write /var/lib/leash/reset-cause");
    return {};
}

Checked<void> check_budget(SystemSettings&, const V& v) {
    if (v.text == "0") return {};
    auto rate = parse_rate_limit(v.text);
    if (rate && rate->count >= 1 && rate->window >= 1s && rate->window <= 24h) return {};
    return fault(fmt::format("{}; allowed: N/TIME (TIME 1s..24h), or 0 for no limit", quote(v.text)),
                 "write 5/1h");
}

Checked<void> check_words(SystemSettings&, const V& v) {
    for (const auto& word : v.items) {
        bool good = !word.empty() && word.size() < 32 && std::ranges::all_of(word, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        });
        if (!good)
            return fault(fmt::format("{} is no cause of a reset", quote(word)),
                         "causes are words such as missed-heartbeat, loop-stalled, panic");
    }
    return {};
}

Checked<void> check_count(SystemSettings&, const V& v) {
    auto count = parse_unsigned(v.text);
    if (count && *count <= 1000) return {};
    return fault(fmt::format("{}; allowed: 0..1000", quote(v.text)));
}

Checked<void> check_command(SystemSettings&, const V&) { return {}; } // its quotes are right

} // namespace

void add_watchdog_causes(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "watchdog";
    table.push_back({.section = section, .key = "reset-cause-file", .type = grammar,
        .grammar = "an absolute path, or none", .fallback = "/var/lib/leash/reset-cause",
        .text = "Why the machine was reset last; see leash-reset-cause(5). The history and what is "
                "armed lie beside it. Where its folder cannot be written to, /run/leash has to do.",
        .set = SystemSetter{check_file}});
    table.push_back({.section = section, .key = "reboot-limit", .type = grammar,
        .grammar = "N/TIME (TIME 1s..24h), or 0 for no limit", .fallback = "5/1h",
        .text = "How many resets and reboots that nobody asked for the machine may have in TIME. When "
                "that is used up, the next boot is held in the target `safe`, and steps `reboot` of "
                "policies are refused until `minimum-uptime` has passed or `initctl watchdog clear` "
                "is called. A reboot that somebody asks for gives a new budget.",
        .set = SystemSetter{check_budget}});
    table.push_back({.section = section, .key = "minimum-uptime", .type = duration, .least = 1000,
        .most = 24 * 3'600'000, .fallback = "5m",
        .text = "A life that ends sooner without being asked to is a failed boot.",
        .set = SystemSetter{check_command}});
    table.push_back({.section = section, .key = "safe-on", .type = list, .grammar = "CAUSE",
        .text = "Causes of the last reset that make the machine boot into the target `safe`.",
        .set = SystemSetter{check_words}});
    table.push_back({.section = section, .key = "cause-hook", .type = command,
        .text = "Run at each boot, once the cause of the last reset is known, with LEASH_RESET_CAUSE, "
                "LEASH_RESET_SERVICE, LEASH_RESET_EVIDENCE, LEASH_RESET_COUNT, LEASH_RESET_INFERRED, "
                "LEASH_BOOTS and LEASH_FAILED_BOOTS in its environment. Nothing waits for it; after "
                "30 s it is killed with all of its process group.",
        .set = SystemSetter{check_command}});
    table.push_back({.section = section, .key = "boot-fail-hook", .type = command,
        .text = "Run in the same way after `boot-fail-limit` failed boots in a row, for example to "
                "switch to the other boot slot (fw_setenv, grub-editenv).",
        .set = SystemSetter{check_command}});
    table.push_back({.section = section, .key = "boot-fail-limit", .type = grammar,
        .grammar = "0..1000; 0: never", .fallback = "3",
        .text = "See `boot-fail-hook`.", .set = SystemSetter{check_count}});
    table.push_back({.section = section, .key = "shutdown-limit", .type = duration, .least = 1000,
        .most = 24 * 3'600'000,
        .fallback_note = "5m, or 2m more than services may take to stop, whichever is longer",
        .text = "How long the WDT is fed while the machine goes down: a shutdown that hangs ends in a "
                "reset by the hardware. Power-off and halt stop the timer where it can be stopped.",
        .set = SystemSetter{check_command}});
}

} // namespace leash
