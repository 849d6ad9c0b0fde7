// SPDX-License-Identifier: MIT
// Jobs by calendar. The core asks when the next run is, and gets a deadline on its own clock.
#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;

namespace {

struct CalendarJob : testing::Test {
    void define(const std::string& calendar,
                const std::function<void(ServiceSettings&)>& change = {}) {
        b.define("job", [&](ServiceSettings& s) {
            s.type = ServiceType::oneshot;
            if (!calendar.empty()) s.calendar = *parse_calendar(calendar);
            if (change) change(s);
        });
    }
    Lines next(Ms in) { return b.send(event::NextRun{"job", b.now + in}); }
    void run_through(int status = 0) {
        b.spawned("job");
        b.end("job", status);
    }
    Bench b;
};

const Lines kAsks{"ask next run of job"};

} // namespace

TEST_F(CalendarJob, ItWaitsForItsTimeAndDoesNotRunAtBoot) {
    define("03:00");
    b.define("other", [](auto& s) { s.type = ServiceType::target; });
    EXPECT_EQ(b.send(event::TargetRequested{"default"}),
              (Lines{"ask next run of job", "settled default 0"}));
    EXPECT_EQ(b.state("job"), State::stopped);
    EXPECT_EQ(b.manager.view("job")->next_attempt, Ms{0});
    EXPECT_EQ(next(60s), Lines{});
    EXPECT_EQ(b.manager.view("job")->next_attempt, b.now + 60s);
    EXPECT_EQ(b.pass(59s), Lines{});
    EXPECT_EQ(b.pass(2s), (Lines{"came, ask next run of job", "spawn job#1"}));
    EXPECT_EQ(next(100s), Lines{});
    run_through();
    EXPECT_EQ(b.state("job"), State::done);
    EXPECT_EQ(b.manager.view("job")->next_attempt, b.now + 100s);
    EXPECT_EQ(b.pass(100s), (Lines{"came, ask next run of job", "spawn job#2"}));
    next(100s);
    run_through(exit_status(1));
    EXPECT_EQ(b.state("job"), State::failed);
    EXPECT_EQ(b.pass(100s), (Lines{"came, ask next run of job", "spawn job#3"})); // a failure is no end
}

TEST_F(CalendarJob, TheTargetIsTheOneThatWaits) {
    define("03:00", [](auto& s) { s.start = StartMode::manual; });
    EXPECT_EQ(b.send(event::TargetRequested{"default"}), Lines{"settled default 0"});
    b.define("needs", [](auto& s) { s.needs = {"job"}; });
    EXPECT_EQ(b.request("needs"),
              (Lines{"ask next run of job", "spawn job#1"})); // now, since it is needed
    EXPECT_EQ(b.send(event::TimerRequested{"job"}), Lines{});
    EXPECT_EQ(b.send(event::TimerRequested{"needs"}), Lines{}); // no calendar
    EXPECT_EQ(b.send(event::TimerRequested{"nobody"}), Lines{});
    EXPECT_EQ(b.send(event::NextRun{"nobody", Ms{1}}), Lines{});
}

TEST_F(CalendarJob, AStartByNameRunsItNowAndAStopEndsIt) {
    define("03:00");
    EXPECT_EQ(b.request("job"), (Lines{"ask next run of job", "spawn job#1"}));
    next(10s);
    run_through();
    EXPECT_EQ(b.request("job"), Lines{"spawn job#2"}); // the next time stays
    run_through();
    EXPECT_EQ(b.manager.view("job")->next_attempt, b.now + 10s);
    b.stop("job");
    EXPECT_EQ(b.state("job"), State::stopped);
    EXPECT_EQ(next(10s), Lines{}); // too late
    EXPECT_EQ(b.pass(60s), Lines{});
    EXPECT_EQ(b.send(event::TimerRequested{"job"}), kAsks);
}

TEST_F(CalendarJob, WhatStillRunsStartsAgainWhenItHasEnded) {
    define("*:*", [](auto& s) { s.start_timeout = 0s; });
    b.request("job");
    next(10s);
    b.spawned("job");
    EXPECT_EQ(b.pass(30s), Lines{});
    b.exited("job", 0);
    b.emptied("job");
    EXPECT_EQ(b.pass(0s), (Lines{"came, ask next run of job", "spawn job#2"})); // once, not three times
}

TEST_F(CalendarJob, TheClockOnTheWallIsSet) {
    define("03:00");
    b.send(event::TimerRequested{"job"});
    next(10s);
    next(1h); // it was set back
    EXPECT_EQ(b.pass(10s), Lines{});
    next(0s); // the machine has slept past it
    EXPECT_EQ(b.pass(0s), (Lines{"came, ask next run of job", "spawn job#1"}));
    run_through();
    EXPECT_EQ(b.send(event::NextRun{"job", kNever}), Lines{}); // it never comes again
    EXPECT_EQ(b.pass(1000h), Lines{});
}

TEST_F(CalendarJob, AnotherCalendar) {
    define("03:00");
    b.send(event::TimerRequested{"job"});
    next(10s);
    define("04:00");
    EXPECT_EQ(b.pass(20s), Lines{}); // whoever has defined it tells the time
    next(10s);
    define("04:00", [](auto& s) { s.description = "x"; });
    EXPECT_EQ(b.pass(10s), (Lines{"came, ask next run of job", "spawn job#1"}));
    next(10s);
    run_through();
    define("");
    EXPECT_EQ(b.pass(20s), Lines{});
    EXPECT_EQ(b.manager.view("job")->next_attempt, Ms{0});
}

TEST_F(CalendarJob, AShutdownEndsIt) {
    define("03:00");
    b.send(event::TimerRequested{"job"});
    next(10s);
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + 30s}), Lines{"all stopped"});
    next(10s);
    EXPECT_EQ(b.pass(60s), Lines{});
}

// A crash takes its time; the calendar does not wait for it.
TEST_F(CalendarJob, AcrossALifeOfInit) {
    define("03:00");
    b.send(event::TimerRequested{"job"});
    next(10s);
    Bench after;
    after.now = b.now + 20s;
    after.define("job", [](auto& s) {
        s.type = ServiceType::oneshot;
        s.calendar = *parse_calendar("03:00");
    });
    after.manager.resume("job", unpack(pack(*b.manager.life("job"))));
    after.manager.shift_deadlines(20s);
    EXPECT_TRUE(after.manager.life("job")->timed);
    EXPECT_EQ(after.pass(0s), (Lines{"came, ask next run of job", "spawn job#1"}));
}
