// SPDX-License-Identifier: MIT
// The rows of [system] about what the kernel module does when init stands still.
#include "config/schema_parts.h"
#include "config/values.h"

#include <fmt/format.h>

namespace leash {
namespace {

using S = SystemSettings;
using V = Value;

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::size_t kMostHandler = 255; // bytes, as the module takes it

template <Ms DeadmanSettings::*member> Checked<void> set_time(S& s, const V& v) {
    s.deadman.*member = v.time;
    return {};
}

Checked<void> set_action(S& s, const V& v) {
    s.deadman.action = static_cast<OnDeadman>(v.word);
    return {};
}

Checked<void> set_handler(S& s, const V& v) {
    if (v.text == "none") {
        s.deadman.handler.clear();
        return {};
    }
    auto path = parse_path(v.text);
    if (!path) return std::unexpected(path.error());
    if (path->size() > kMostHandler)
        return fault(fmt::format("the path is longer than {} bytes", kMostHandler));
    s.deadman.handler = *path;
    return {};
}

} // namespace

void add_kernel_trouble(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "system";
    table.push_back({.section = section, .key = "deadman", .type = duration,
        .least = kSecond, .most = kHour, .zero = "off", .fallback = "0",
        .text = "For how long PID 1 may stand still before the kernel module (see leash(4)) runs "
                "`trouble-handler` with REASON=init-silent; after `deadman-grace` follows "
                "`on-deadman`. It needs the module, and no WDT; beside a WDT the shorter time "
                "counts. Init gives a sign of life four times in that span. It is off once the "
                "machine has stopped its services and is about to end.",
        .set = SystemSetter{set_time<&DeadmanSettings::timeout>}});
    table.push_back({.section = section, .key = "deadman-grace", .type = duration,
        .least = 100, .most = kHour, .fallback = "10s",
        .text = "How long `trouble-handler` has before `on-deadman`. A sign of life in that time "
                "calls it off.",
        .set = SystemSetter{set_time<&DeadmanSettings::grace>}});
    table.push_back({.section = section, .key = "on-deadman", .type = word,
        .words = {"nothing", "panic", "restart"}, .fallback = "nothing",
        .text = "What the kernel does with a machine whose PID 1 stands still: it panics (and "
                "reboots after `panic-reboot`), or restarts at once. Nothing is synced.",
        .set = SystemSetter{set_action}});
    table.push_back({.section = section, .key = "trouble-handler", .type = grammar,
        .grammar = "an absolute path, or none",
        .fallback = "/usr/lib/leash/leash-trouble-handler",
        .text = "The program that the kernel module runs on trouble (sysctl kernel.leash.handler), "
                "as root and without arguments, with REASON, TROUBLED_SERVICE, TROUBLED_PID and "
                "TROUBLED_START in its environment. The one that is shipped writes down why, and "
                "which tasks there were; see leash-trouble-handler(8).",
        .set = SystemSetter{set_handler}});
    table.push_back({.section = section, .key = "hung-task", .type = duration,
        .least = 100, .most = 24 * kHour, .zero = "off", .fallback = "0",
        .text = "For how long a task of a service may be in an uninterruptible sleep before that is "
                "trouble for `trouble-handler` (REASON=hung-task).",
        .set = SystemSetter{set_time<&DeadmanSettings::hung_task>}});
}

} // namespace leash
