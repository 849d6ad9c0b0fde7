// SPDX-License-Identifier: MIT
// The rows of [monitor NAME], and what its keys have to do with each other. The plugin
// (plugins/monitor) gets the texts; the defaults of the levels are by type and stand there, in
// settings.cpp.
#include "base/shell_words.h"
#include "base/text.h"
#include "base/units.h"
#include "config/complaint.h"
#include "config/schema_parts.h"
#include "config/values.h"
#include "service/machine_trouble.h"

#include <algorithm>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace leash {
namespace {

using S = SystemSettings;
using V = Value;

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::string_view kSection = "monitor NAME";
constexpr std::string_view kLevelGrammar = "a number from 0 to 1000000, with or without %, or none";
constexpr std::string_view kAfterGrammar =
    "a number of samples in a row (1..1000), or a time (1ms..24h)";

// As plugins/monitor/settings.cpp reads it.
std::optional<double> level_of(std::string_view text) {
    if (text.ends_with('%')) text.remove_suffix(1);
    auto dot = text.find('.');
    auto whole = parse_unsigned(trim(text.substr(0, dot)));
    if (!whole || *whole > 1'000'000) return std::nullopt;
    double level = static_cast<double>(*whole);
    if (dot == std::string_view::npos) return level;
    auto digits = trim(text.substr(dot + 1));
    auto part = parse_unsigned(digits);
    if (!part || digits.size() > 3) return std::nullopt;
    double scale = digits.size() == 1 ? 10 : digits.size() == 2 ? 100 : 1000;
    return level + static_cast<double>(*part) / scale;
}

Checked<void> check_level(S&, const V& v) {
    if (v.text == "none" || level_of(v.text)) return {};
    return fault(fmt::format("{}; allowed: {}", quote(v.text), kLevelGrammar));
}

Checked<void> check_degrees(S&, const V& v) {
    auto level = level_of(v.text);
    if (level && *level >= 1 && *level <= 1000 && !v.text.ends_with('%')) return {};
    return fault(fmt::format("{}; allowed: degrees Celsius, 1..1000", quote(v.text)));
}

Checked<void> check_after(S&, const V& v) {
    auto number = parse_unsigned(v.text);
    if (number && *number >= 1 && *number <= 1000) return {};
    auto time = number ? fail("{} is out of range", v.text) : parse_duration(v.text);
    if (time && *time >= 1ms && *time <= 24h) return {};
    return fault(fmt::format("{}; allowed: {}", quote(v.text), kAfterGrammar));
}

Checked<void> check_path(S&, const V& v) {
    auto path = parse_path(v.text);
    return path ? Checked<void>{} : std::unexpected(path.error());
}

Checked<void> check_address(S&, const V& v) {
    in_addr address{};
    if (inet_pton(AF_INET, v.text.c_str(), &address) == 1) return {};
    return fault(
        fmt::format("{} is no IPv4 address", quote(v.text)),
        "a name would have to be looked up, which needs the very network that is looked at");
}

Checked<void> check_interface(S&, const V& v) {
    bool good = v.text.size() <= 15 && v.text != "." && v.text != ".." &&
                v.text.find_first_of("/ \t:") == std::string::npos;
    if (good) return {};
    return fault(fmt::format("{} is not an interface's name", quote(v.text)), "for example eth0");
}

Checked<void> check_count(S&, const V& v) {
    auto number = parse_unsigned(v.text);
    if (number && *number >= 1 && *number <= 20) return {};
    return fault(fmt::format("{} is out of range; allowed: 1..20", quote(v.text)));
}

std::string text_of(const TextPairs& texts, std::string_view key) {
    auto found = std::ranges::find(texts, key, &TextPairs::value_type::first);
    return found == texts.end() ? "" : found->second;
}

} // namespace

