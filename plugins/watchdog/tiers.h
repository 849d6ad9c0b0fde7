// SPDX-License-Identifier: MIT
// Several WDTs make tiers: one that lets the kernel tell what it knows (softdog, whose end is a
// panic) after T1, the hardware's reset after T2, should even that fail. Do they make sense?
#pragma once

#include <cstddef>
#include <span>

namespace leash_watchdog {

struct Tier {
    const char* path = "";
    const char* identity = ""; // as the driver says
    int timeout_s = 0;
};

// `text`: what is wrong, and what to do; "": nothing.
void tier_trouble(std::span<const Tier> tiers, char* text, std::size_t size);

} // namespace leash_watchdog
