// SPDX-License-Identifier: MIT
// Automatic restarts: pauses, counts, what trouble does.
#include "service/restart.h"

#include "core_harness.h"
#include "service/trouble.h"

using namespace leash;
using namespace leash::test;

TEST(RateWindow, AtMostNWithinTheWindow) {
    RateWindow window;
    RateLimit limit{2, 10s};
    EXPECT_TRUE(window.take(limit, 0s));
    EXPECT_TRUE(window.take(limit, 5s));
    EXPECT_FALSE(window.take(limit, 9s));
    EXPECT_TRUE(window.take(limit, 10s)); // the first has left
    EXPECT_FALSE(window.take(limit, 14s));
    EXPECT_TRUE(window.take(limit, 15s));
    EXPECT_FALSE(window.take({0, 10s}, 100s));
}

TEST(RateWindow, MoreThanItHasSlotsFor) {
    RateWindow window;
    RateLimit limit{100, 100s};
    int taken = 0;
    for (int second = 0; second < 1000; ++second)
        taken += window.take(limit, Ms{second * 500});
    // 500 s at 100 in 100 s: exactly would be 500; strict by a fraction of the window.
    EXPECT_LE(taken, 500);
    EXPECT_GE(taken, 375);
}

TEST(Backoff, DoublesUpToTheLongestAndStartsAnewAfterALongRun) {
    ServiceSettings s;
    s.restart_delay = 100ms, s.restart_delay_max = 1s;
    Backoff backoff;
    for (auto pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms})
        EXPECT_EQ(backoff.next(0ms, s), pause);
    EXPECT_EQ(backoff.next(10s, s), 1000ms); // not longer than the window
    EXPECT_EQ(backoff.next(10'001ms, s), 100ms);
    s.restart_delay = 0ms;
    backoff.clear();
    for (auto pause : {0ms, 1ms, 2ms, 4ms}) EXPECT_EQ(backoff.next(0ms, s), pause);
}

// As the reader makes it of a console: no limit, and the window says when the pauses begin anew.
TEST(Restart, AConsoleIsTriedAgainForEver) {
    for (bool has_terminal : {true, false}) {
        SCOPED_TRACE(has_terminal);
        Bench b;
        b.define("a", [](auto& s) {
            always(s), s.type = ServiceType::console, s.restart_limit = {0, 10s};
            s.restart_limit_long = {};
            s.restart_delay_max = 2s;
        });
        b.run("a");
        for (int i = 0; i < 500; ++i) {
            auto start = b.manager.view("a")->start;
            if (has_terminal || i == 0) b.end("a", 0);
            else b.send(event::SpawnFailed{start, "no terminal"}), b.emptied("a");
            ASSERT_EQ(b.state("a"), State::backoff) << i;
            auto pause = b.manager.view("a")->next_attempt - b.now;
            ASSERT_LE(pause, 2s);
            if (i > 10) { ASSERT_EQ(pause, 2s); }
            b.pass(pause);
            if (has_terminal) b.spawned("a");
        }
        if (!has_terminal) b.spawned("a"); // plugged in
        EXPECT_EQ(b.state("a"), State::running);
    }
}

TEST(Restart, PausesGrowAndCount) {
    Bench b;
    b.define("a", [](auto& s) { always(s), s.restart_limit.count = 0; });
    b.run("a");
    for (auto pause : {100ms, 200ms, 400ms, 800ms}) EXPECT_EQ(crash(b), pause);
    EXPECT_EQ(b.manager.view("a")->restarts, 4);
    EXPECT_EQ(crash(b, 11s), 100ms);
    EXPECT_EQ(b.manager.view("a")->restarts, 5);
    b.restart("a"); // by request: counted from 0
    b.end("a", 0);
    EXPECT_EQ(b.manager.view("a")->restarts, 0);
    b.spawned("a");
    EXPECT_EQ(crash(b), 100ms);
}

TEST(Restart, ThePauseCountsFromTheExit) {
    Bench b;
    b.define("a", always);
    b.run("a");
    b.exited("a", exit_status(1));
    b.pass(60ms);
    b.emptied("a");
    EXPECT_EQ(b.pass(39ms), Lines{});
    EXPECT_EQ(b.pass(1ms), Lines{"spawn a#2"});
    b.spawned("a");
    b.exited("a", exit_status(1));
    b.pass(300ms); // over before nothing is left
    EXPECT_EQ(b.emptied("a"), Lines{"spawn a#3"});
}

TEST(Trouble, RestartIsQuickAndNotCounted) {
    Bench b;
    b.define("a", [](auto& s) { s.restart_limit = {1, 1h}; });
    b.run("a");
    for (int i = 1; i < 6; ++i) {
        auto id = b.start("a");
        EXPECT_EQ(b.trouble("a"),
                  (Lines{"tell a: trouble: missed-heartbeat: silent for 10s; answer: restart",
                         fmt::format("signal a#{} 15", id)}));
        EXPECT_EQ(b.trouble("a"), Lines{}); // it is being dealt with
        EXPECT_EQ(b.pass(5s), (Lines{"tell a: did not stop within 5s, killing it",
                                     fmt::format("end a#{}", id)}));
        b.end("a", killed_by(SIGKILL));
        EXPECT_EQ(b.state("a"), State::backoff);
        EXPECT_EQ(b.pass(100ms).size(), 1U);
        b.spawned("a");
        EXPECT_EQ(b.manager.view("a")->restarts, i);
    }
}

TEST(Trouble, StepsInOrder) {
    struct Case {
        const char* policy;
        Lines lines;
        State then;
    };
    for (const auto& [text, lines, then] : std::initializer_list<Case>{
             {"report", {"answer: report"}, State::running},
             {"signal USR1", {"answer: signal SIGUSR1", "signal a#1 10"}, State::running},
             {"exec:/bin/tell me", {"answer: exec:/bin/tell me",
                                    "hook a#1 /bin/tell (missed-heartbeat: silent for 10s)"},
              State::running},
             {"report, signal ABRT, restart, reboot",
              {"answer: report, signal SIGABRT, restart", "signal a#1 6", "signal a#1 15"},
              State::stopping},
             {"stop", {"answer: stop", "signal a#1 15"}, State::stopping},
             {"reboot, stop", {"answer: reboot", "reboot for a: missed-heartbeat: silent for 10s"},
              State::running},
             {"signal ABRT, restart after 5s",
              {"answer: signal SIGABRT; then restart in 5s", "signal a#1 6"}, State::running}}) {
        Bench b;
        b.define("a", [&](auto& s) { s.on_trouble = policy(text); });
        b.run("a");
        auto got = b.trouble("a");
        ASSERT_EQ(got.size(), lines.size()) << text;
        EXPECT_TRUE(got[0].ends_with(lines[0])) << got[0];
        for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_EQ(got[i], lines[i]) << text;
        EXPECT_EQ(b.state("a"), then) << text;
    }
}

TEST(Trouble, AStopByPolicyShows) {
    Bench b;
    b.define("a", [](auto& s) { always(s), s.on_trouble = policy("stop"); });
    b.run("a");
    b.trouble("a");
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.reason("a"), "missed-heartbeat: silent for 10s");
}