std::vector<SectionFault> monitor_faults(std::string_view label, const TextPairs& texts) {
    std::vector<SectionFault> faults;
    auto type = text_of(texts, "type");
    if (label.size() > 50) faults.push_back({"", "the name is longer than 50 characters", ""});
    if (type.empty()) {
        faults.push_back({"", "has no type", "for example type = memory"});
        return faults;
    }
    if (type == "script" && text_of(texts, "command").empty())
        faults.push_back(
            {"type", "script has no command", "for example command = /usr/lib/check-disk"});
    if (type == "filesystem" && text_of(texts, "path").empty())
        faults.push_back({"type", "filesystem has no path", "for example path = /var"});
    if (type == "network" && text_of(texts, "interface").empty() && text_of(texts, "ping").empty())
        faults.push_back(
            {"type", "network has neither interface nor ping", "for example interface = eth0"});
    auto warning = level_of(text_of(texts, "warning")),
         critical = level_of(text_of(texts, "critical")), clear = level_of(text_of(texts, "clear"));
    if (warning && critical && *warning > *critical)
        faults.push_back({"warning",
                          fmt::format("{} is above critical, which is {}",
                                      text_of(texts, "warning"), text_of(texts, "critical")),
                          "a warning comes first"});
    auto least = warning ? warning : critical;
    if (clear && least && *clear > *least)
        faults.push_back(
            {"clear", fmt::format("{} is above the level that it clears", text_of(texts, "clear")),
             "it lies below, so that the level does not come and go"});
    return faults;
}

