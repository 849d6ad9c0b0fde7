// SPDX-License-Identifier: MIT
#include "base/units.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(Units, Durations) {
    struct Case {
        const char* text;
        std::int64_t ms;
    };
    for (auto [text, ms] : {Case{"0s", 0}, {"1ms", 1}, {"100ms", 100}, {"5s", 5'000},
                            {" 5 s ", 5'000}, {"10m", 600'000}, {"2h", 7'200'000},
                            {"87600h", 315'360'000'000}, {"007s", 7'000}}) {
        auto time = parse_duration(text);
        ASSERT_TRUE(time) << text << ": " << time.error().text;
        EXPECT_EQ(time->count(), ms) << text;
    }
}

TEST(Units, BadDurationsSayWhatIsAllowed) {
    struct Case {
        const char* text;
        const char* says;
    };
    for (auto [text, says] :
         {Case{"", "write a whole number and a unit"}, {"s", "write a whole number"},
          {"-1s", "write a whole number"}, {"5", "add a unit"}, {"0", "add a unit"},
          {"1.5s", "use a smaller unit"}, {"5sec", "use ms, s, m or h"}, {"5S", "use ms"},
          {"5d", "unknown unit 'd'"}, {"1m30s", "unknown unit"}, {"87601h", "too long"},
          {"99999999999999999999999s", "too long"}, {"18446744073709551615ms", "too long"}}) {
        auto time = parse_duration(text);
        ASSERT_FALSE(time) << text;
        EXPECT_NE(time.error().text.find(says), std::string::npos) << time.error().text;
    }
}

TEST(Units, DurationsRoundTrip) {
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(2h), "2h");
    EXPECT_EQ(format_duration(-5s), "-5s");
    for (std::int64_t ms : {1, 999, 1000, 60'000, 61'000, 3'600'000, 86'400'000})
        EXPECT_EQ(parse_duration(format_duration(Ms{ms}))->count(), ms);
}

TEST(Units, Sizes) {
    EXPECT_EQ(*parse_size("0"), 0U);
    EXPECT_EQ(*parse_size("4096"), 4096U);
    EXPECT_EQ(*parse_size("64K"), 65536U);
    EXPECT_EQ(*parse_size("20 m"), 20U << 20);
    EXPECT_EQ(*parse_size("1G"), 1U << 30);
    EXPECT_EQ(*parse_size("1073741824G"), kLargestSize);
    for (auto text : {"", "K", "-1", "1.5G", "5MB", "5T", "1073741825G", "99999999999999999999"})
        EXPECT_FALSE(parse_size(text)) << text;
    for (std::uint64_t size : {0UL, 1UL, 1024UL, 1025UL, 20UL << 20, 3UL << 30, 1UL << 60})
        EXPECT_EQ(*parse_size(format_size(size)), size);
    EXPECT_EQ(format_size(20 << 20), "20M");
}
