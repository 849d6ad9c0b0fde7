// SPDX-License-Identifier: MIT
// Commands beside the main process, limits and timers: each line of the table that is about them.
#include "core_harness.h"

using namespace leash;
using namespace leash::test;

namespace {

using enum ControlKind;

void add(ServiceSettings& s, ControlKind kind, const std::string& program, bool may_fail = false) {
    s.control.edit()[static_cast<std::size_t>(kind)].push_back({{program}, may_fail});
}

int bad() { return exit_status(1); }

} // namespace

TEST(Control, AllOfThemInOrder) {
    Bench b;
    b.define("a", [](auto& s) {
        add(s, pre, "/p1"), add(s, pre, "/p2"), add(s, post, "/q"), add(s, stop, "/s");
        add(s, cleanup, "/c1"), add(s, cleanup, "/c2"), add(s, reload, "/r");
    });
    EXPECT_EQ(b.all(event::StartRequested{"a"}),
              (Lines{"a: stopped>waiting", "a: waiting>starting", "run a#1 command-pre /p1"}));
    EXPECT_EQ(b.send(event::ControlSpawned{1, 1, 90}), Lines{});
    EXPECT_EQ(b.manager.life("a")->control.pid, 90);
    EXPECT_EQ(b.control("a"), Lines{"run a#1 command-pre /p2"});
    EXPECT_EQ(b.control("a"), Lines{"spawn a#1"});
    EXPECT_EQ(b.spawned("a"), Lines{"run a#1 command-post /q"});
    EXPECT_EQ(b.state("a"), State::starting);
    EXPECT_EQ(b.control("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::running);
    EXPECT_EQ(b.send(event::ReloadRequested{"a"}), Lines{"run a#1 command-reload /r"});
    EXPECT_EQ(b.state("a"), State::reloading);
    EXPECT_EQ(b.control("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::running);
    EXPECT_EQ(b.reason("a"), "reloaded");
    EXPECT_EQ(b.stop("a"), Lines{"run a#1 command-stop /s"});
    EXPECT_EQ(b.exited("a", 0), Lines{}); // not killed under its hands
    EXPECT_EQ(b.control("a"), Lines{"end a#1"});
    EXPECT_EQ(b.emptied("a"), Lines{"run a#1 command-cleanup /c1"});
    EXPECT_EQ(b.state("a"), State::stopping);
    EXPECT_EQ(b.emptied("a"), Lines{}); // nobody asked
    EXPECT_EQ(b.control("a"), Lines{"run a#1 command-cleanup /c2"});
    EXPECT_EQ(b.control("a"), Lines{"end a#1"}); // for what they left
    EXPECT_EQ(b.emptied("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Control, EnvironmentOfTheEnd) {
    Bench b;
    b.define("a", [](auto& s) { add(s, stop, "/s"), add(s, cleanup, "/c"); });
    for (int round = 1; round <= 2; ++round) { // what it says is of this start, not of an earlier one
        b.run("a");
        auto actions = b.manager.handle(event::StopRequested{"a"}, b.now);
        const auto& run = std::get<action::RunControl>(actions.back());
        EXPECT_EQ(run.main_pid, 100 + round);
        EXPECT_FALSE(run.main_exit);
        b.exited("a", killed_by(SIGTERM));
        b.control("a");
        actions = b.manager.handle(event::Emptied{b.start("a"), 0}, b.now);
        const auto& clean = std::get<action::RunControl>(actions.back());
        EXPECT_EQ(clean.main_pid, 0);
        EXPECT_EQ(clean.main_exit, killed_by(SIGTERM));
        b.control("a");
        b.emptied("a");
        EXPECT_EQ(b.state("a"), State::stopped);
    }
}

TEST(Control, FailedCommandPreIsAFailedStart) {
    for (auto [restart, status, then] :
         {std::tuple{RestartWhen::no, bad(), State::failed},
          {RestartWhen::on_failure, bad(), State::backoff},
          {RestartWhen::on_abnormal, bad(), State::failed},
          {RestartWhen::on_abnormal, killed_by(SIGSEGV), State::backoff},
          {RestartWhen::always, bad(), State::backoff}}) {
        Bench b;
        b.define("a", [&](auto& s) {
            add(s, pre, "/p"), add(s, cleanup, "/c");
            s.restart = restart;
            s.notify.kind = NotifyKind::systemd;
        });
        b.request("a");
        auto lines = b.control("a", status);
        EXPECT_EQ(lines.back(), "end a#1");
        EXPECT_EQ(b.emptied("a"), Lines{"run a#1 command-cleanup /c"}); // always
        b.control("a");
        b.emptied("a");
        EXPECT_EQ(b.state("a"), then);
        EXPECT_TRUE(b.reason("a").starts_with("command-pre /p: " + describe_exit(status)))
            << b.reason("a");
    }
}

TEST(Control, WhatMayFailMay) {
    Bench b;
    b.define("a", [](auto& s) { add(s, pre, "/p", true), add(s, post, "/q", true); });
    b.request("a");
    EXPECT_EQ(b.control("a", bad()),
              (Lines{"tell a: command-pre /p: exited with status 1", "spawn a#1"}));
    b.spawned("a");
    b.send(event::ControlFailed{1, 2, "/q: no such file"});
    EXPECT_EQ(b.state("a"), State::running);
}

TEST(Control, TimeLimits) {
    struct Case {
        ControlKind kind;
        Lines then; // when its limit is over
        State state;
    };
    for (const auto& [kind, then, state] : {
             Case{pre, {"kill control a#1", "tell a: command-pre /x: did not end within 7s, killed",
                        "end a#1"}, State::stopping},
             {post, {"kill control a#1", "tell a: command-post /x: did not end within 7s, killed",
                     "signal a#1 15"}, State::stopping},
             {reload, {"kill control a#1",
                       "tell a: command-reload /x: did not end within 8s, killed"}, State::running},
             {stop, {"kill control a#1",
                     "tell a: command-stop did not end within 9s, killed, killing the service",
                     "end a#1"}, State::stopping},
             {cleanup, {"kill control a#1",
                        "tell a: command-cleanup /x: did not end within 9s, killed", "end a#1"},
              State::stopping}}) {
        Bench b;
        b.define("a", [kind = kind](auto& s) {
            s.start_timeout = 7s, s.reload_timeout = 8s, s.stop_timeout = 9s;
            add(s, kind, "/x");
        });
        b.request("a");
        if (kind != pre) b.spawned("a");
        if (kind == reload) b.send(event::ReloadRequested{"a"});
        if (kind == stop) b.stop("a");
        if (kind == cleanup) b.end("a", 0);
        auto limit = kind <= post ? 7s : kind == reload ? 8s : 9s;
        EXPECT_EQ(b.pass(limit - 1ms), Lines{}) << to_string(kind);
        EXPECT_EQ(b.pass(1ms), then) << to_string(kind);
        EXPECT_EQ(b.state("a"), state) << to_string(kind);
        // A late answer is nobody's.
        EXPECT_EQ(b.send(event::ControlExited{1, 1, 0}), Lines{});
    }
}

TEST(Control, NoLimitIsNone) {
    Bench b;
    b.define("a", [](auto& s) {
        s.start_timeout = s.stop_timeout = s.reload_timeout = 0s;
        add(s, pre, "/x"), add(s, reload, "/x");
    });
    b.request("a");
    EXPECT_FALSE(b.manager.next_deadline());
    b.control("a");
    b.spawned("a");
    b.send(event::ReloadRequested{"a"});
    EXPECT_FALSE(b.manager.next_deadline());
    b.control("a", bad());
    EXPECT_EQ(b.state("a"), State::running);
    EXPECT_EQ(b.reason("a"), "reload failed: command-reload /x: exited with status 1");
    EXPECT_EQ(b.stop("a"), Lines{"signal a#1 15"});
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Control, FailedCommandPostStopsIt) {
    Bench b;
    b.define("a", [](auto& s) { add(s, post, "/q"), s.restart = RestartWhen::on_failure; });
    b.request("a");
    b.spawned("a");
    EXPECT_EQ(b.control("a", bad()),
              (Lines{"tell a: command-post /q: exited with status 1", "signal a#1 15"}));
    EXPECT_EQ(b.exited("a", killed_by(SIGTERM)), Lines{"end a#1"});
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::backoff);
}

TEST(Control, MainProcessEndsDuringCommandPost) {
    Bench b;
    b.define("a", [](auto& s) { add(s, post, "/q"); });
    b.request("a");
    b.spawned("a");
    EXPECT_EQ(b.exited("a", bad()), (Lines{"kill control a#1", "end a#1"}));
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::failed);
}

TEST(Control, AJobIsDoneAfterItsCommandPost) {
    for (int status : {0, bad()}) {
        Bench b;
        b.define("a", [](auto& s) { s.type = ServiceType::oneshot, add(s, post, "/q"); });
        b.request("a");
        EXPECT_EQ(b.spawned("a"), Lines{});
        EXPECT_EQ(b.exited("a", 0), Lines{"run a#1 command-post /q"});
        EXPECT_EQ(b.state("a"), State::starting);
        EXPECT_EQ(b.control("a", status).back(), "end a#1");
        b.emptied("a");
        EXPECT_EQ(b.state("a"), status == 0 ? State::done : State::failed);
    }
}

TEST(Control, StopWhileCommandPreRuns) {
    Bench b;
    b.define("a", [](auto& s) { add(s, pre, "/p"), add(s, stop, "/s"); });
    b.request("a");
    EXPECT_EQ(b.stop("a"), (Lines{"kill control a#1", "end a#1"})); // nobody is there to ask
    EXPECT_EQ(b.send(event::ControlExited{1, 1, 0}), Lines{});
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::stopped);
}

TEST(Control, FailedCommandStopFallsBackOnTheSignal) {
    Bench b;
    b.define("a", [](auto& s) { add(s, stop, "/s"); });
    b.run("a");
    b.stop("a");
    EXPECT_EQ(b.control("a", bad()),
              (Lines{"tell a: command-stop /s: exited with status 1", "signal a#1 15"}));
    EXPECT_EQ(b.pass(5s), (Lines{"tell a: did not stop within 5s, killing it", "end a#1"}));
}

TEST(Control, AfterCommandStopTheMainProcessHasItsTime) {
    Bench b;
    b.define("a", [](auto& s) { add(s, stop, "/s"); });
    b.run("a");
    b.stop("a");
    b.pass(4s);
    EXPECT_EQ(b.control("a"), Lines{});
    EXPECT_EQ(b.pass(4999ms), Lines{});
    EXPECT_EQ(b.pass(1ms), (Lines{"tell a: did not stop within 5s, killing it", "end a#1"}));
}

TEST(Control, ShutdownDoesNotWaitForCleanupForEver) {
    Bench b;
    b.define("a", [](auto& s) { add(s, cleanup, "/c"), s.stop_timeout = 0s; });
    b.run("a");
    b.send(event::ShutdownRequested{b.now + 3s});
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::stopping);
    EXPECT_EQ(b.pass(3s), (Lines{"kill control a#1", "end everything a#1"}));
    EXPECT_EQ(b.emptied("a"), Lines{"all stopped"});
}

TEST(Control, ReloadBySignal) {
    Bench b;
    b.define("plain");
    b.run("plain");
    EXPECT_EQ(b.all(event::ReloadRequested{"plain"}),
              (Lines{"plain: running>reloading", "reload plain#1", "plain: reloading>running"}));
    EXPECT_EQ(b.reason("plain"), "reloaded");
}

// ---- restarts -----------------------------------------------------------------------------------

TEST(Restart, OnWatchdogMeansThatItMissedItsHeartbeat) {
    for (bool silent : {false, true}) {
        Bench b;
        b.define("a", [](auto& s) {
            s.restart = RestartWhen::on_watchdog;
            s.on_trouble = *parse_policy("signal SIGABRT");
        });
        b.run("a");
        if (silent) { EXPECT_EQ(b.trouble("a").back(), "signal a#1 6"); }
        b.end("a", killed_by(SIGABRT));
        EXPECT_EQ(b.state("a"), silent ? State::backoff : State::failed);
    }
    Bench b;
    b.define("a", [](auto& s) {
        s.restart = RestartWhen::on_watchdog;
        s.on_trouble = *parse_policy("report");
    });
    b.run("a");
    b.trouble("a");
    b.send(event::TroubleOver{1, TroubleKind::missed_heartbeat});
    b.end("a", killed_by(SIGABRT));
    EXPECT_EQ(b.state("a"), State::failed);
}

TEST(Restart, AStopEndsAPendingRestart) {
    for (bool emptied : {false, true}) { // while it still goes down, and in the pause
        Bench b;
        b.define("a", [](auto& s) { s.restart = RestartWhen::always, s.restart_delay = 10s; });
        b.run("a");
        b.exited("a", bad());
        if (emptied) b.emptied("a");
        b.stop("a");
        if (!emptied) b.emptied("a");
        EXPECT_EQ(b.state("a"), State::stopped);
        EXPECT_EQ(b.pass(60s), Lines{});
        EXPECT_EQ(b.state("a"), State::stopped);
    }
}

// ---- limits and timers --------------------------------------------------------------------------

TEST(Limits, RuntimeLimitFailsIt) {
    Bench b;
    b.define("a", [](auto& s) { s.runtime_limit = 60s, s.restart = RestartWhen::always; });
    b.run("a");
    b.pass(30s);
    b.send(event::ReloadRequested{"a"}); // starts no new count
    EXPECT_EQ(b.pass(29'999ms), Lines{});
    EXPECT_EQ(b.pass(1ms), (Lines{"tell a: trouble: runtime-limit: running for 1m; answer: stop",
                                  "signal a#1 15"}));
    b.end("a", killed_by(SIGTERM));
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.reason("a"), "runtime-limit: running for 1m");
}

TEST(Timer, RunsAgainAfterTheLastStart) {
    Bench b;
    b.define("a", [](auto& s) { s.type = ServiceType::oneshot, s.interval = 60s; });
    b.request("a");
    b.spawned("a");
    b.pass(10s);
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::done);
    EXPECT_EQ(b.manager.view("a")->next_attempt, b.now + 50s);
    EXPECT_EQ(b.pass(49'999ms), Lines{});
    EXPECT_EQ(b.pass(1ms), Lines{"spawn a#2"});
    b.spawned("a");
    b.end("a", bad()); // a failure does not end it
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.pass(60s), Lines{"spawn a#3"});
    b.spawned("a");
    EXPECT_EQ(b.stop("a"), Lines{"signal a#3 15"}); // a stop does
    b.end("a", killed_by(SIGTERM));
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Timer, NeverTwiceAtOnce) {
    Bench b;
    b.define("a", [](auto& s) {
        s.type = ServiceType::oneshot, s.interval = 10s, s.start_timeout = 0s;
        s.remain_after_exit = false;
    });
    b.request("a");
    b.spawned("a");
    EXPECT_EQ(b.pass(25s), Lines{});
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_EQ(b.pass(0s), Lines{"spawn a#2"});
}

TEST(Timer, OutlivesWhatItNeeds) {
    Bench b;
    b.define("base");
    b.define("a", [](auto& s) {
        s.type = ServiceType::oneshot, s.interval = 10s, s.needs = {"base"};
    });
    b.run("base");
    b.request("a");
    b.spawned("a");
    b.end("a", 0);
    b.end("base", bad());
    EXPECT_EQ(b.pass(10s), Lines{"spawn base#3"}); // as a request would
    b.end("base", bad());
    EXPECT_EQ(b.state("a"), State::failed); // what it needs has failed
    EXPECT_EQ(b.pass(10s), Lines{"spawn base#4"});
    EXPECT_EQ(b.spawned("base"), Lines{"spawn a#5"});
}

TEST(Timer, EndsWithTheMachine) {
    Bench b;
    b.define("a", [](auto& s) { s.type = ServiceType::oneshot, s.interval = 10s; });
    b.request("a");
    b.spawned("a");
    b.end("a", bad());
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + 60s}), Lines{"all stopped"});
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Timer, AJobThatDoesNotRemainIsStopped) {
    Bench b;
    b.define("a", [](auto& s) { s.type = ServiceType::oneshot, s.remain_after_exit = false; });
    b.request("a");
    b.spawned("a");
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_FALSE(b.manager.next_deadline());
}

