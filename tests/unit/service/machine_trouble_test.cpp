// SPDX-License-Identifier: MIT
// Trouble of no service: what stands, what is over, what comes next, what a next life finds.
#include "service/machine_trouble.h"

#include <gtest/gtest.h>

using namespace leash;
using Refusal = MachineTroubles::Refusal;

namespace {

std::string steps_of(const MachineAnswer& answer) { return describe(answer.answer, answer.policy); }

// "-": it stands already; "!": refused.
std::string seen(MachineTroubles& troubles, const char* policy, Ms now, const char* kind = "memory") {
    auto seen = troubles.seen("monitor m", kind, policy, "97% used", now);
    if (!seen) return "!" + seen.error().text;
    return *seen ? steps_of(**seen) : "-";
}

} // namespace

TEST(MachineTrouble, StandsUntilItIsOver) {
    MachineTroubles troubles;
    EXPECT_EQ(seen(troubles, "report", 0s), "report");
    EXPECT_EQ(seen(troubles, "report", 1s), "-");
    EXPECT_EQ(seen(troubles, "reboot", 2s), "-") << "another policy does not make it another trouble";
    EXPECT_EQ(seen(troubles, "safe", 2s, "load"), "safe") << "another kind does";
    EXPECT_EQ(troubles.standing(), 2u);
    EXPECT_TRUE(troubles.over("monitor m", "memory"));
    EXPECT_FALSE(troubles.over("monitor m", "memory"));
    EXPECT_FALSE(troubles.over("monitor x", "memory"));
    EXPECT_FALSE(troubles.over("", ""));
    EXPECT_EQ(seen(troubles, "reboot", 3s), "reboot");
}

