// SPDX-License-Identifier: MIT
// Time in Leash: milliseconds of CLOCK_MONOTONIC. The functional core never reads a clock; it is
// told the time.
#pragma once

#include <chrono>

namespace leash {

using Ms = std::chrono::milliseconds;
using namespace std::chrono_literals;

[[nodiscard]] Ms monotonic_now();

} // namespace leash
