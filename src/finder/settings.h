// SPDX-License-Identifier: MIT
// The settings of a subject as values: what a key says in plain units, "90/30000", "80%", "200".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "finder/finding.h"

namespace leash::finder {

using Settings = std::map<std::string, std::string, std::less<>>;

// "cpu-hog=90/30000 fd-hog=90%": words without a '=' and repeated keys are left out.
[[nodiscard]] Settings parse_settings(std::string_view text);

// A number, whether it is a share in percent, and the time behind its slash in ms.
struct Amount {
    std::uint64_t number = 0;
    bool percent = false;
    std::uint64_t ms = 0; // 0: none
};
[[nodiscard]] std::optional<Amount> parse_amount(std::string_view text);
// Of one key of a subject; nothing: it is off, or makes no sense.
[[nodiscard]] std::optional<Amount> amount_of(const Subject& subject, std::string_view key);
// "200,500/10000": the one without a time, and the one with.
struct CountAndRate {
    std::optional<Amount> count, rate;
};
[[nodiscard]] CountAndRate count_and_rate_of(const Subject& subject, std::string_view key);

} // namespace leash::finder
