// SPDX-License-Identifier: MIT
#include "watchdog/settings.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace leash_watchdog {
namespace {

std::map<std::string, std::string> g_keys;
std::string g_complaints;

Settings read(std::map<std::string, std::string> keys) {
    g_keys = std::move(keys);
    g_complaints.clear();
    return read_settings(
        [](const char* key) -> const char* {
            auto found = g_keys.find(key);
            return found == g_keys.end() ? nullptr : found->second.c_str();
        },
        [](const char* text) { g_complaints += std::string(text) + "\n"; });
}

TEST(Settings, defaults) {
    Settings settings = read({});
    EXPECT_STREQ(settings.device, "/dev/watchdog");
    EXPECT_EQ(settings.timeout_ms, 20'000);
    EXPECT_EQ(settings.interval_ms, 0);
    EXPECT_EQ(settings.loop_limit_ms, 10'000);
    EXPECT_EQ(settings.rescue, Rescue::feed);
    EXPECT_EQ(g_complaints, "");
}

TEST(Settings, as_init_hands_them_over) {
    Settings settings = read({{"device", "/dev/watchdog1"},
                              {"on-missing-device", "ignore"},
                              {"timeout", "90s"},
                              {"interval", ""},
                              {"priority", "fifo:42"},
                              {"loop-limit", "5s"},
                              {"boot-limit", "0s"},
                              {"rescue", "feed 30m"}});
    EXPECT_STREQ(settings.device, "/dev/watchdog1");
    EXPECT_FALSE(settings.warn_missing);
    EXPECT_EQ(settings.timeout_s(), 90);
    EXPECT_EQ(settings.interval_ms, 0);
    EXPECT_EQ(settings.priority, LEASH_SCHEDULING_FIFO);
    EXPECT_EQ(settings.fifo_level, 42u);
    EXPECT_EQ(settings.loop_limit_ms, 5000);
    EXPECT_EQ(settings.boot_limit_ms, 0);
    EXPECT_EQ(settings.rescue, Rescue::feed_for);
    EXPECT_EQ(settings.rescue_ms, 1'800'000);
    EXPECT_EQ(g_complaints, "");
    EXPECT_EQ(read({{"rescue", "starve"}}).rescue, Rescue::starve);
    EXPECT_EQ(read({{"priority", "other"}}).priority, LEASH_SCHEDULING_NORMAL);
    EXPECT_STREQ(read({{"device", "none"}}).device, "");
}

TEST(Settings, nonsense_keeps_the_default_and_is_told) {
    Settings settings = read({{"device", "watchdog"},
                              {"timeout", "20"},
                              {"interval", "5ms"},
                              {"loop-limit", "1s"},
                              {"rescue", "feed often"},
                              {"priority", "fifo:100"},
                              {"on-missing-device", "panic"}});
    EXPECT_STREQ(settings.device, "/dev/watchdog");
    EXPECT_EQ(settings.timeout_ms, 20'000);
    EXPECT_EQ(settings.interval_ms, 0);
    EXPECT_EQ(settings.loop_limit_ms, 10'000);
    EXPECT_EQ(settings.priority, LEASH_SCHEDULING_DEADLINE);
    EXPECT_NE(g_complaints.find("timeout = 20: expected a time of at least 1 s; using 20 s"),
              std::string::npos)
        << g_complaints;
    EXPECT_EQ(std::count(g_complaints.begin(), g_complaints.end(), '\n'), 7) << g_complaints;
}

TEST(Settings, durations) {
    std::int64_t ms = 0;
    for (auto [text, expected] : {std::pair("20s", 20'000L),
                                  {"500 ms", 500L},
                                  {"10m", 600'000L},
                                  {"2h", 7'200'000L},
                                  {"0s", 0L},
                                  {" 3 s", 3000L}}) {
        EXPECT_TRUE(parse_duration(text, ms)) << text;
        EXPECT_EQ(ms, expected) << text;
    }
    for (const char* text :
         {"", "s", "20", "20x", "-1s", "1.5s", "20s 5", "99999999999999999999s", "999999999h"})
        EXPECT_FALSE(parse_duration(text, ms)) << text;
}

TEST(Settings, the_interval_goes_by_what_the_timer_really_has) {
    DeviceSettings own;
    EXPECT_EQ(choose_interval(own, 20, 0).ms, 10'000) << "half of it";
    EXPECT_FALSE(choose_interval(own, 20, 0).risky);
    EXPECT_EQ(choose_interval(own, 20, 15).ms, 2'500) << "the pretimeout is not to be reached";
    own.interval_ms = 5'000;
    EXPECT_EQ(choose_interval(own, 20, 0).ms, 5'000);
    Interval risky = choose_interval(own, 8, 0);
    EXPECT_EQ(risky.ms, 5'000);
    EXPECT_TRUE(risky.risky && !risky.clamped);
    Interval clamped = choose_interval(own, 5, 0);
    EXPECT_EQ(clamped.ms, 2'500);
    EXPECT_TRUE(clamped.clamped && !clamped.risky);
    EXPECT_TRUE(choose_interval(own, 10, 5).clamped);
    EXPECT_EQ(choose_interval(own, 1, 0).ms, 500);
}

TEST(Settings, of_a_further_device) {
    g_complaints.clear();
    DeviceSettings own;
    g_keys = {{"timeout", "30s"}, {"interval", "500ms"}, {"pretimeout", "10s"},
              {"pretimeout-governor", "panic"}, {"on-missing-device", "ignore"}};
    auto look = [](const char* label, const char* key) -> const char* {
        EXPECT_STREQ(label, "/dev/watchdog1");
        auto found = g_keys.find(key);
        return found == g_keys.end() ? nullptr : found->second.c_str();
    };
    auto complain = [](const char* text) { g_complaints += std::string(text) + "\n"; };
    ASSERT_TRUE(read_device_settings("/dev/watchdog1", look, complain, own));
    EXPECT_STREQ(own.device, "/dev/watchdog1");
    EXPECT_EQ(own.timeout_s(), 30);
    EXPECT_EQ(own.interval_ms, 500);
    EXPECT_EQ(own.pretimeout_s(), 10);
    EXPECT_STREQ(own.governor, "panic");
    EXPECT_FALSE(own.warn_missing);
    EXPECT_EQ(g_complaints, "");
    g_keys["pretimeout"] = "30s";
    ASSERT_TRUE(read_device_settings("/dev/watchdog1", look, complain, own));
    EXPECT_EQ(own.pretimeout_s(), 0);
    EXPECT_EQ(g_complaints, "[watchdog /dev/watchdog1] pretimeout = 30s: expected less than timeout; "
                            "using none\n");
    EXPECT_FALSE(read_device_settings("watchdog1", look, complain, own));
    EXPECT_FALSE(read_device_settings("/dev/\"", look, complain, own));
}

TEST(Settings, times_for_people) {
    char text[32];
    EXPECT_STREQ(show_ms(250, text, sizeof text), "250 ms");
    EXPECT_STREQ(show_ms(1500, text, sizeof text), "1.5 s");
    EXPECT_STREQ(show_ms(20'000, text, sizeof text), "20 s");
    EXPECT_STREQ(show_ms(90'000, text, sizeof text), "90 s");
    EXPECT_STREQ(show_ms(600'000, text, sizeof text), "10 min");
}

} // namespace
} // namespace leash_watchdog