TEST(MachineTrouble, StepsWaitWhileItStands) {
    MachineTroubles troubles;
    EXPECT_EQ(seen(troubles, "report, exec:/bin/x after 10s, reboot after 1m", 5s),
              "report; then exec in 10s");
    EXPECT_EQ(troubles.next_deadline(), Ms{15'000});
    EXPECT_TRUE(troubles.tick(14s).empty());
    auto due = troubles.tick(15s);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(steps_of(due[0]), "exec:/bin/x; then reboot in 1m");
    EXPECT_EQ(due[0].source, "monitor m");
    EXPECT_EQ(due[0].kind, "memory");
    EXPECT_EQ(due[0].evidence, "97% used");
    EXPECT_EQ(seen(troubles, "report, exec:/bin/x after 10s, reboot after 1m", 16s), "-");
    EXPECT_TRUE(troubles.over("monitor m", "memory"));
    EXPECT_EQ(troubles.next_deadline(), std::nullopt);
    EXPECT_TRUE(troubles.tick(10min).empty()) << "it is over: no reboot";
}

TEST(MachineTrouble, AStepThatIsRefusedIsTakenAgainWithGrowingPauses) {
    MachineTroubles troubles;
    EXPECT_EQ(seen(troubles, "exec:/bin/x, reboot 1/1h, poweroff", 0s), "exec:/bin/x, reboot");
    troubles.refused("monitor m", "memory", StepKind::reboot, 0s);
    Ms pause = MachineTroubles::kFirstRetry, now{0};
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(troubles.next_deadline(), now + pause) << i;
        EXPECT_TRUE(troubles.tick(now + pause - 1ms).empty());
        now += pause;
        auto due = troubles.tick(now);
        ASSERT_EQ(due.size(), 1u);
        EXPECT_EQ(steps_of(due[0]), "reboot") << "neither exec again, nor is its budget used up";
        troubles.refused("monitor m", "memory", StepKind::reboot, now);
        pause = std::min(pause * 2, MachineTroubles::kLongestRetry);
    }
    EXPECT_TRUE(troubles.over("monitor m", "memory"));
    EXPECT_EQ(troubles.next_deadline(), std::nullopt);
    troubles.refused("monitor m", "memory", StepKind::reboot, now); // too late
    EXPECT_EQ(troubles.next_deadline(), std::nullopt);
}

TEST(MachineTrouble, BudgetsOutliveItWhileThePolicyIsTheSame) {
    MachineTroubles troubles;
    const char* policy = "exec:/bin/x 2/1h, report, reboot 1/1h";
    auto again = [&](const char* text, Ms now) {
        troubles.over("monitor m", "memory");
        return seen(troubles, text, now);
    };
    EXPECT_EQ(again(policy, 0s), "exec:/bin/x, report, reboot");
    EXPECT_EQ(again(policy, 10s), "exec:/bin/x, report; policy exhausted");
    EXPECT_EQ(again(policy, 20s), "report; policy exhausted");
    EXPECT_EQ(again(policy, 1h), "exec:/bin/x, report, reboot");
    EXPECT_EQ(again("exec:/bin/y 2/1h", 1h), "exec:/bin/y") << "steps count by number: begin anew";
}

TEST(MachineTrouble, RefusesWhatIsNoPolicyOfAMachine) {
    struct {
        const char *policy, *says;
    } const rows[] = {
        {"restart", "step 1: 'restart' needs a service"},
        {"report, stop", "step 2: 'stop' needs a service"},
        {"signal TERM", "'signal' needs a service"},
        {"reboot at 5%", "has no level"},
        {"", "step 1 is empty"},
        {"rebot", "did you mean reboot?"},
    };
    MachineTroubles troubles;
    for (const auto& row : rows)
        EXPECT_NE(seen(troubles, row.policy, 0s).find(row.says), std::string::npos) << row.policy;
    EXPECT_EQ(troubles.standing(), 0u);
    std::string long_one = "exec:/bin/x " + std::string(MachineTroubles::kMostPolicy, 'a');
    EXPECT_EQ(seen(troubles, long_one.c_str(), 0s), "!the policy is longer than 1023 bytes");
    for (auto [source, kind] : {std::pair{"", "k"}, {"s", ""}, {"s", "two words"}, {"a\nb", "k"}}) {
        auto refused = troubles.seen(source, kind, "report", "", 0s);
        ASSERT_FALSE(refused) << source << "/" << kind;
        EXPECT_EQ(refused.error().why, Refusal::invalid);
    }
    EXPECT_FALSE(troubles.seen(std::string(64, 's'), "k", "report", "", 0s));
    EXPECT_TRUE(troubles.seen(std::string(63, 's'), std::string(31, 'k'), "report", "", 0s));
}

TEST(MachineTrouble, ABoundedNumber) {
    MachineTroubles troubles;
    for (std::size_t i = 0; i < MachineTroubles::kMost; ++i)
        ASSERT_TRUE(troubles.seen("s", fmt::format("k{}", i), "report 1/24h", "", Ms{i}));
    auto refused = troubles.seen("s", "more", "report", "", 1s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().why, Refusal::full);
    troubles.over("s", "k7");
    troubles.over("s", "k3");
    EXPECT_TRUE(troubles.seen("s", "more", "report", "", 1s)) << "k3 makes room, as the oldest";
    EXPECT_EQ(troubles.standing(), MachineTroubles::kMost - 1);
    EXPECT_TRUE(troubles.over("s", "more"));
}

TEST(MachineTrouble, ANextLifeGoesOn) {
    MachineTroubles before;
    const char* policy = "exec:/bin/x 1/1h, reboot after 1m";
    seen(before, policy, 0s);
    seen(before, "report", 0s, "load");
    before.over("monitor m", "load");
    auto changed = before.take_changed();
    EXPECT_EQ(changed, (std::vector<std::size_t>{0, 1}));
    EXPECT_TRUE(before.take_changed().empty());

    MachineTroubles after;
    for (auto place : changed) after.restore(place, before.record(place), 20s);
    EXPECT_EQ(after.standing(), 1u);
    EXPECT_EQ(seen(after, policy, 10s), "-");
    EXPECT_EQ(after.next_deadline(), Ms{60'000});
    auto due = after.tick(1min);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(steps_of(due[0]), "reboot");
    after.over("monitor m", "memory");
    EXPECT_EQ(seen(after, policy, 2min), "reboot in 1m") << "its budget is used up still";

    MachineTroubles late; // it was due while nobody was there: give its source time to call it over
    late.restore(0, before.record(0), 90s);
    EXPECT_TRUE(late.tick(89s).empty());
    EXPECT_EQ(late.tick(90s).size(), 1u);

    // Of a page that somebody else has written.
    MachineTroubles odd;
    auto record = before.record(0);
    odd.restore(MachineTroubles::kMost, record, 0s);
    odd.restore(0, MachineTroubleRecord{}, 0s);
    record.next = 99;
    odd.restore(1, record, 0s);
    odd.restore(2, record, 0s); // twice the same
    EXPECT_EQ(odd.standing(), 1u);
    EXPECT_EQ(odd.next_deadline(), std::nullopt);
    record.policy[0] = '?';
    MachineTroubles none;
    none.restore(0, record, 0s);
    EXPECT_EQ(none.standing(), 0u);
}
