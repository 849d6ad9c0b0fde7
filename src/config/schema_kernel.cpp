// SPDX-License-Identifier: MIT
// The rows of [service] that the kernel module carries out.
#include "config/schema_parts.h"
#include "config/service_setters.h"

namespace leash {
namespace {

using namespace setters;

constexpr std::uint64_t kMostProcesses = 4'194'304; // the kernel's own limit of numbers

Checked<void> set_processes(S& s, const V& v) {
    auto number = parse_unsigned(v.text);
    if (!number || *number > kMostProcesses)
        return fault(fmt::format("'{}' is no number of processes", printable(v.text)),
                     fmt::format("0 (no limit) to {}", kMostProcesses));
    s.kernel_limits.edit().processes = static_cast<int>(*number);
    return {};
}

} // namespace

void add_kernel_limits(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "service", group = "Limits of the kernel module";
    table.push_back({.section = section, .group = group, .key = "process-limit", .type = grammar,
        .grammar = "0..4194304", .fallback = "0", .types = kProcess,
        .text = "How many processes one start of the service may have at a time, wherever they have "
                "gone, with zombies and without threads; 0: no limit. Needs the kernel module, as the "
                "other keys here; without it there is `task-hog` with the step `limit`.",
        .set = ServiceSetter{set_processes}});
    table.push_back({.section = section, .group = group, .key = "fork-rate-limit", .type = rate,
        .fallback_note = "no limit", .types = kProcess,
        .text = "How many processes may be made within TIME, counted from the first fork after the "
                "last such period; a fork bomb, or a script that goes round too fast, is beyond it.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.kernel_limits.edit().forks = v.rate;
            return {};
        }}});
    table.push_back({.section = section, .group = group, .key = "limit-action", .type = word,
        .words = {"report", "refuse", "kill"}, .fallback = "report", .types = kProcess,
        .text = "What the module does about forks beyond a limit. In any case it tells the event "
                "`limit` (see `initctl monitor`). `refuse` kills the new process before it runs; its "
                "parent sees a child that SIGKILL has ended. `kill` kills all of the start at once, "
                "which is answered as any other end of the service.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.kernel_limits.edit().action = static_cast<LimitAction>(v.word);
            return {};
        }}});
}

} // namespace leash
