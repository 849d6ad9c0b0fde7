// SPDX-License-Identifier: MIT
// What can be done with the schema table. The rows are in schema_service.cpp and schema_system.cpp.
#include "config/schema.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/shell_words.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "base/units.h"
#include "config/complaint.h"
#include "config/schema_parts.h"
#include "config/values.h"

namespace leash {
namespace {

std::string joined(const std::vector<std::string_view>& words) {
    return join({words.begin(), words.end()}, ", ");
}

// "TEXT; allowed: ..." from an error of base/.
std::unexpected<Fault> with_allowed(const KeySpec& spec, const std::string& text) {
    return fault(fmt::format("{}; allowed: {}", text, allowed(spec)));
}

Checked<Value> parse_word(const KeySpec& spec, Value value) {
    auto found = std::ranges::find(spec.words, value.text);
    if (found == spec.words.end())
        return fault(fmt::format("{}; allowed: {}", quote(value.text), joined(spec.words)),
                     did_you_mean(closest_word(value.text, spec.words)));
    value.word = static_cast<std::size_t>(found - spec.words.begin());
    return value;
}

Checked<Value> parse_time(const KeySpec& spec, Value value) {
    // A bare 0 has no unit to be wrong about; neither has no limit.
    bool none = value.text == "0" || (value.text == "infinity" && !spec.zero.empty());
    auto time = parse_duration(none ? "0s" : value.text);
    if (!time) return with_allowed(spec, time.error().text);
    bool zero = time->count() == 0 && !spec.zero.empty();
    if (!zero && (time->count() < spec.least || time->count() > spec.most))
        return with_allowed(spec, fmt::format("{} is out of range", quote(value.text)));
    if (time->count() % spec.step != 0)
        return with_allowed(spec, fmt::format("{} is not a whole number of {}", quote(value.text),
                                              spec.step == 1000 ? "seconds" : "units"));
    value.time = *time;
    return value;
}

Checked<Value> parse_bytes(const KeySpec& spec, Value value) {
    auto size = parse_size(value.text);
    if (!size) return with_allowed(spec, size.error().text);
    if (*size < static_cast<std::uint64_t>(spec.least) ||
        *size > static_cast<std::uint64_t>(spec.most))
        return with_allowed(spec, fmt::format("{} is out of range", quote(value.text)));
    value.size = *size;
    return value;
}

Checked<Value> parse_argv(const KeySpec& spec, Value value) {
    auto words = split_command(value.text);
    if (!words) return with_allowed(spec, words.error().text);
    if (words->empty() || words->front().empty())
        return with_allowed(spec, "there is no program in it");
    value.items = std::move(*words);
    return value;
}

} // namespace

std::string_view to_string(ValueType type) {
    switch (type) {
    case ValueType::text: return "TEXT";
    case ValueType::word: return "WORD";
    case ValueType::duration: return "TIME";
    case ValueType::size: return "SIZE";
    case ValueType::rate: return "N/TIME";
    case ValueType::signal: return "SIGNAL";
    case ValueType::command:
    case ValueType::commands: return "COMMAND";
    case ValueType::policy: return "POLICY";
    case ValueType::list: return "LIST";
    case ValueType::grammar: return "VALUE";
    }
    return "";
}

void forget_schemas() {
    std::exchange(kept_service_schema(), {});
    std::exchange(kept_system_schema(), {});
}

std::string_view schema_section(std::string_view section) {
    auto blank = section.find(' ');
    auto plugin = section.substr(0, blank);
    for (const auto& spec : system_schema()) {
        bool labelled = spec.section.find(' ') != std::string_view::npos;
        if (labelled != (blank != std::string_view::npos)) continue;
        if (spec.section.substr(0, spec.section.find(' ')) == plugin) return spec.section;
    }
    return {};
}

const KeySpec* find_key(std::string_view section, std::string_view key) {
    for (const auto* schema : {&service_schema(), &system_schema()})
        for (const auto& spec : *schema)
            if (spec.section == section && spec.key == key) return &spec;
    return nullptr;
}

std::string allowed(const KeySpec& spec) {
    switch (spec.type) {
    case ValueType::text: return "any text";
    case ValueType::word: return joined(spec.words);
    case ValueType::duration: {
        auto range = fmt::format("{}..{}", format_duration(Ms{spec.least}),
                                 format_duration(Ms{spec.most}));
        if (spec.step == 1000) range += " in whole seconds";
        return spec.zero.empty() ? range : fmt::format("0 ({}) or {}", spec.zero, range);
    }
    case ValueType::size:
        return fmt::format("{}..{}", format_size(static_cast<std::uint64_t>(spec.least)),
                           format_size(static_cast<std::uint64_t>(spec.most)));
    case ValueType::rate:
        return fmt::format("{}N/TIME, for example 5/10s, N 1..{}, TIME 1ms..24h",
                           spec.zero.empty() ? "" : fmt::format("0 ({}) or ", spec.zero), kMaxRateCount);
    case ValueType::signal: return "a signal's name or number, for example TERM, RTMIN+3, 15";
    case ValueType::command: return "a program and its arguments";
    case ValueType::commands: return "a program and its arguments, '-' before it if it may fail";
    case ValueType::policy: return "STEP [ARG] [N/TIME] [at LEVEL] [after TIME] {, STEP ...}";
    case ValueType::list: return fmt::format("{} {{, ...}}", spec.grammar);
    case ValueType::grammar: return std::string(spec.grammar);
    }
    return "";
}

Checked<Value> parse_value(const KeySpec& spec, std::string_view text) {
    Value value;
    value.text = trim(text);
    if (value.text.empty() && !spec.is_list() && spec.type != ValueType::text)
        return fault(fmt::format("no value; allowed: {}", allowed(spec)),
                     "leave the key out for the default");
    switch (spec.type) {
    case ValueType::text:
    case ValueType::grammar: return value;
    case ValueType::word: return parse_word(spec, std::move(value));
    case ValueType::duration: return parse_time(spec, std::move(value));
    case ValueType::size: return parse_bytes(spec, std::move(value));
    case ValueType::command: return parse_argv(spec, std::move(value));
    case ValueType::commands:
        if (value.text.empty()) return value;
        value.may_fail = value.text.front() == '-';
        if (value.may_fail) value.text = trim(std::string_view(value.text).substr(1));
        return parse_argv(spec, std::move(value));
    case ValueType::rate: {
        if (value.text == "0" && !spec.zero.empty()) return value;
        auto rate = parse_rate_limit(value.text);
        if (!rate) return with_allowed(spec, rate.error().text);
        if (rate->count < 1 || rate->window > 24h)
            return with_allowed(spec, fmt::format("{} is out of range", quote(value.text)));
        value.rate = *rate;
        return value;
    }
    case ValueType::signal: {
        auto number = signal_number(value.text);
        if (!number) return with_allowed(spec, number.error().text);
        value.signal = *number;
        return value;
    }
    case ValueType::policy: {
        auto policy = parse_policy(value.text);
        if (!policy) return fault(policy.error().text);
        value.policy = std::move(*policy);
        return value;
    }
    case ValueType::list: {
        auto items = split_items(value.text);
        if (!items)
            return fault(fmt::format("{}; allowed: {}", items.error().text, allowed(spec)),
                         items.error().hint);
        value.items = std::move(*items);
        return value;
    }
    }
    return value;
}

} // namespace leash
