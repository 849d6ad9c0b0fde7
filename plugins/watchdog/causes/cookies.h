// SPDX-License-Identifier: MIT
// Cookies of this part towards the host: apart from those of the rest of the plugin (../cookies.h).
#pragma once

#include <cstdint>

namespace leash_watchdog {

enum CauseCookie : std::uint64_t {
    kTimerRecorder = 0x2000, // start a recorder again, or send it what it could not take
    kTimerReset,             // a reset that was asked for after a delay
    kFdRecorder,
    kHelperRecorder,
    kHelperHook,
};

} // namespace leash_watchdog
