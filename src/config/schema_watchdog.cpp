// SPDX-License-Identifier: MIT
// The rows of [watchdog].
#include <algorithm>

#include <fmt/format.h>

#include "base/shell_words.h"
#include "base/tag.h"
#include "base/text.h"
#include "base/units.h"
#include "config/complaint.h"
#include "config/schema_parts.h"
#include "config/values.h"
#include "service/machine_trouble.h"

namespace leash {
namespace {

using S = SystemSettings;
using V = Value;

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

using W = WatchdogSettings;

template <Ms W::*member> Checked<void> set_wdt_time(S& s, const V& v) {
    s.watchdog.*member = v.time;
    return {};
}

Checked<void> set_device(S& s, const V& v) {
    if (v.text == "none") {
        s.watchdog.device.clear();
        return {};
    }
    auto path = parse_path(v.text);
    if (!path) return std::unexpected(path.error());
    s.watchdog.device = std::move(*path);
    return {};
}

Checked<void> set_delegate(S& s, const V& v) {
    if (!valid_service_name(v.text))
        return fault(fmt::format("{} is not a service's name; allowed: 1 to {} of letters, digits and "
                                 ". _ @ -", quote(v.text), kMaxServiceName),
                     v.text.ends_with(".conf") ? "leave .conf off" : "");
    s.watchdog.delegate_to = v.text;
    return {};
}

constexpr std::string_view kPriorityGrammar = "deadline, fifo:N (N 1..99), other";

Checked<void> set_priority(S& s, const V& v) {
    bool good = v.text == "deadline" || v.text == "other";
    if (v.text.starts_with("fifo:")) {
        auto level = parse_unsigned(std::string_view(v.text).substr(5));
        good = level && *level >= 1 && *level <= 99;
    }
    if (!good)
        return fault(fmt::format("{}; allowed: {}", quote(v.text), kPriorityGrammar),
                     v.text == "fifo"
                         ? "write fifo:99"
                         : did_you_mean(closest_word(v.text, {"deadline", "other"})));
    s.watchdog.priority = v.text;
    return {};
}

constexpr std::string_view kRescueGrammar = "feed, feed TIME (1s..24h), starve";

Checked<void> set_rescue(S& s, const V& v) {
    auto words = split_command(v.text);
    if (words && *words == std::vector<std::string>{"starve"}) {
        s.watchdog.rescue = RescueFeeding::starve;
        s.watchdog.rescue_limit = Ms{0};
        return {};
    }
    if (words && !words->empty() && words->front() == "feed" && words->size() <= 2) {
        Ms limit{0};
        if (words->size() == 2) {
            auto time = parse_duration(words->back());
            if (!time)
                return fault(fmt::format("{}; allowed: {}", time.error().text, kRescueGrammar));
            if (*time < 1s || *time > 24h)
                return fault(fmt::format("{} is out of range; allowed: {}", quote(words->back()),
                                         kRescueGrammar));
            limit = *time;
        }
        s.watchdog.rescue = RescueFeeding::feed;
        s.watchdog.rescue_limit = limit;
        return {};
    }
    return fault(fmt::format("{}; allowed: {}", quote(v.text), kRescueGrammar),
                 did_you_mean(closest_word(v.text, {"feed", "starve"})));
}

constexpr std::string_view kGovernorGrammar = "a word such as noop, panic";

Checked<void> check_governor(S&, const V& v) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    bool good = !v.text.empty() && v.text.size() < 32 &&
                v.text.find_first_not_of(kLetters) == std::string::npos;
    if (!good) return fault(fmt::format("{}; allowed: {}", quote(v.text), kGovernorGrammar));
    return {};
}

Checked<void> no_more_to_check(S&, const V&) {
    return {};
}

// What every further WDT may have, too; the first has setters of its own for the rest.
void add_pretimeout(std::vector<KeySpec>& table, std::string_view section) {
    using enum ValueType;
    table.push_back({.section = section, .key = "pretimeout", .type = duration, .least = kSecond,
        .most = kHour, .step = kSecond, .fallback_note = "no pretimeout",
        .text = "So long before it would reset the machine the WDT tells the kernel, whose governor "
                "acts. Less than `timeout`; not every driver can.",
        .set = SystemSetter{no_more_to_check}});
    table.push_back({.section = section, .key = "pretimeout-governor", .type = grammar,
        .grammar = kGovernorGrammar, .fallback_note = "the one that the kernel has chosen",
        .text = "What the kernel does then: `noop` writes a line to its log, `panic` panics, so that "
                "what it knows is kept (pstore, kdump). It may need its module in `modules`: "
                "`pretimeout_panic`.",
        .set = SystemSetter{check_governor}});
}

} // namespace

Checked<void> check_machine_policy(SystemSettings&, const Value& v) {
    auto policy = parse_machine_policy(v.text);
    if (!policy) return fault(policy.error().text);
    if (v.text.size() > MachineTroubles::kMostPolicy)
        return fault(fmt::format("it is longer than {} bytes", MachineTroubles::kMostPolicy));
    return {};
}

