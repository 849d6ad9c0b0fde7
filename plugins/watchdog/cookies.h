// SPDX-License-Identifier: MIT
// What the plugin's timers, descriptors and helpers are called towards the host.
#pragma once

#include <cstdint>

namespace leash_watchdog {

enum Cookie : std::uint64_t {
    kTimerOpen = 1,    // try the device again
    kTimerSupervision, // the earliest deadline of a service
    kTimerStandIn,     // PID 1 kicks for a dead kicker
    kTimerRespawn,     // start a kicker again after a pause
    kFdWake,           // the kicker wants PID 1 to look at the page
    kHelperKicker,
    kFdProber = 32, // of heartbeats/
    kHelperProber,
};

} // namespace leash_watchdog
