// SPDX-License-Identifier: MIT
// Times and sizes as people write them: `100ms`, `5s`, `10m`, `2h`; `64K`, `20M`, `1G`. Whole
// numbers only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace leash {

inline constexpr Ms kLongestDuration{87'600h};                        // ten years
inline constexpr std::uint64_t kLargestSize = std::uint64_t{1} << 60; // bytes

// A number and one of ms, s, m, h; blanks may stand between them. A bare number is an error (of
// what?), even 0: write `0s`. Range: 0 to kLongestDuration.
[[nodiscard]] Result<Ms> parse_duration(std::string_view text);
// In the largest unit that divides it: `90s`, `1500ms`, `2h`, `0s`. Parses back to the same.
[[nodiscard]] std::string format_duration(Ms duration);

// Bytes: a number, or a number and one of K, M, G (powers of 1024; any case). Up to kLargestSize.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// In the largest unit that divides it: `20M`, `1000`. Parses back to the same.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

} // namespace leash
