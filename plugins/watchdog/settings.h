// SPDX-License-Identifier: MIT
// The plugin's own sections of init.conf, as values: [watchdog], which describes the first WDT, and a
// [watchdog DEVICE] for each further one.
//
//     device            = /dev/watchdog    a path, or none
//     timeout           = 20s              1s or more; the driver has the last word
//     interval          =                  100ms or more; unset: half of the real timeout
//     loop-limit        = 10s              3s or more: how long PID 1's loop may stand still
//     boot-limit        = 5m               how long the boot is fed without reaching its target;
//     0s:
//                                          no limit
//     rescue            = feed             feed, feed TIME, or starve: in the target "rescue"
//     priority          = deadline         deadline, fifo:N, other: of the kicker
//     on-missing-device = warn             warn, ignore
//     pretimeout        =                  1s or more, less than the timeout; unset: none
//     pretimeout-governor =                a word of the kernel's: noop, panic
//     delegate-to, delegate-pause, delegate-limit: see delegate.h
//
// [watchdog DEVICE] has timeout, interval, on-missing-device, pretimeout and pretimeout-governor.
// The defaults here are init's own (src/config/schema_system.cpp), which come as texts anyway.
#pragma once

#include "verdict_page.h"

#include <cstdint>

namespace leash_watchdog {

enum class Rescue { feed, feed_for, starve };

// What there is to know about one WDT.
struct DeviceSettings {
    char device[108] = "/dev/watchdog"; // empty: none
    std::int64_t timeout_ms = 20'000;
    std::int64_t interval_ms = 0; // 0: half of the time until something happens
    bool warn_missing = true;
    std::int64_t pretimeout_ms = 0;
    char governor[32] = ""; // empty: leave it as it is

    // Times as the driver wants them: whole seconds, rounded up.
    [[nodiscard]] int timeout_s() const { return static_cast<int>((timeout_ms + 999) / 1000); }
    [[nodiscard]] int pretimeout_s() const { return static_cast<int>((pretimeout_ms + 999) / 1000); }
};

struct Settings : DeviceSettings { // of the first WDT, and of all
    std::int64_t loop_limit_ms = 10'000;
    std::int64_t boot_limit_ms = 300'000; // 0: none
    Rescue rescue = Rescue::feed;
    std::int64_t rescue_ms = 0; // of feed_for
    leash_scheduling priority = LEASH_SCHEDULING_DEADLINE;
    unsigned fifo_level = 99; // of FIFO, and where DEADLINE is refused
    char delegate_to[64] = "";     // a service; "": none. Then `device` is empty,
    char foreign_device[108] = ""; // and this is what it was
    std::int64_t delegate_pause_ms = 2'000;
    std::int64_t delegate_limit_ms = 0; // 0: three times the real timeout
};

// "20s", "500 ms", "10m", "2h". False: not a duration, or longer than ten years.
[[nodiscard]] bool parse_duration(const char* text, std::int64_t& ms);

using Lookup = const char* (*)(const char* key); // nullptr: no such key
using LookupIn = const char* (*)(const char* label, const char* key);
using Complain = void (*)(const char* text);

// What cannot be understood is complained about and keeps its default: a typo must not leave the
// machine without its WDT.
[[nodiscard]] Settings read_settings(Lookup lookup, Complain complain);
// Of [watchdog LABEL]. False: the label is no path of a device.
[[nodiscard]] bool read_device_settings(const char* label, LookupIn lookup, Complain complain,
                                        DeviceSettings& settings);

// How often to kick a timer, by the timeout and pretimeout that it really has.
struct Interval {
    std::int64_t ms = 0;
    bool clamped = false; // the interval asked for would have let it fire: it is half of the time
    bool risky = false;   // one kick that is late is enough: longer than half of the time
};
[[nodiscard]] Interval choose_interval(const DeviceSettings& settings, int timeout_s,
                                       int pretimeout_s);

// "20 s", "1.5 s", "250 ms", "12 min": for people. Returns `buffer`.
const char* show_ms(std::int64_t ms, char* buffer, unsigned size);

} // namespace leash_watchdog
