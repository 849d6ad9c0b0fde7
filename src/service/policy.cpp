// SPDX-License-Identifier: MIT
#include "service/policy.h"

#include <algorithm>
#include <array>
#include <csignal>

#include "base/shell_words.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "base/units.h"

namespace leash {
namespace {

constexpr std::array<std::string_view, kTroubleKinds> kKindNames{
    "missed-heartbeat", "crash-loop", "start-timeout", "runtime-limit", "client-deadline", "cpu-hog",
    "memory-hog", "memory-leak", "fd-hog", "fd-leak", "shm-hog", "task-hog", "stuck", "stopped",
    "livelock", "deadlock", "no-task", "stray", "unusual"};
constexpr std::array<std::string_view, 13> kStepNames{
    "report", "signal", "exec", "limit", "freeze", "dump", "restart", "restart-dependents", "stop",
    "safe", "reboot", "poweroff", "halt"};
constexpr std::string_view kAllowedSteps = // for messages
    "report, signal [NAME], exec:COMMAND, limit [VALUE], freeze, dump, restart, restart-dependents, "
    "stop, safe, reboot, poweroff, halt";
constexpr std::string_view kExec = "exec:";
constexpr std::string_view kBlanks = " \t\r\n";

// A step's text as its tokens: exec's arguments stay as they are written, quotes and all, so that
// a quoted word is never taken for a clause.
using Tokens = std::vector<std::string_view>;

Tokens tokens_of(std::string_view text) {
    Tokens tokens;
    while (true) {
        auto first = text.find_first_not_of(kBlanks);
        if (first == std::string_view::npos) return tokens;
        text.remove_prefix(first);
        auto end = find_unquoted(text, kBlanks);
        tokens.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

bool digits_only(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A number before a slash: what stands so at the end of a step is its budget.
bool like_a_budget(std::string_view word) {
    auto slash = word.find('/');
    return slash != std::string_view::npos && digits_only(word.substr(0, slash));
}

// ---- the clauses: N/TIME, at LEVEL, after TIME; taken off the end, each at most once ------------

Result<void> set_after(Step& step, std::string_view value) {
    if (step.after != 0ms) return fail("'after' is given twice");
    auto time = parse_duration(value);
    if (!time) return fail("after: {}", time.error().text);
    if (*time == 0ms) return fail("after: the time must be longer than 0");
    step.after = *time;
    return {};
}

Result<void> set_level(Step& step, std::string_view value) {
    if (step.at_percent) return fail("'at' is given twice");
    auto number = value.ends_with('%') ? parse_unsigned(value.substr(0, value.size() - 1))
                                       : std::nullopt;
    if (!number || *number < 1 || *number > 100)
        return fail("'at {}': write a level from 1% to 100%", printable(value));
    step.at_percent = static_cast<int>(*number);
    return {};
}

Result<void> set_budget(Step& step, std::string_view value) {
    if (step.budget) return fail("a budget is given twice");
    auto budget = parse_rate_limit(value);
    if (!budget) return std::unexpected(budget.error());
    if (budget->count == 0) return fail("'{}': a budget of 0 never lets the step happen", value);
    step.budget = *budget;
    return {};
}

Result<void> take_clauses(Tokens& tokens, Step& step) {
    while (tokens.size() > 1) {
        auto last = tokens.back();
        auto before = tokens[tokens.size() - 2];
        Result<void> taken;
        if (last == "after" || last == "at") {
            return fail("'{}' needs a {} behind it (quote it if it is an argument)", last,
                        last == "at" ? "level" : "time");
        } else if (tokens.size() > 2 && before == "after") {
            taken = set_after(step, last);
            tokens.pop_back();
        } else if (tokens.size() > 2 && before == "at") {
            taken = set_level(step, last);
            tokens.pop_back();
        } else if (like_a_budget(last)) {
            taken = set_budget(step, last);
        } else {
            return {};
        }
        if (!taken) return taken;
        tokens.pop_back();
    }
    return {};
}

// ---- one step -----------------------------------------------------------------------------------

std::unexpected<Error> unknown_step(std::string_view word) {
    std::vector<std::string_view> names(kStepNames.begin(), kStepNames.end());
    auto close = closest_word(word, names);
    if (!close.empty())
        return fail("unknown step '{}': did you mean {}?", printable(word), close);
    return fail("unknown step '{}': use {}", printable(word), kAllowedSteps);
}

Result<Step> parse_exec(std::string_view text) {
    Step step{.kind = StepKind::exec};
    text.remove_prefix(kExec.size());
    auto tokens = tokens_of(text);
    if (auto taken = take_clauses(tokens, step); !taken) return std::unexpected(taken.error());
    if (tokens.empty()) return fail("exec: needs a command, such as exec:/usr/bin/logger hung");
    auto end = tokens.back().data() + tokens.back().size();
    auto words = split_command({tokens.front().data(), end});
    if (!words) return fail("exec: {}", words.error().text);
    step.command = std::move(*words);
    if (step.command.empty() || step.command.front().empty())
        return fail("exec: needs a command, such as exec:/usr/bin/logger hung");
    return step;
}

Result<Step> parse_step(std::string_view text) {
    if (text.starts_with(kExec)) return parse_exec(text);

    auto tokens = tokens_of(text);
    auto name = tokens.front();
    if (name == "exec") return fail("exec is written exec:COMMAND, without a blank");
    auto known = std::ranges::find(kStepNames, name);
    if (known == kStepNames.end()) return unknown_step(name);
    Step step{.kind = static_cast<StepKind>(known - kStepNames.begin())};

    if (auto taken = take_clauses(tokens, step); !taken) return std::unexpected(taken.error());
    if (step.kind == StepKind::signal) step.signal = SIGABRT;
    if (step.kind == StepKind::signal && tokens.size() > 1) {
        auto number = signal_number(tokens[1]);
        if (!number) return std::unexpected(number.error());
        step.signal = *number;
        tokens.erase(tokens.begin() + 1);
    }
    if (step.kind == StepKind::limit && tokens.size() > 1) {
        auto value = parse_limit_value(tokens[1]);
        if (!value) return std::unexpected(value.error());
        step.limit = *value;
        tokens.erase(tokens.begin() + 1);
    }
    if (tokens.size() > 1)
        return fail("'{}' means nothing behind '{}': what may follow is N/TIME, at LEVEL%, after "
                    "TIME; steps are separated by commas",
                    printable(tokens[1]), name);
    return step;
}

// ---- writing ------------------------------------------------------------------------------------

// As an argument of exec, kept apart from the clauses.
std::string quoted_argument(const std::string& word) {
    auto text = join_command({word});
    bool like_a_clause = word == "after" || word == "at" || like_a_budget(word);
    return text == word && like_a_clause ? "'" + word + "'" : text;
}

} // namespace

std::string_view to_string(TroubleKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

std::optional<TroubleKind> trouble_kind_named(std::string_view name) {
    auto known = std::ranges::find(kKindNames, name);
    if (known == kKindNames.end()) return std::nullopt;
    return static_cast<TroubleKind>(known - kKindNames.begin());
}

std::string_view to_string(StepKind kind) { return kStepNames[static_cast<std::size_t>(kind)]; }

bool is_final(StepKind kind) {
    switch (kind) {
    case StepKind::report:
    case StepKind::signal:
    case StepKind::exec:
    case StepKind::limit:
    case StepKind::freeze:
    case StepKind::dump: return false;
    default: return true;
    }
}

bool has_level(TroubleKind kind) {
    return kind >= TroubleKind::cpu_hog && kind <= TroubleKind::task_hog;
}

bool is_found(TroubleKind kind) { return kind >= TroubleKind::cpu_hog; }

LimitOf limit_of(TroubleKind kind) {
    switch (kind) {
    case TroubleKind::cpu_hog:
    case TroubleKind::livelock: return LimitOf::cpu;
    case TroubleKind::memory_hog:
    case TroubleKind::memory_leak:
    case TroubleKind::shm_hog: return LimitOf::memory;
    case TroubleKind::task_hog: return LimitOf::tasks;
    case TroubleKind::fd_hog:
    case TroubleKind::fd_leak: return LimitOf::descriptors;
    default: return LimitOf::nothing;
    }
}

Result<LimitValue> parse_limit_value(std::string_view text) {
    bool percent = text.ends_with('%');
    auto number = percent ? parse_unsigned(text.substr(0, text.size() - 1)) : std::nullopt;
    if (percent && number && *number >= 1 && *number <= 100'000) return LimitValue{*number, true};
    auto size = percent ? fail("") : parse_size(text);
    if (size && *size > 0) return LimitValue{*size, false};
    return fail("'limit {}': write a share (50%), a size (64M) or a number", printable(text));
}

Result<RateLimit> parse_rate_limit(std::string_view text) {
    text = trim(text);
    auto slash = text.find('/');
    if (slash == std::string_view::npos)
        return fail("'{}' is no rate: write N/TIME, such as 3/10m", printable(text));
    auto number = parse_unsigned(trim(text.substr(0, slash)));
    if (!number || *number > static_cast<std::uint64_t>(kMaxRateCount))
        return fail("'{}': the number before the / must be from 0 to {}", printable(text),
                    kMaxRateCount);
    auto window = parse_duration(text.substr(slash + 1));
    if (!window) return fail("'{}': {}", printable(text), window.error().text);
    if (*window == 0ms) return fail("'{}': the time must be longer than 0", printable(text));
    return RateLimit{static_cast<int>(*number), *window};
}

std::string to_string(const RateLimit& limit) {
    return fmt::format("{}/{}", limit.count, format_duration(limit.window));
}

Result<Policy> parse_policy(std::string_view text) {
    Policy policy;
    while (true) {
        auto end = find_unquoted(text, ",");
        auto piece = text.substr(0, end);
        auto first = piece.find_first_not_of(kBlanks);
        auto number = policy.size() + 1;
        if (first == std::string_view::npos)
            return fail("step {} is empty: use {}", number, kAllowedSteps);
        if (number > kMaxSteps) return fail("more than {} steps", kMaxSteps);
        auto step = parse_step(piece.substr(first));
        if (!step) return fail("step {}: {}", number, step.error().text);
        policy.push_back(std::move(*step));
        if (end == text.size()) return policy;
        text.remove_prefix(end + 1);
    }
}

std::string to_string(const Step& step) {
    std::string text(to_string(step.kind));
    if (step.kind == StepKind::signal) text += " " + signal_name(step.signal);
    if (step.limit)
        text += step.limit->percent ? fmt::format(" {}%", step.limit->number)
                                    : " " + format_size(step.limit->number);
    if (step.kind == StepKind::exec) {
        char before = ':';
        for (const auto& word : step.command) {
            text += before + quoted_argument(word);
            before = ' ';
        }
    }
    if (step.budget) text += " " + to_string(*step.budget);
    if (step.at_percent) text += fmt::format(" at {}%", *step.at_percent);
    if (step.after != 0ms) text += " after " + format_duration(step.after);
    return text;
}

std::string to_string(const Policy& policy) {
    std::string text;
    for (const auto& step : policy) {
        if (&step != &policy.front()) text += ", ";
        text += to_string(step);
    }
    return text;
}

} // namespace leash