// A job may say READY=1 while it works. Once it has ended there is nothing to reload, and its
// command-post must not meet a command-reload.
TEST(Control, NoReloadOfAJobThatHasEnded) {
    Bench b;
    b.define("job", [](auto& s) {
        s.type = ServiceType::oneshot;
        s.notify.kind = NotifyKind::systemd;
        add(s, post, "/q"), add(s, reload, "/r");
    });
    b.all(event::StartRequested{"job"});
    b.spawned("job");
    b.send(event::Ready{1});
    EXPECT_EQ(b.state("job"), State::running);
    EXPECT_EQ(b.exited("job", 0), Lines{"run job#1 command-post /q"});
    EXPECT_EQ(b.all(event::ReloadRequested{"job"}),
              Lines{"tell job: cannot reload: its main process has ended"});
    b.send(event::Reloading{1});
    EXPECT_EQ(b.state("job"), State::running);
    EXPECT_EQ(b.control("job"), Lines{"end job#1"});
}

TEST(Control, AJobsLimitGoesOnWhileItReloads) {
    Bench b;
    b.define("a", [](auto& s) {
        s.type = ServiceType::oneshot, s.notify.kind = NotifyKind::systemd;
        s.start_timeout = Ms{5'000}, s.reload_timeout = Ms{60'000};
        add(s, reload, "/r");
    });
    b.run("a");
    b.pass(Ms{4'000});
    EXPECT_EQ(b.send(event::ReloadRequested{"a"}), Lines{"run a#1 command-reload /r"});
    auto lines = b.pass(Ms{2'000});
    ASSERT_FALSE(lines.empty());
    EXPECT_TRUE(lines[0].starts_with("tell a: trouble: start-timeout: still running after 5s"))
        << lines[0];
    EXPECT_EQ(b.state("a"), State::stopping);
}
