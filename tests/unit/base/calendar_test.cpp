// SPDX-License-Identifier: MIT
#include "base/calendar.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

using namespace leash;

namespace {

std::int64_t utc(const char* text) {
    std::tm when{};
    EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M:%S", &when), nullptr) << text;
    return ::timegm(&when);
}

std::string shown(std::optional<std::int64_t> instant) {
    if (!instant) return "never";
    auto when = static_cast<std::time_t>(*instant);
    std::tm broken{};
    ::gmtime_r(&when, &broken);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &broken);
    return text;
}

ZoneOffset zone(const char* name) {
    ::setenv("TZ", name, 1);
    return machine_zone();
}

struct Row {
    const char *calendar, *after, *next; // in UTC
};

void check(const std::vector<Row>& rows, const ZoneOffset& offset) {
    for (const auto& row : rows) {
        auto calendar = parse_calendar(row.calendar);
        ASSERT_TRUE(calendar) << row.calendar << ": " << calendar.error().text;
        EXPECT_EQ(shown(next_time(*calendar, utc(row.after), offset)), row.next)
            << row.calendar << " after " << row.after;
    }
}

constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr const char* kLordHowe = "LHST-10:30LHDT-11,M10.1.0,M4.1.0";

} // namespace

TEST(Calendar, NextInUtc) {
    check({{"daily", "2026-11-22 10:00:00", "2026-11-23 00:00:00"},
           {"daily", "2026-11-23 00:00:00", "2026-11-24 00:00:00"},
           {"Hourly", "2026-11-22 10:00:00", "2026-11-22 11:00:00"},
           {"minutely", "2026-12-31 23:59:30", "2027-01-01 00:00:00"},
           {"weekly", "2026-11-22 10:00:00", "2026-11-23 00:00:00"}, // a Sunday
           {"monthly", "2026-01-31 00:00:00", "2026-02-01 00:00:00"},
           {"yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
           {"03:00", "2026-11-22 02:59:59", "2026-11-22 03:00:00"},
           {"03:00", "2026-11-22 03:00:00", "2026-11-23 03:00:00"},
           {"Mon..Fri 03:00", "2026-11-20 03:00:00", "2026-11-23 03:00:00"},
           {"Sat..Mon", "2026-11-17 00:00:00", "2026-11-21 00:00:00"},
           {"Sat,sunday 12:30:15", "2026-11-22 12:30:15", "2026-11-28 12:30:15"},
           {"*-*-1 04:30:00", "2026-11-22 00:00:00", "2026-12-01 04:30:00"},
           {"*-*-31", "2026-01-31 00:00:00", "2026-03-31 00:00:00"},
           {"*-*~1 23:00", "2026-02-01 00:00:00", "2026-02-28 23:00:00"},
           {"*-2~1", "2027-03-01 00:00:00", "2028-02-29 00:00:00"},
           {"*-*~2,1", "2026-04-29 00:00:00", "2026-04-30 00:00:00"},
           {"*-2-29", "2026-11-22 00:00:00", "2028-02-29 00:00:00"},
           {"Mon *-2-29", "2026-11-22 00:00:00", "2044-02-29 00:00:00"},
           {"2-29", "2096-03-01 00:00:00", "2104-02-29 00:00:00"}, // 2100 has none
           {"2027-6-1 8:00", "2026-11-22 00:00:00", "2027-06-01 08:00:00"},
           {"2020-6-1 8:00", "2026-11-22 00:00:00", "never"},
           {"2030..2032/2-1-1", "2030-01-01 00:00:00", "2032-01-01 00:00:00"},
           {"*:0/15", "2026-11-22 10:31:00", "2026-11-22 10:45:00"},
           {"*:*:*/20", "2026-11-22 10:31:59", "2026-11-22 10:32:00"},
           {"8..18/5:30", "2026-11-22 13:30:00", "2026-11-22 18:30:00"},
           {"*-1,7-1..7 12:00", "2026-01-07 12:00:00", "2026-07-01 12:00:00"},
           {"Mon 8:00; Sat 10:00", "2026-11-20 00:00:00", "2026-11-21 10:00:00"},
           {"12:00 UTC", "2026-11-22 12:00:00", "2026-11-23 12:00:00"}},
          zone("UTC"));
}

TEST(Calendar, SummerTime) {
    // 2026-03-29 02:00 CET becomes 03:00 CEST; 2026-10-25 03:00 CEST becomes 02:00 CET.
    check({{"daily", "2026-03-28 23:00:00", "2026-03-29 22:00:00"},
           {"03:00", "2026-03-28 12:00:00", "2026-03-29 01:00:00"},
           {"02:30", "2026-03-28 12:00:00", "2026-03-29 01:00:00"}, // left out: at the change
           {"02:30", "2026-03-29 01:00:00", "2026-03-30 00:30:00"},
           {"2:15,45", "2026-03-28 12:00:00", "2026-03-29 01:00:00"},
           {"2:15,45", "2026-03-29 01:00:00", "2026-03-30 00:15:00"}, // not twice
           {"*:30", "2026-03-29 00:30:00", "2026-03-29 01:30:00"},    // each hour that there is
           {"hourly", "2026-03-29 00:00:00", "2026-03-29 01:00:00"},
           {"02:30", "2026-10-24 12:00:00", "2026-10-25 00:30:00"}, // comes twice: the first
           {"02:30", "2026-10-25 00:30:00", "2026-10-26 01:30:00"},
           {"02:30", "2026-10-25 01:10:00", "2026-10-26 01:30:00"},
           {"hourly", "2026-10-25 00:00:00", "2026-10-25 01:00:00"},
           {"*:30", "2026-10-25 00:30:00", "2026-10-25 01:30:00"},
           {"*:30", "2026-10-25 01:30:00", "2026-10-25 02:30:00"},
           {"*:*", "2026-10-25 00:59:00", "2026-10-25 01:00:00"},
           {"daily", "2026-10-24 22:00:00", "2026-10-25 23:00:00"},
           {"12:00 UTC", "2026-07-01 00:00:00", "2026-07-01 12:00:00"},
           {"12:00", "2026-07-01 00:00:00", "2026-07-01 10:00:00"}},
          zone(kBerlin));
    // By half an hour: 2026-10-04 02:00 becomes 02:30.
    check({{"02:15", "2026-10-03 00:00:00", "2026-10-03 15:30:00"},
           {"*:00", "2026-10-03 15:00:00", "2026-10-03 16:00:00"},
           {"02:00", "2026-04-04 00:00:00", "2026-04-04 15:30:00"}},
          zone(kLordHowe));
    ::unsetenv("TZ");
}

// Each next one is later, and nothing between two of them matches.
TEST(Calendar, InOrderThroughTheChanges) {
    auto offset = zone(kBerlin);
    for (const char* text : {"*:0/20", "1..3:30", "hourly", "02:59:59"}) {
        auto calendar = parse_calendar(text);
        ASSERT_TRUE(calendar);
        for (auto from : {utc("2026-03-28 00:00:00"), utc("2026-10-24 00:00:00")}) {
            auto at = from;
            for (int i = 0; i < 150; ++i) {
                auto next = next_time(*calendar, at, offset);
                ASSERT_TRUE(next && *next > at) << text;
                ASSERT_EQ(next_time(*calendar, *next - 1, offset), next) << text << shown(next);
                at = *next;
            }
        }
    }
    ::unsetenv("TZ");
}

TEST(Calendar, Bad) {
    struct {
        std::string text, complaint;
    } const rows[] = {
        {"", "there is nothing in it"},
        {"dialy", "did you mean daily?"},
        {"fortnightly", "no day of the week"},
        {"Mon..Fry", "'Mon..Fry' is no day of the week; allowed: Mon"},
        {"25:00", "'25' is no hour; allowed: *, 0..23"},
        {"3:60", "'60' is no minute"},
        {"3:00:60", "'60' is no second"},
        {"3:00:00:00", "is no time; allowed: HOUR:MINUTE"},
        {"3", "'3' is not understood; allowed: [WEEKDAYS]"},
        {"*-13-1", "'13' is no month; allowed: *, 1..12"},
        {"*-*-32", "'32' is no day of the month"},
        {"*-2-30", "'*-2-30' never comes"},
        {"*-4~31", "never comes"},
        {"1969-1-1", "'1969' is no year; allowed: *, 1970..2199"},
        {"5..3:00", "the range '5..3' is empty"},
        {"*/0:00", "'0' is no step"},
        {"*/x:00", "'x' is no step"},
        {"-:00", "'-' is no hour"},
        {"03:00 Mon", "'Mon' is not understood"},
        {"UTC", "'UTC' is not understood"},
        {"daily;", "there is nothing in it"},
        {"0 3 * * *", "'0' is not understood"},
        {std::string(600, '*'), "longer than 512"},
        {"daily;daily;daily;daily;daily;daily;daily;daily;daily;daily;daily;daily;daily;daily;"
         "daily;daily;"
         "daily",
         "more than 16"},
    };
    for (const auto& row : rows) {
        auto calendar = parse_calendar(row.text);
        ASSERT_FALSE(calendar) << row.text;
        EXPECT_NE(calendar.error().text.find(row.complaint), std::string::npos)
            << row.text << ": " << calendar.error().text;
    }
}
