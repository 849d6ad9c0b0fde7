// SPDX-License-Identifier: MIT
// Checks of single values that several keys share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema.h"

namespace leash {

// Items separated by commas; commas in quotes do not separate. Quotes stay in the items. Empty
// text: no items; an empty item is a fault.
[[nodiscard]] Checked<std::vector<std::string>> split_items(std::string_view text);

// NAME=VALUE, where either may be quoted; blanks outside of quotes are a fault.
[[nodiscard]] Checked<std::pair<std::string, std::string>> parse_pair(const std::string& item);

// Absolute, without "." and ".." parts and double slashes; one slash at the end is taken off.
[[nodiscard]] Checked<std::string> parse_path(std::string_view text);

// A device under /dev: "ttyS0", "/dev/ttyS0" or "console"; gives the name below /dev.
[[nodiscard]] Checked<std::string> parse_device_name(std::string_view text);

// A user's or group's name, or a number up to 4294967294.
[[nodiscard]] Checked<std::string> parse_account(std::string_view text);

// Replaces %n by the service's name, %i by what follows the first @ of it, and %% by a single %. A
// fault where there is no @.
[[nodiscard]] Checked<std::string> fill_in(std::string_view text, std::string_view service);

// Whether there are only ASCII letters, digits and the given characters in it.
[[nodiscard]] bool only_of(std::string_view text, std::string_view more_than_letters_and_digits);

} // namespace leash
