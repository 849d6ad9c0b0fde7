// SPDX-License-Identifier: MIT
#include "tiers.h"

#include <cstdio>
#include <cstring>

namespace leash_watchdog {

namespace {

// A timer of the kernel's own: it can do no more than the kernel that has gone wrong.
bool is_software(const Tier& tier) {
    return std::strcmp(tier.identity, "Software Watchdog") == 0;
}

} // namespace

void tier_trouble(std::span<const Tier> tiers, char* text, std::size_t size) {
    text[0] = '\0';
    for (std::size_t i = 0; i < tiers.size(); ++i) {
        for (std::size_t j = 0; j < tiers.size(); ++j) {
            const Tier& soft = tiers[i];
            const Tier& hard = tiers[j];
            if (i == j || !is_software(soft) || is_software(hard)) continue;
            if (soft.timeout_s < hard.timeout_s) continue;
            std::snprintf(text, size,
                          "%s (%s, %d s) can never act: %s (%s) resets the machine after %d s; set "
                          "its timeout below that",
                          soft.path, soft.identity, soft.timeout_s, hard.path, hard.identity,
                          hard.timeout_s);
            return;
        }
    }
    for (std::size_t i = 0; i < tiers.size(); ++i) {
        for (std::size_t j = i + 1; j < tiers.size(); ++j) {
            if (tiers[i].timeout_s != tiers[j].timeout_s) continue;
            std::snprintf(text, size,
                          "%s and %s both end after %d s: these are no tiers; give the one that is "
                          "to act last more time",
                          tiers[i].path, tiers[j].path, tiers[i].timeout_s);
            return;
        }
    }
}

} // namespace leash_watchdog
