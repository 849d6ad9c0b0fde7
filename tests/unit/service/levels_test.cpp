// SPDX-License-Identifier: MIT
// Trouble with a level: each step once, when its level has been reached.
#include <gtest/gtest.h>

#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;

namespace {

constexpr auto kLeak = TroubleKind::memory_leak;

void define(Bench& b, const char* policy) {
    b.define("a", [&](auto& s) {
        s.on_kind.edit()[static_cast<std::size_t>(kLeak)] = *parse_policy(policy);
    });
}

Lines told(Bench& b, int percent) {
    return b.send(event::TroubleSeen{b.start("a"), kLeak, fmt::format("at {}", percent), percent});
}

TEST(Levels, EachStepOnceAsItRises) {
    Bench b;
    define(b, "report at 60%, limit 64M at 70%, freeze at 70%, dump at 80%, restart at 90%");
    b.run("a");
    EXPECT_EQ(told(b, 59), Lines{});
    EXPECT_EQ(told(b, 65), Lines{"tell a: trouble: memory-leak: at 65; answer: report"});
    EXPECT_EQ(told(b, 65), Lines{});
    EXPECT_EQ(told(b, 20), Lines{}); // it has not been over
    EXPECT_EQ(told(b, 69), Lines{});
    EXPECT_EQ(told(b, 81),
              (Lines{"tell a: trouble: memory-leak: at 81; answer: limit 64M, freeze, dump",
                     "limit a#1 memory-leak 67108864", "freeze a#1", "dump a#1 (memory-leak: at 81)"}));
    EXPECT_EQ(told(b, 250),
              (Lines{"tell a: trouble: memory-leak: at 250; answer: restart", "signal a#1 15"}));
    EXPECT_EQ(told(b, 100), Lines{});
}

TEST(Levels, WithoutALevelAStepIsTakenAtTheLimit) {
    Bench b;
    define(b, "report, restart");
    b.run("a");
    EXPECT_EQ(told(b, 99), Lines{});
    EXPECT_EQ(told(b, 100).front(), "tell a: trouble: memory-leak: at 100; answer: report, restart");
}

TEST(Levels, TroubleWithoutAPercentageHasReachedAll) {
    Bench b;
    define(b, "report at 60%, stop");
    b.run("a");
    EXPECT_EQ(b.trouble("a", kLeak).front(),
              "tell a: trouble: memory-leak: silent for 10s; answer: report, stop");
}

TEST(Levels, OverBeginsAnew) {
    Bench b;
    define(b, "report at 60%");
    b.run("a");
    EXPECT_EQ(told(b, 60).size(), 1U);
    EXPECT_EQ(b.send(event::TroubleOver{b.start("a"), kLeak}), Lines{});
    EXPECT_EQ(told(b, 60).size(), 1U);
}

TEST(Levels, WhatWaitsGoesOnWaitingWhileItRises) {
    Bench b;
    define(b, "freeze at 60% after 10s, report at 80%, dump at 90%");
    b.run("a");
    EXPECT_EQ(told(b, 60), Lines{"tell a: trouble: memory-leak: at 60; answer: freeze in 10s"});
    EXPECT_EQ(b.pass(5s), Lines{});
    EXPECT_EQ(told(b, 85), Lines{"tell a: trouble: memory-leak: at 85; answer: report"});
    EXPECT_EQ(b.pass(5s), (Lines{"tell a: trouble: memory-leak: at 60; answer: freeze", "freeze a#1"}));
    EXPECT_EQ(told(b, 90).size(), 2U);
}

TEST(Levels, BudgetsThatAreUsedUpStopItOnlyAtTheirLevel) {
    Bench b;
    define(b, "report at 60%, restart 1/1h at 90%");
    b.run("a");
    EXPECT_EQ(told(b, 90).size(), 2U + 0U);
    b.end("a", 0);
    b.pass(1s);
    b.run("a");
    EXPECT_EQ(told(b, 70), Lines{"tell a: trouble: memory-leak: at 70; answer: report"});
    EXPECT_EQ(told(b, 95)[1], "tell a: policy exhausted, stopping it");
}

TEST(Levels, SurviveInTheRecord) {
    Life life;
    auto& trouble = life.troubles.edit()[static_cast<std::size_t>(kLeak)];
    trouble = {true, 3, Ms{77}, "grows", {60, 80}, 85};
    auto again = unpack(pack(life));
    const auto& kept = (*again.troubles)[static_cast<std::size_t>(kLeak)];
    EXPECT_TRUE(kept.pending);
    EXPECT_EQ(kept.next, 3U);
    EXPECT_EQ(kept.due, Ms{77});
    EXPECT_EQ(kept.evidence, "grows");
    EXPECT_EQ(kept.waiting.below, 60);
    EXPECT_EQ(kept.waiting.level, 80);
    EXPECT_EQ(kept.answered, 85);
    // More than there are places for: what waits comes first.
    for (int i = 0; i < kTroubleKinds; ++i)
        life.troubles.edit()[static_cast<std::size_t>(i)] = {i >= 12, 1, Ms{i}, "", {}, 50};
    again = unpack(pack(life));
    for (int i = 12; i < kTroubleKinds; ++i)
        EXPECT_TRUE((*again.troubles)[static_cast<std::size_t>(i)].pending) << i;
}

} // namespace