TEST(Trouble, WaitingStepsHappenOnlyWhileItStands) {
    auto waiting = [](Bench& b) {
        b.define("a", [](auto& s) {
            s.on_trouble = policy("signal ABRT, signal USR2 after 2s, restart after 3s");
        });
        b.run("a");
        b.trouble("a");
    };
    Bench b;
    waiting(b);
    EXPECT_EQ(b.trouble("a"), Lines{}); // known already
    EXPECT_EQ(b.pass(1999ms), Lines{});
    EXPECT_EQ(b.pass(1ms).back(), "signal a#1 12");
    EXPECT_EQ(b.pass(2999ms), Lines{}); // counted from the step before
    EXPECT_EQ(b.pass(1ms).back(), "signal a#1 15");
    Bench c;
    waiting(c);
    c.send(event::TroubleOver{1, TroubleKind::missed_heartbeat});
    EXPECT_EQ(c.pass(1h), Lines{});
    c.trouble("a"); // anew, from the first step
    c.pass(2s);
    c.end("a", 0); // the start is over
    EXPECT_EQ(c.pass(1h), Lines{});
    Bench e; // asked to stop, but a dependant has to go first: the policy has no say any more
    waiting(e);
    e.define("z", [](auto& s) { s.needs = {"a"}; });
    e.run("z");
    e.stop("a");
    EXPECT_EQ(e.pass(4s), Lines{});
    EXPECT_EQ(e.state("a"), State::running);
    Bench d; // an over of another kind is another matter
    waiting(d);
    d.send(event::TroubleOver{1, TroubleKind::start_timeout});
    EXPECT_EQ(d.pass(2s).back(), "signal a#1 12");
}

TEST(Trouble, BudgetsOutliveStartsAndThenTheNextStepHasItsTurn) {
    Bench b;
    b.define("a", [](auto& s) { s.on_trouble = policy("restart 2/10m, stop 1/1h"); });
    b.run("a");
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(b.trouble("a").size(), 2U);
        b.end("a", 0);
        b.pass(100ms);
        b.spawned("a");
    }
    EXPECT_TRUE(b.trouble("a")[0].ends_with("answer: stop"));
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::failed);
    b.run("a");
    auto lines = b.trouble("a");
    EXPECT_TRUE(lines[0].ends_with("answer: policy exhausted")) << lines[0];
    EXPECT_EQ(lines[1], "tell a: policy exhausted, stopping it");
    EXPECT_EQ(lines[2], "signal a#4 15");
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::failed);
    b.pass(10min);
    b.run("a");
    EXPECT_TRUE(b.trouble("a")[0].ends_with("answer: restart"));
}

TEST(Trouble, AReportThatHasUsedUpItsBudgetIsNoReasonToStop) {
    Bench b;
    b.define("a", [](auto& s) { s.on_trouble = policy("report 1/1h"); });
    b.run("a");
    EXPECT_TRUE(b.trouble("a")[0].ends_with("answer: report"));
    EXPECT_TRUE(b.trouble("a")[0].ends_with("answer: none"));
    EXPECT_EQ(b.state("a"), State::running);
}

TEST(Trouble, BudgetsOfOneLineAreSharedBetweenKinds) {
    ServiceSettings s;
    s.on_kind.edit()[0] = policy("restart");
    EXPECT_EQ(policy_line(s, TroubleKind::crash_loop), policy_line(s, TroubleKind::start_timeout));
    EXPECT_NE(policy_line(s, TroubleKind::crash_loop), policy_line(s, TroubleKind::missed_heartbeat));
}

TEST(Trouble, TheMachineIsEndedOnce) {
    Bench b;
    for (auto name : {"a", "b"}) {
        b.define(name, [](auto& s) { s.on_trouble = policy("reboot"); });
        b.run(name);
    }
    EXPECT_EQ(b.trouble("a").size(), 2U);
    EXPECT_EQ(b.trouble("b").size(), 1U); // told, but the reboot is under way
    EXPECT_EQ(b.trouble("a").size(), 1U);
}