void add_watchdog(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "watchdog";
    table.push_back({.section = section, .key = "device", .type = grammar,
        .grammar = "an absolute path, none", .fallback = "/dev/watchdog",
        .text = "The device of the WDT.",
        .set = SystemSetter{set_device}});
    table.push_back({.section = section, .key = "on-missing-device", .type = word,
        .words = {"warn", "ignore"}, .fallback = "warn",
        .text = "What to say if there is no such device. Services are watched either way.",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            s.watchdog.on_missing_device = static_cast<OnMissingDevice>(v.word);
            return {};
        }}});
    table.push_back({.section = section, .key = "timeout", .type = duration, .least = kSecond,
        .most = kHour, .step = kSecond, .fallback = "20s",
        .text = "After this time without a kick the WDT resets the machine. Where the driver "
                "cannot set it, the real one is used and shown.",
        .set = SystemSetter{set_wdt_time<&W::timeout>}});
    table.push_back({.section = section, .key = "interval", .type = duration, .least = 100,
        .most = kHour, .fallback_note = "half of the WDT's real timeout",
        .text = "The time between two kicks. Less than `timeout`; more than half of it is said to be "
                "a risk.",
        .set = SystemSetter{set_wdt_time<&W::interval>}});
    table.push_back({.section = section, .key = "priority", .type = grammar,
        .grammar = kPriorityGrammar, .fallback = "deadline",
        .text = "The scheduling class of the kicker. `deadline` falls back to fifo:99, and that to "
                "what there is; `initctl status` says which it is.",
        .set = SystemSetter{set_priority}});
    table.push_back({.section = section, .key = "loop-limit", .type = duration, .least = 3 * kSecond,
        .most = kHour, .fallback = "10s",
        .text = "How long the loop of PID 1 may be silent before the kicks stop. A busy PID 1 must "
                "not reset a healthy machine; a dead one must not be fed.",
        .set = SystemSetter{set_wdt_time<&W::loop_limit>}});
    table.push_back({.section = section, .key = "boot-limit", .type = duration, .least = kSecond,
        .most = 24 * kHour, .zero = "no limit", .fallback = "5m",
        .text = "How long the WDT is fed before the target `default` has settled.",
        .set = SystemSetter{set_wdt_time<&W::boot_limit>}});
    table.push_back({.section = section, .key = "rescue", .type = grammar,
        .grammar = kRescueGrammar, .fallback = "feed",
        .text = "Whether the WDT is fed in the rescue target: `feed` for ever, `feed TIME` for so "
                "long, or `starve`.",
        .set = SystemSetter{set_rescue}});
    table.push_back({.section = section, .key = "delegate-to", .type = grammar, .grammar = "SERVICE",
        .fallback_note = "the WDT is init's",
        .text = "A service that owns `device`, such as watchdogd or BusyBox's watchdog. Init does not "
                "open it then. For a reset by the WDT (SIGPWR, `initctl reboot --via-wdt`) all other "
                "services are stopped and file systems unmounted; then that one is told so by SIGPWR, "
                "after `delegate-pause` by SIGTERM, and has to reset the machine. It should need no "
                "file by then. For every other end it is stopped like any service. With watchdogd, "
                "set `clients = no`, too.",
        .set = SystemSetter{set_delegate}});
    table.push_back({.section = section, .key = "delegate-pause", .type = duration, .least = 0,
        .most = kHour, .zero = "at once", .fallback = "2s",
        .text = "The time from SIGPWR to SIGTERM for what `delegate-to` names.",
        .set = SystemSetter{no_more_to_check}});
    table.push_back({.section = section, .key = "delegate-limit", .type = duration, .least = kSecond,
        .most = 24 * kHour, .fallback_note = "three times the timeout that the WDT had before SIGPWR",
        .text = "How long the reset by what `delegate-to` names may take after SIGTERM. Then init "
                "calls it a hardware failure and resets the machine by itself.",
        .set = SystemSetter{no_more_to_check}});
    table.push_back({.section = section, .key = "clients", .type = word, .words = {"yes", "no"},
        .fallback = "yes",
        .text = "Whether programs written for watchdogd are served: those that use its library "
                "libwdog, or speak its protocol of the versions 2.0 to 4.x, at "
                "/run/watchdogd/sock and /run/watchdogd.sock. A small process without rights does "
                "that. Every user may subscribe: a client that misses its deadline, or dies, is the "
                "trouble `client-deadline` of its service. `no` where another watchdogd runs.",
        .set = SystemSetter{[](S&, const V&) -> Checked<void> { return {}; }}}); // the plugin's
    table.push_back({.section = section, .key = "client-policy", .type = policy, .fallback = "reboot",
        .text = "The answer to a client of no service that misses its deadline or dies, if it is "
                "root's: report, exec, safe, reboot, poweroff or halt, in the grammar of "
                "`on-trouble`. Other users' clients of no service are only reported.",
        .set = SystemSetter{check_machine_policy}});
    add_pretimeout(table, section);

    constexpr std::string_view further = "watchdog DEVICE";
    table.push_back({.section = further, .key = "timeout", .type = duration, .least = kSecond,
        .most = kHour, .step = kSecond, .fallback = "20s", .text = "As in `[watchdog]`.",
        .set = SystemSetter{no_more_to_check}});
    table.push_back({.section = further, .key = "interval", .type = duration, .least = 100,
        .most = kHour, .fallback_note = "half of the WDT's real timeout",
        .text = "As in `[watchdog]`.", .set = SystemSetter{no_more_to_check}});
    table.push_back({.section = further, .key = "on-missing-device", .type = word,
        .words = {"warn", "ignore"}, .fallback = "warn", .text = "As in `[watchdog]`.",
        .set = SystemSetter{no_more_to_check}});
    add_pretimeout(table, further);
    add_watchdog_causes(table);
}

} // namespace leash
