// SPDX-License-Identifier: MIT
#include "finder/settings.h"

#include "base/text.h"

namespace leash::finder {

Settings parse_settings(std::string_view text) {
    Settings settings;
    while (!text.empty()) {
        auto end = text.find(' ');
        auto word = text.substr(0, end);
        auto sign = word.find('=');
        if (sign != std::string_view::npos && sign > 0)
            settings.emplace(word.substr(0, sign), word.substr(sign + 1));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return settings;
}

std::optional<Amount> parse_amount(std::string_view text) {
    Amount amount;
    auto slash = text.find('/');
    if (slash != std::string_view::npos) {
        auto ms = parse_unsigned(text.substr(slash + 1));
        if (!ms || *ms == 0) return std::nullopt;
        amount.ms = *ms;
        text = text.substr(0, slash);
    }
    if (text.ends_with('%')) {
        amount.percent = true;
        text.remove_suffix(1);
    }
    auto number = parse_unsigned(text);
    if (!number || *number == 0) return std::nullopt;
    amount.number = *number;
    return amount;
}

std::optional<Amount> amount_of(const Subject& subject, std::string_view key) {
    auto found = subject.settings.find(key);
    return found == subject.settings.end() ? std::nullopt : parse_amount(found->second);
}

CountAndRate count_and_rate_of(const Subject& subject, std::string_view key) {
    CountAndRate both;
    auto found = subject.settings.find(key);
    if (found == subject.settings.end()) return both;
    std::string_view text(found->second);
    while (!text.empty()) {
        auto end = text.find(',');
        if (auto amount = parse_amount(text.substr(0, end)))
            (amount->ms > 0 ? both.rate : both.count) = amount;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return both;
}

} // namespace leash::finder