void add_monitor(std::vector<KeySpec>& table) {
    using enum ValueType;
    auto check = [](auto setter) { return SystemSetter{setter}; };
    auto nothing = [](S&, const V&) -> Checked<void> { return {}; };
    table.push_back({.section = kSection,
                     .key = "type",
                     .type = word,
                     .words = {"load", "memory", "files", "filesystem", "temperature", "script",
                               "pressure", "network", "processes", "clock"},
                     .text = "What is looked at; see the types above. It has to be given.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "enabled",
                     .type = word,
                     .words = {"yes", "no"},
                     .fallback = "yes",
                     .text = "`no`: the section is read and left alone.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "interval",
                     .type = duration,
                     .least = 100,
                     .most = 24 * kHour,
                     .fallback = "10s",
                     .text = "The time from one sample to the next.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "timeout",
                     .type = duration,
                     .least = 100,
                     .most = kHour,
                     .fallback = "10s",
                     .text = "How long a sample may take that is taken by a process of its own "
                             "(scripts, file systems, "
                             "sensors, pings, `allocate`, `fork-test`). Then that process is "
                             "killed with its group, "
                             "and it counts as critical.",
                     .set = check(nothing)});
    for (auto key : {"warning", "critical"})
        table.push_back(
            {.section = kSection,
             .key = key,
             .type = grammar,
             .grammar = kLevelGrammar,
             .fallback_note = "by type",
             .text = std::string_view(key) == "warning"
                         ? "The level is `warning` for a value at or above this; `none`: never. Of "
                           "a share "
                           "the value is in percent; the unit of other types stands with them."
                         : "The level is `critical` for a value at or above this; `none`: only for "
                           "what is "
                           "critical by itself (does not answer, is down).",
             .set = check(check_level)});
    table.push_back(
        {.section = kSection,
         .key = "clear",
         .type = grammar,
         .grammar = kLevelGrammar,
         .fallback_note =
             "5 % below `warning`; for `script`, `network` and `clock` `warning` itself",
         .text = "The level is left when the value has fallen below this; `critical` becomes "
                 "`warning` by "
                 "the same distance.",
         .set = check(check_level)});
    table.push_back({.section = kSection,
                     .key = "after",
                     .type = grammar,
                     .grammar = kAfterGrammar,
                     .fallback = "1",
                     .text = "A higher level counts once that many samples in a row have reached "
                             "it, or all of them "
                             "for that time. A lower one counts at once.",
                     .set = check(check_after)});
    for (auto key : {"on-warning", "on-critical"})
        table.push_back({.section = kSection,
                         .key = key,
                         .type = grammar,
                         .grammar = "the steps report, exec:COMMAND, safe, reboot, poweroff, halt",
                         .fallback = "report",
                         .text = std::string_view(key) == "on-warning"
                                     ? "The answer to the level `warning`, a policy as in "
                                       "leash.service(5), of steps "
                                       "that need no service. A step with `after` is taken if the "
                                       "level still stands "
                                       "then. `exec:` has TROUBLE_SOURCE, TROUBLE_KIND and REASON "
                                       "in its environment."
                                     : "The answer to the level `critical`.",
                         .set = check(check_machine_policy)});

    table.push_back(
        {.section = kSection,
         .key = "settle-time",
         .type = duration,
         .least = 0,
         .most = kHour,
         .fallback = "5m",
         .text = "`load`: it is not critical before the machine has been up for so long.",
         .set = check(nothing)});
    table.push_back(
        {.section = kSection,
         .key = "with-swap",
         .type = word,
         .words = {"no", "yes"},
         .fallback = "no",
         .text = "`memory`: look at the share that is used on a machine with swap, too.",
         .set = check(nothing)});
    table.push_back(
        {.section = kSection,
         .key = "min-free",
         .type = size,
         .least = 0,
         .most = kMiB << 20,
         .fallback = "0",
         .text = "`memory`: less than this being available is critical, whatever the share.",
         .set = check(nothing)});
    table.push_back(
        {.section = kSection,
         .key = "allocate",
         .type = size,
         .least = 0,
         .most = kMiB << 20,
         .fallback = "0",
         .text =
             "`memory`: take so much memory and touch it, each time; it is critical if that fails. "
             "Should the kernel run out of memory then, the process that tries is the one to go.",
         .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "scope",
                     .type = word,
                     .words = {"system", "process"},
                     .fallback = "system",
                     .text = "`files`: the table of the whole system, or the process that comes "
                             "closest to its limit "
                             "(RLIMIT_NOFILE); its service is named.",
                     .set = check(nothing)});
    table.push_back(
        {.section = kSection,
         .key = "path",
         .type = grammar,
         .grammar = "an absolute path",
         .text =
             "`filesystem`: any place on it. `temperature`: one file with thousandths of a degree, "
             "instead of all sensors.",
         .set = check(check_path)});
    table.push_back(
        {.section = kSection,
         .key = "limit",
         .type = grammar,
         .grammar = "degrees Celsius, 1..1000",
         .fallback = "100",
         .text =
             "`temperature`: what a sensor may reach that has no critical temperature of its own.",
         .set = check(check_degrees)});
    table.push_back({.section = kSection,
                     .key = "command",
                     .type = command,
                     .text = "`script`: the program, with MONITOR=NAME in its environment.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "resource",
                     .type = word,
                     .words = {"cpu", "memory", "io"},
                     .fallback = "memory",
                     .text = "`pressure`: for what tasks wait.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "kind",
                     .type = word,
                     .words = {"some", "full"},
                     .fallback = "some",
                     .text = "`pressure`: some tasks wait, or all of them at once.",
                     .set = check(nothing)});
    table.push_back({.section = kSection,
                     .key = "interface",
                     .type = grammar,
                     .grammar = "an interface's name",
                     .text = "`network`: being absent, down or without carrier is critical; a "
                             "warning, if nothing was "
                             "received since the sample before (not with `ping`).",
                     .set = check(check_interface)});
    table.push_back({.section = kSection,
                     .key = "ping",
                     .type = grammar,
                     .grammar = "an IPv4 address",
                     .text = "`network`: the value is the share of pings to it that are lost. Each "
                             "may take a second.",
                     .set = check(check_address)});
    table.push_back({.section = kSection,
                     .key = "ping-count",
                     .type = grammar,
                     .grammar = "1..20",
                     .fallback = "3",
                     .text = "`network`: how many pings a sample is.",
                     .set = check(check_count)});
    table.push_back({.section = kSection,
                     .key = "fork-test",
                     .type = word,
                     .words = {"no", "yes"},
                     .fallback = "no",
                     .text = "`processes`: make a process, too; it is critical if that fails.",
                     .set = check(nothing)});
}

} // namespace leash
