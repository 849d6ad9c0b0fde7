// SPDX-License-Identifier: MIT
// A command line, split by the shell's quoting rules without a shell: '…' keeps everything, "…"
// keeps everything but \" \\ \$ and \`, a backslash outside of quotes keeps the character behind
// it. Nothing is expanded: $, *, ~, |, ; and the rest are ordinary characters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leash {

// Empty text gives no words. An open quote, a backslash at the end and a NUL byte are errors.
[[nodiscard]] Result<std::vector<std::string>> split_command(std::string_view text);

// The reverse: words with anything unusual in them are put into '…'; split_command gives back the
// same words.
[[nodiscard]] std::string join_command(const std::vector<std::string>& words);

// The end of the word or comma-separated item that begins `text`: the first of `separators` that
// stands outside of quotes, or text.size(). An open quote reaches to the end.
[[nodiscard]] std::size_t find_unquoted(std::string_view text, std::string_view separators);

} // namespace leash
