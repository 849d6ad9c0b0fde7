// SPDX-License-Identifier: MIT
// How a service is watched, from the text of LEASH_EVENT_SERVICE_STATE (leash_plugin.h has its words).
// Fixed room, no heap: it is read at every change of a state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leash_watchdog {

inline constexpr std::size_t kMostTimers = 8;
inline constexpr std::size_t kTimerName = 16; // with the NUL
inline constexpr std::size_t kTargetSize = 208;
inline constexpr const char* kMainTimer = "main";

enum class Source : std::uint8_t { heartbeat, tasks, progress, probe };

struct WatchSpec {
    Source source = Source::heartbeat;
    struct Timer {
        char name[kTimerName] = "";
        std::int64_t limit = 0; // ms, above 0
    };
    Timer timers[kMostTimers];
    std::size_t timer_count = 0;
    std::int64_t soft = 0, grace = 0, extend = 0; // ms; 0: none
    char probe[kTargetSize] = "";                 // "command", or a target
    std::int64_t interval = 0, timeout = 0;       // of the probe; 0: by the limit
};

// False: not understood, or nothing to watch; `spec` is of no use then. Keys that are not known are
// skipped, a key that comes twice counts twice.
bool parse_watch(const char* text, WatchSpec& spec);

// One timer called main.
[[nodiscard]] WatchSpec plain_watch(Source source, std::int64_t limit);

// From the begin of one probe to the begin of the next, and how long one may take.
[[nodiscard]] std::int64_t probe_interval(const WatchSpec& spec);
[[nodiscard]] std::int64_t probe_timeout(const WatchSpec& spec);

} // namespace leash_watchdog
