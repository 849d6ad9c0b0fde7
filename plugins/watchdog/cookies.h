// SPDX-License-Identifier: MIT
// What the plugin's timers, descriptors and helpers are called towards the host.
#pragma once

#include <cstdint>

namespace leash_watchdog {

enum Cookie : std::uint64_t {
    kTimerSupervision = 1, // the earliest deadline of a service
    kFdProber = 32,        // of heartbeats/
    kHelperProber,
    kTimerDelegate = 48, // of delegate.h
    // From here on a block for each WDT, see device_cookie().
    kDeviceCookies = 0x1000,
};

inline constexpr unsigned kMaxWdts = 4;

// What a cookie of a WDT is for.
enum DeviceCookie : std::uint64_t {
    kTimerOpen,    // try the device again
    kTimerStandIn, // PID 1 kicks for a dead kicker
    kTimerRespawn, // start a kicker again after a pause
    kTimerHolder,  // go on looking for who holds the device
    kFdWake,       // the kicker wants PID 1 to look at the page
    kHelperKicker,
    kDeviceBlock = 16,
};

inline constexpr std::uint64_t device_cookie(unsigned slot, DeviceCookie what) {
    return kDeviceCookies + slot * kDeviceBlock + what;
}
inline constexpr bool is_device_cookie(std::uint64_t cookie) {
    return cookie >= kDeviceCookies && cookie < kDeviceCookies + kMaxWdts * kDeviceBlock;
}
inline constexpr unsigned slot_of_cookie(std::uint64_t cookie) {
    return static_cast<unsigned>((cookie - kDeviceCookies) / kDeviceBlock);
}
inline constexpr std::uint64_t what_of_cookie(std::uint64_t cookie) {
    return (cookie - kDeviceCookies) % kDeviceBlock;
}

} // namespace leash_watchdog
