// SPDX-License-Identifier: MIT
// Signals by name and number.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leash {

// `TERM`, `SIGTERM`, `sigterm`, `RTMIN+3`, `RTMAX-1`, or a number from 1 to 64.
[[nodiscard]] Result<int> signal_number(std::string_view name);

// `SIGTERM`, `SIGRTMIN+3`; what has no name is given as its number. For every number from 1 to 64,
// signal_number gives back the same.
[[nodiscard]] std::string signal_name(int number);

} // namespace leash
