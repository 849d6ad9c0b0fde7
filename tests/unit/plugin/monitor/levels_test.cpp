// SPDX-License-Identifier: MIT
// From samples to a level.
#include "monitor/levels.h"

#include <gtest/gtest.h>

using namespace leash_monitor;

namespace {

Settings share() {
    Settings settings;
    settings.type = Type::memory;
    settings.warning = 90;
    settings.critical = 95;
    return settings;
}

// "owc": the level after each sample, one a second.
std::string levels(const Settings& settings, const std::vector<double>& values) {
    Judge judge(settings);
    std::string all;
    std::int64_t now = 0;
    for (double value : values) {
        judge.update(value, Level::ok, Level::critical, now += 1000);
        all += to_string(judge.level())[0];
    }
    return all;
}

} // namespace

TEST(Levels, AtOrAbove) {
    EXPECT_EQ(levels(share(), {0, 89.9, 90, 94.9, 95, 100}), "oowwcc");
}

TEST(Levels, AreLeftBelowTheMargin) {
    // 5 % of 90 is 4.5.
    EXPECT_EQ(levels(share(), {91, 89, 85.6, 85.4, 89, 90}), "wwwoow");
    EXPECT_EQ(levels(share(), {96, 94, 90.6, 90.4, 85.6, 85.4}), "cccwwo");
    auto settings = share();
    settings.clear = 80;
    EXPECT_EQ(levels(settings, {91, 81, 79, 89}), "wwoo");
    settings.clear = 90; // no hysteresis
    EXPECT_EQ(levels(settings, {91, 89.9, 95, 94.9}), "wocw");
}

TEST(Levels, SoManyInARow) {
    auto settings = share();
    settings.after_samples = 3;
    EXPECT_EQ(levels(settings, {91, 91, 80, 91, 91, 91, 80}), "ooooowo");
    EXPECT_EQ(levels(settings, {96, 91, 96, 96, 96}), "oowwc") << "warning lasts, critical not yet";
    EXPECT_EQ(levels(settings, {96, 96, 96, 96}), "oocc");
}

TEST(Levels, ForSoLong) {
    auto settings = share();
    settings.after_ms = 2500;
    EXPECT_EQ(levels(settings, {91, 91, 91, 91, 0, 91}), "ooowoo");
}

TEST(Levels, NoneIsNever) {
    auto settings = share();
    settings.warning.reset();
    EXPECT_EQ(levels(settings, {94, 96, 94, 90}), "occo");
    settings.critical.reset();
    EXPECT_EQ(levels(settings, {100, 1000}), "oo");
}

TEST(Levels, FaultsAndCaps) {
    Judge judge(share());
    EXPECT_EQ(judge.update(0, Level::critical, Level::critical, 1), Level::critical);
    EXPECT_EQ(judge.update(0, Level::ok, Level::critical, 2), Level::ok);
    EXPECT_EQ(judge.update(99, Level::ok, Level::warning, 3), Level::warning) << "young uptime";
    EXPECT_EQ(judge.update(99, Level::critical, Level::ok, 4), Level::ok) << "a machine with swap";
}

TEST(Levels, GoOnAfterAReExec) {
    Judge judge(share());
    judge.resume(Level::critical);
    EXPECT_EQ(judge.update(93, Level::ok, Level::critical, 1), Level::critical)
        << "within the margin";
    EXPECT_EQ(judge.update(10, Level::ok, Level::critical, 2), Level::ok);
}
