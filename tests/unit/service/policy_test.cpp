// SPDX-License-Identifier: MIT
#include "service/policy.h"

#include <csignal>

#include <gtest/gtest.h>

#include "service/settings.h"

using namespace leash;

namespace {

std::string error_of(std::string_view text) {
    auto policy = parse_policy(text);
    return policy ? "no error" : policy.error().text;
}

} // namespace

TEST(Policy, Steps) {
    auto policy = parse_policy("report, signal ABRT 2/1h, exec:/bin/say 'a, b' 1/5s after 3s, "
                               "restart 3/10m at 60%, stop after 2m, reboot, poweroff, halt");
    ASSERT_TRUE(policy) << policy.error().text;
    Policy expected{
        {.kind = StepKind::report},
        {.kind = StepKind::signal, .signal = SIGABRT, .budget = RateLimit{2, 1h}},
        {.kind = StepKind::exec, .command = {"/bin/say", "a, b"}, .budget = RateLimit{1, 5s},
         .after = 3s},
        {.kind = StepKind::restart, .budget = RateLimit{3, 10min}, .at_percent = 60},
        {.kind = StepKind::stop, .after = 2min},
        {.kind = StepKind::reboot}, {.kind = StepKind::poweroff}, {.kind = StepKind::halt}};
    EXPECT_EQ(*policy, expected);
}

TEST(Policy, WritesItselfAndParsesBack) {
    for (auto text : {"report", "restart 3/10m, reboot", "signal SIGRTMIN+3 1/1s at 5% after 250ms",
                      "exec:/bin/sh -c 'a, b; c'", "exec:'after' 'at' '3/10m'", "stop after 90s",
                      "limit, limit 50% at 60%, limit 64M 1/1h, limit 100, freeze after 5s, dump",
                      "exec:/bin/x 'after' 5s 2/1m, halt", R"(exec:x '2/1'\''s')"}) {
        auto policy = parse_policy(text);
        ASSERT_TRUE(policy) << text << ": " << policy.error().text;
        EXPECT_EQ(to_string(*policy), text);
    }
    EXPECT_EQ(to_string(*parse_policy("signal, signal 3/10m after 1s, restart")),
              "signal SIGABRT, signal SIGABRT 3/10m after 1s, restart");
    // Clauses in any order, blanks at will.
    EXPECT_EQ(to_string(*parse_policy("  restart  after 5s   3/10m at 9% ")),
              "restart 3/10m at 9% after 5s");
}

TEST(Policy, ErrorsNameTheStepAndWhatIsAllowed) {
    struct Case {
        const char* text;
        const char* error;
    };
    for (auto [text, error] : {
             Case{"", "step 1 is empty: use report, signal [NAME], exec:COMMAND, limit [VALUE]"},
             {"restart,", "step 2 is empty"},
             {"restart,,reboot", "step 2 is empty"},
             {"restrat", "step 1: unknown step 'restrat': did you mean restart?"},
             {"report, explode", "step 2: unknown step 'explode': use report, signal [NAME]"},
             {"limit lots", "'limit lots': write a share (50%), a size (64M) or a number"},
             {"limit 0%", "'limit 0%': write a share"},
             {"freeze 5", "'5' means nothing behind 'freeze'"},
             {"restart 3/10", "add a unit"},
             {"restart 0/10m", "a budget of 0"},
             {"restart 3/0s", "must be longer than 0"},
             {"restart 10001/1s", "from 0 to 10000"},
             {"restart 99999999999999999999/1s", "from 0 to 10000"},
             {"restart 3/10m 3/10m", "a budget is given twice"},
             {"restart after 5s after 6s", "'after' is given twice"},
             {"restart at 5% at 6%", "'at' is given twice"},
             {"restart after", "'after' needs a time"},
             {"restart at", "'at' needs a level"},
             {"restart at 0%", "1% to 100%"},
             {"restart at 101%", "1% to 100%"},
             {"restart at 60", "1% to 100%"},
             {"restart after 0s", "longer than 0"},
             {"restart after tomorrow", "after: 'tomorrow' is no time"},
             {"restart now", "'now' means nothing behind 'restart'"},
             {"restart reboot", "steps are separated by commas"},
             {"restart-dependants", "did you mean restart-dependents?"},
             {"restart-dependents a", "'a' means nothing behind 'restart-dependents'"},
             {"signal TREM", "did you mean TERM?"},
             {"signal TERM KILL", "'KILL' means nothing"},
             {"exec /bin/x", "exec is written exec:COMMAND"},
             {"exec:", "needs a command"},
             {"exec:''", "needs a command"},
             {"exec:/bin/x 'a", "never closed"},
             {"exec:/bin/x after", "quote it if it is an argument"},
         })
        EXPECT_NE(error_of(text).find(error), std::string::npos) << text << ": " << error_of(text);
    std::string many = "report";
    for (std::size_t i = 1; i < kMaxSteps; ++i) many += ", report";
    EXPECT_TRUE(parse_policy(many));
    EXPECT_EQ(error_of(many + ", report"), "more than 16 steps");
}

// For a core, when nothing else is asked for.
TEST(Policy, ASignalWithoutANameIsAbort) {
    for (auto text : {"signal", "signal 3/10m", "signal after 5s", "signal 1/1s after 1s"}) {
        auto policy = parse_policy(text);
        ASSERT_TRUE(policy) << text << ": " << policy.error().text;
        EXPECT_EQ(policy->front().signal, SIGABRT) << text;
    }
    EXPECT_EQ(to_string(*parse_policy("signal 3/10m")), "signal SIGABRT 3/10m");
    EXPECT_EQ(to_string(*parse_policy("restart-dependents 3/10m, safe, reboot")),
              "restart-dependents 3/10m, safe, reboot");
    EXPECT_TRUE(is_final(StepKind::restart_dependents));
}

TEST(Policy, Names) {
    for (int i = 0; i < kTroubleKinds; ++i) {
        auto kind = static_cast<TroubleKind>(i);
        EXPECT_EQ(trouble_kind_named(to_string(kind)), kind);
    }
    EXPECT_EQ(to_string(TroubleKind::crash_loop), "crash-loop");
    EXPECT_FALSE(trouble_kind_named("crash_loop"));
}

TEST(Policy, OfASettingsObject) {
    ServiceSettings settings;
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::missed_heartbeat)), "restart");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::start_timeout)), "restart");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::crash_loop)), "stop");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::crash_loop, true)), "report");
    settings.on_trouble = *parse_policy("reboot");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::crash_loop, true)), "reboot");
    settings.on_kind.edit()[1] = *parse_policy("halt");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::missed_heartbeat)), "reboot");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::crash_loop)), "halt");
    EXPECT_EQ(to_string(policy_for(settings, TroubleKind::crash_loop, true)), "halt");
}
