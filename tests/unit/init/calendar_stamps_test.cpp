// SPDX-License-Identifier: MIT
#include "init/calendar_stamps.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

using namespace leash;

namespace {

constexpr std::int64_t kDay = 24 * 3600, kThree = 3 * 3600;
const ZoneOffset kUtc = [](std::int64_t) { return 0; };

struct Folder {
    std::string path = [] {
        char name[] = "/tmp/leash-stamps-XXXXXX";
        return std::string(mkdtemp(name));
    }();
    ~Folder() { std::filesystem::remove_all(path); }
};

TEST(CalendarStamps, WhatWasMissedComesOnce) {
    auto calendar = *parse_calendar("03:00 UTC");
    const std::int64_t day = 20'000 * kDay; // midnight
    struct Case {
        const char* name;
        std::optional<std::int64_t> stamp;
        std::int64_t now, after, next;
    };
    const Case cases[] = {
        {"never waited for", std::nullopt, day, day, day + kThree},
        {"nothing missed", day - kDay + kThree, day, day, day + kThree},
        {"one missed", day - 2 * kDay + kThree, day, day, day - kDay + kThree},
        {"many missed: the first, and it is over then", day - 99 * kDay + kThree, day, day,
         day - 98 * kDay + kThree},
        {"missed by this second", day, day + kThree, day + kThree, day + kThree},
        {"it ran this second", day + kThree, day + kThree, day + kThree, day + kDay + kThree},
        {"the clock was set back", day + 9 * kDay, day, day, day + kThree},
        {"... by a little", day + kThree, day + kThree - 60, day + kThree, day + kDay + kThree},
    };
    for (const auto& each : cases)
        EXPECT_EQ(next_or_missed(calendar, each.stamp, each.now, each.after, kUtc), each.next)
            << each.name;
}

TEST(CalendarStamps, AreFiles) {
    Folder folder;
    auto place = folder.path + "/calendars";
    EXPECT_FALSE(read_stamp(place, "job"));
    ASSERT_TRUE(write_stamp(place, "job", 1'700'000'000));
    EXPECT_EQ(read_stamp(place, "job"), 1'700'000'000);
    ASSERT_TRUE(write_stamp(place, "job", 1'600'000'000)); // an earlier one, too
    EXPECT_EQ(read_stamp(place, "job"), 1'600'000'000);
    ASSERT_TRUE(write_stamp(place, "worker@one", 5));
    EXPECT_EQ(read_stamp(place, "worker@one"), 5);
}

TEST(CalendarStamps, NobodyIsLedElsewhere) {
    Folder folder;
    std::ofstream(folder.path + "/target") << "x";
    std::filesystem::create_symlink(folder.path + "/target", folder.path + "/job");
    EXPECT_FALSE(read_stamp(folder.path, "job"));
    auto written = write_stamp(folder.path, "job", 5);
    ASSERT_FALSE(written);
    EXPECT_NE(written.error().text.find("it may run once more"), std::string::npos);
    std::ofstream(folder.path + "/file") << "x";
    EXPECT_FALSE(write_stamp(folder.path + "/file", "job", 5));
}

} // namespace
