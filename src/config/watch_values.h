// SPDX-License-Identifier: MIT
// The values of the keys that say what has to give a sign of life, by when, and what counts as one.
#pragma once

#include "config/schema.h"

namespace leash::setters {

inline constexpr std::size_t kMostTimers = 8;
inline constexpr std::size_t kMaxTimerName = 15;
inline constexpr std::string_view kWatchdogGrammar = "TIME or a list of NAME:TIME";
inline constexpr std::string_view kSourceGrammar =
    "heartbeat, tasks, progress, probe:COMMAND, tcp:ADDRESS:PORT, unix:/PATH, "
    "http://ADDRESS[:PORT]/PATH";

Checked<void> set_watchdog(ServiceSettings& s, const Value& v);
Checked<void> set_watchdog_source(ServiceSettings& s, const Value& v);

} // namespace leash::setters
