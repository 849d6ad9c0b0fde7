// SPDX-License-Identifier: MIT
// What is told to init: once a level, and over when it is over; and what a helper may not say.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "told.h"
#include "wire.h"

using namespace leash_finder;

namespace {

struct Bench {
    std::vector<std::string> lines;
    int answer = 0;
    Told told{{[this](std::uint64_t start, const std::string& kind, int percent, const char*) {
                   lines.push_back(kind + " of " + std::to_string(start) + " " +
                                   std::to_string(percent));
                   return answer;
               },
               [this](std::uint64_t start, const std::string& kind) {
                   lines.push_back(kind + " of " + std::to_string(start) + " over");
               }}};
    std::int64_t now = 1'000;
    using Lines = std::vector<std::string>;

    Lines look(std::vector<int> percents, std::int64_t later = 1'000) {
        lines.clear();
        now += later;
        for (int percent : percents) {
            Report report;
            report.what = Report::found;
            report.start = 7;
            report.percent = percent;
            std::strcpy(report.kind, "cpu-hog");
            told.found(report, now);
        }
        told.looked(now);
        return lines;
    }
};

using Lines = Bench::Lines;

TEST(Told, OnceALevel) {
    Bench b;
    EXPECT_EQ(b.look({60}), Lines{"cpu-hog of 7 60"});
    EXPECT_EQ(b.look({60}), Lines{});
    EXPECT_EQ(b.look({55}), Lines{});
    EXPECT_EQ(b.look({80}), Lines{"cpu-hog of 7 80"});
    EXPECT_EQ(b.look({130}), Lines{"cpu-hog of 7 100"});
    EXPECT_EQ(b.look({500}), Lines{});
    EXPECT_EQ(b.told.standing(), 1U);
}

TEST(Told, OverWhenItIsGoneAndNotAtOnce) {
    Bench b;
    b.look({100});
    EXPECT_EQ(b.look({}), Lines{});
    EXPECT_EQ(b.look({}, 5'000), Lines{"cpu-hog of 7 over"});
    EXPECT_EQ(b.look({}), Lines{});
    EXPECT_EQ(b.look({100}), Lines{"cpu-hog of 7 100"});
}

TEST(Told, OverWhenItHasFallenFar) {
    Bench b;
    b.look({100});
    EXPECT_EQ(b.look({75}), Lines{});
    EXPECT_EQ(b.look({40}), (Lines{"cpu-hog of 7 over", "cpu-hog of 7 40"}));
    EXPECT_EQ(b.look({100}), Lines{"cpu-hog of 7 100"});
}

TEST(Told, ANewHelperIsBlindAtFirst) {
    Bench b;
    b.look({100});
    b.told.helper_lost(b.now);
    EXPECT_EQ(b.look({}, 60'000), Lines{});
    EXPECT_EQ(b.look({100}), Lines{});
    EXPECT_EQ(b.look({}, 6'000), Lines{"cpu-hog of 7 over"});
}

TEST(Told, WhatInitRefusesIsToldAgain) {
    Bench b;
    b.answer = -3;
    EXPECT_EQ(b.look({100}).size(), 1U);
    EXPECT_EQ(b.look({100}).size(), 1U);
    b.told.forget(7);
    EXPECT_EQ(b.look({}, 60'000), Lines{});
}

TEST(Wire, ReportsAreChecked) {
    Report good;
    good.what = Report::found;
    good.start = 7;
    good.percent = 100;
    std::strcpy(good.kind, "stuck");
    std::strcpy(good.evidence, "a\nb");
    Report out;
    ASSERT_TRUE(read_report(&good, sizeof good, out));
    EXPECT_STREQ(out.evidence, "a?b");
    EXPECT_FALSE(read_report(&good, sizeof good - 1, out));
    auto bad = [&](auto change) {
        auto report = good;
        change(report);
        return !read_report(&report, sizeof report, out);
    };
    EXPECT_TRUE(bad([](Report& r) { r.magic = 1; }));
    EXPECT_TRUE(bad([](Report& r) { r.start = 0; }));
    EXPECT_TRUE(bad([](Report& r) { r.what = 9; }));
    EXPECT_TRUE(bad([](Report& r) { r.percent = 0; }));
    EXPECT_TRUE(bad([](Report& r) { r.percent = 2'000'000; }));
    EXPECT_TRUE(bad([](Report& r) { r.kind[0] = 0; }));
    EXPECT_TRUE(bad([](Report& r) { std::memset(r.kind, 'x', sizeof r.kind); }));
    EXPECT_TRUE(bad([](Report& r) { std::memset(r.evidence, 'x', sizeof r.evidence); }));
    Order order;
    order.what = Order::watch;
    Order heard;
    EXPECT_TRUE(read_order(&order, sizeof order, heard));
    std::memset(order.settings, 'x', sizeof order.settings);
    EXPECT_FALSE(read_order(&order, sizeof order, heard));
}

} // namespace
