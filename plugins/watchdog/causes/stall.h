// SPDX-License-Identifier: MIT
// What a verdict page says about the feeding, and what /proc says about PID 1: whether the WDT is about
// to fire, and of what.
#pragma once

#include "../verdict_page.h"

#include <cstddef>
#include <cstdint>

namespace leash_watchdog {

enum class Danger {
    none,
    loop,    // PID 1's loop stands still
    verdict, // PID 1 says that it is not to be fed
    limit,   // ... or that the time for which it is fed is over
    kicker,  // the kicker stands still or is gone, and PID 1 does not stand in for it
};

[[nodiscard]] Danger danger(const leash_verdict_page& page, std::int64_t now_ms);

// "PID 1's loop has stood still for 9.8 s"
void describe(Danger danger, const leash_verdict_page& page, std::int64_t now_ms, char* text,
              std::size_t size);
// "; PID 1: S, in do_wait (do_wait < kernel_wait4); load 0.10 0.05 0.01": as far as it can be read.
void describe_pid1(char* text, std::size_t size);

} // namespace leash_watchdog
