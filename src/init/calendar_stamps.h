// SPDX-License-Identifier: MIT
// When jobs with `persistent = yes` had their time last: a file each, whose time of change says it. What
// came due since then, while the machine was off or its clock was set past it, is made up for, once.
// Everything but the choice touches a disk, so it runs in a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/calendar.h"
#include "base/result.h"

namespace leash {

inline constexpr const char* kCalendarStamps = "/var/lib/leash/calendars";

// Seconds since 1970; none: it has never been waited for.
[[nodiscard]] std::optional<std::int64_t> read_stamp(const std::string& folder,
                                                     const std::string& service);
// Makes the folder, too.
[[nodiscard]] Result<void> write_stamp(const std::string& folder, const std::string& service,
                                       std::int64_t when);

// The next time, in seconds since 1970: one that was missed between `stamp` and `now`, else the first
// behind `after`. A stamp of the future (the clock was set back) has missed nothing.
[[nodiscard]] std::optional<std::int64_t> next_or_missed(const Calendar& calendar,
                                                         std::optional<std::int64_t> stamp,
                                                         std::int64_t now, std::int64_t after,
                                                         const ZoneOffset& zone);

} // namespace leash
