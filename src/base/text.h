// SPDX-License-Identifier: MIT
// Small text helpers that the standard library does not have yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leash {

[[nodiscard]] std::string_view trim(std::string_view text); // blanks and tabs at both ends
// Splits at `separator`; pieces are trimmed; empty pieces are kept unless skip_empty.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator,
                                                  bool skip_empty = false);
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view digits); // decimal, whole
// The number behind `key` at the beginning of a line, as in /proc/meminfo and memory.stat.
[[nodiscard]] std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key);
[[nodiscard]] std::string join(const std::vector<std::string>& words, std::string_view separator);

// The candidate closest to `word` within a third of its length (at least one edit), else "".
// For "did you mean": transposed neighbours count as one edit.
[[nodiscard]] std::string_view closest_word(std::string_view word,
                                            const std::vector<std::string_view>& candidates);

// Length in bytes of the valid UTF-8 sequence at the start of a non-empty text, 0 if there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// What the kernel's lists of mounts and swaps write for blanks, tabs, newlines and backslashes, \ooo,
// as what it stands for; what is no such escape stays.
[[nodiscard]] std::string unescape_octal(std::string_view text);

// What a terminal may be shown: control characters and broken UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace leash
