// SPDX-License-Identifier: MIT
// Points in time as people write them, and the next one that comes:
//
//   calendar   EXPRESSION {; EXPRESSION}        the earliest of them counts; at most 16
//   EXPRESSION [WEEKDAYS] [DATE] [TIME] [UTC]   each part may be left out, but not all
//              minutely hourly daily weekly monthly yearly
//   WEEKDAYS   Mon Tue ... Sun, as a list (Mon,Wed) or a range (Mon..Fri); left out: any
//   DATE       YEAR-MONTH-DAY or MONTH-DAY; with ~ before DAY it counts from the month's end
//              (*-2~1: the last day of February); left out: any day
//   TIME       HOUR:MINUTE or HOUR:MINUTE:SECOND; left out: 00:00:00
//   a number   *, N, N..M, each with /STEP behind it, or a list of these: 0,15 or */15 or 8..18/2
//
// Times are local, those of the offsets that the caller gives. A time that a change to summer time
// leaves out comes at the moment of the change; one that comes twice counts once, the first time.
// Where every hour is meant (*:30) neither holds: it comes in each hour that there is.
//
// Pure: no clock, no time zone of its own.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leash {

struct CalendarRule {
    static constexpr int kFirstYear = 1970, kLastYear = 2199;
    std::bitset<7> weekdays;  // 0 is Monday
    std::bitset<kLastYear - kFirstYear + 1> years;
    std::bitset<12> months;
    std::bitset<31> days;
    bool from_end = false;    // days: 0 is the last of the month
    std::bitset<24> hours;
    std::bitset<60> minutes, seconds;
    bool utc = false;
    friend bool operator==(const CalendarRule&, const CalendarRule&) = default;
};

struct Calendar {
    std::vector<CalendarRule> rules; // empty: never
    std::string text;                // as written
    friend bool operator==(const Calendar&, const Calendar&) = default;
};

inline constexpr std::size_t kMaxCalendarText = 512, kMaxCalendarRules = 16;

// What cannot be read, and what never comes (*-2-30), is an error that says what would do.
[[nodiscard]] Result<Calendar> parse_calendar(std::string_view text);

// Seconds that local time is ahead of UTC at an instant, which is seconds since 1970 in UTC.
using ZoneOffset = std::function<std::int64_t(std::int64_t instant)>;

// The first instant after `after`; none: it never comes (again, before the year 2200).
[[nodiscard]] std::optional<std::int64_t> next_time(const Calendar& calendar, std::int64_t after,
                                                    const ZoneOffset& offset);

// The offsets of this machine: $TZ, else /etc/localtime. Reads files: not on PID 1's loop.
[[nodiscard]] ZoneOffset machine_zone();

} // namespace leash
