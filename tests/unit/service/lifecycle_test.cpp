// SPDX-License-Identifier: MIT
// One service alone: each line of the table in service/lifecycle.h.
#include "core_harness.h"

using namespace leash;
using namespace leash::test;

TEST(Lifecycle, DaemonFromStartToStop) {
    Bench b;
    b.define("a");
    EXPECT_EQ(b.all(event::StartRequested{"a"}),
              (Lines{"a: stopped>waiting", "a: waiting>starting", "spawn a#1"}));
    EXPECT_EQ(b.send(event::Spawned{1, 101}), Lines{});
    EXPECT_EQ(b.manager.view("a")->main_pid, 101);
    EXPECT_EQ(b.state("a"), State::starting);
    EXPECT_EQ(b.all(event::Executed{1}), Lines{"a: starting>running"});
    EXPECT_EQ(b.manager.service_of(1), "a");
    EXPECT_EQ(b.request("a"), Lines{}); // already running

    EXPECT_EQ(b.all(event::StopRequested{"a"}, true),
              (Lines{"a: running>stopping (stop requested)", "signal a#1 15"}));
    EXPECT_EQ(b.manager.next_deadline(), b.now + 5s);
    EXPECT_EQ(b.exited("a", killed_by(SIGTERM)), Lines{"end a#1"});
    EXPECT_EQ(b.state("a"), State::stopping);
    EXPECT_EQ(b.all(event::Emptied{1, 0}), Lines{"a: stopping>stopped"});
    auto view = *b.manager.view("a");
    EXPECT_EQ(view.start, 0U);
    EXPECT_EQ(view.last_start, 1U);
    EXPECT_EQ(view.main_pid, 0);
    EXPECT_EQ(view.last_exit, killed_by(SIGTERM));
    EXPECT_EQ(b.manager.service_of(1), "");
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Lifecycle, StopThatTakesTooLong) {
    Bench b;
    b.define("a", [](auto& s) { s.stop_signal = SIGINT; });
    b.run("a");
    EXPECT_EQ(b.stop("a"), Lines{"signal a#1 2"});
    EXPECT_EQ(b.pass(4999ms), Lines{});
    EXPECT_EQ(b.pass(1ms), (Lines{"tell a: did not stop within 5s, killing it", "end a#1"}));
    // Both are needed, in any order, and EndStart is asked once.
    EXPECT_EQ(b.emptied("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::stopping);
    EXPECT_EQ(b.exited("a", killed_by(SIGKILL)), Lines{});
    EXPECT_EQ(b.state("a"), State::stopped);
}

TEST(Lifecycle, EmptiedBeforeItWasAskedAnswersNothing) {
    Bench b;
    b.define("a");
    b.run("a");
    EXPECT_EQ(b.emptied("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::running);
    b.exited("a", 0);
    EXPECT_EQ(b.state("a"), State::stopping);
}

TEST(Lifecycle, ExitsAreAnsweredByTheRestartKey) {
    struct Case {
        ServiceType type;
        RestartWhen restart;
        int status;
        State then;
    };
    auto daemon = ServiceType::daemon, oneshot = ServiceType::oneshot, console = ServiceType::console;
    auto ok = exit_status(0), bad = exit_status(3), segv = killed_by(SIGSEGV);
    for (auto [type, restart, status, then] : {
             Case{daemon, RestartWhen::always, ok, State::backoff},
             {daemon, RestartWhen::always, bad, State::backoff},
             {daemon, RestartWhen::on_failure, ok, State::stopped},
             {daemon, RestartWhen::on_failure, bad, State::backoff},
             {daemon, RestartWhen::on_failure, segv, State::backoff},
             {daemon, RestartWhen::on_failure, killed_by(SIGTERM), State::stopped},
             {daemon, RestartWhen::on_failure, killed_by(SIGHUP), State::stopped},
             {daemon, RestartWhen::on_failure, killed_by(SIGINT), State::stopped},
             {daemon, RestartWhen::on_failure, killed_by(SIGPIPE), State::stopped},
             {daemon, RestartWhen::on_failure, killed_by(SIGKILL), State::backoff},
             {daemon, RestartWhen::on_failure, exit_status(7), State::stopped}, // a success here
             {daemon, RestartWhen::on_failure, killed_by(SIGUSR1), State::stopped},
             {daemon, RestartWhen::on_abnormal, ok, State::stopped},
             {daemon, RestartWhen::on_abnormal, bad, State::failed},
             {daemon, RestartWhen::on_abnormal, segv, State::backoff},
             {daemon, RestartWhen::on_abnormal, killed_by(SIGTERM), State::stopped},
             {daemon, RestartWhen::on_watchdog, ok, State::stopped},
             {daemon, RestartWhen::on_watchdog, bad, State::failed},
             {daemon, RestartWhen::on_watchdog, segv, State::failed},
             {daemon, RestartWhen::no, killed_by(SIGTERM), State::stopped},
             {daemon, RestartWhen::always, killed_by(SIGTERM), State::backoff},
             {oneshot, RestartWhen::no, exit_status(7), State::done},
             {oneshot, RestartWhen::no, killed_by(SIGUSR1), State::done},
             {oneshot, RestartWhen::no, killed_by(SIGTERM), State::failed},
             {oneshot, RestartWhen::on_abnormal, killed_by(SIGTERM), State::backoff},
             {daemon, RestartWhen::no, ok, State::stopped},
             {daemon, RestartWhen::no, bad, State::failed},
             {daemon, RestartWhen::no, segv, State::failed},
             {console, RestartWhen::always, ok, State::backoff},
             {oneshot, RestartWhen::no, ok, State::done},
             {oneshot, RestartWhen::always, ok, State::done},
             {oneshot, RestartWhen::no, bad, State::failed},
             {oneshot, RestartWhen::no, segv, State::failed},
             {oneshot, RestartWhen::on_failure, bad, State::backoff},
         }) {
        Bench b;
        b.define("a", [&](auto& s) {
            s.type = type, s.restart = restart;
            s.success_exit_status = {{7, 9}, {SIGUSR1}};
        });
        b.request("a");
        b.spawned("a");
        EXPECT_EQ(b.state("a"), type == oneshot ? State::starting : State::running);
        EXPECT_EQ(b.exited("a", status), Lines{"end a#1"});
        EXPECT_EQ(b.state("a"), State::stopping);
        EXPECT_EQ(b.emptied("a", 2), Lines{});
        EXPECT_EQ(b.state("a"), then) << status;
        EXPECT_EQ(b.manager.view("a")->remains, 2);
        EXPECT_EQ(b.manager.view("a")->last_exit, status);
    }
}

TEST(Lifecycle, ReasonsAreForPeople) {
    Bench b;
    b.define("a");
    b.run("a");
    EXPECT_EQ(b.all(event::MainExited{1, killed_by(SIGSEGV)}, true)[0],
              "a: running>stopping (killed by signal 11 (SIGSEGV))");
    EXPECT_EQ(b.all(event::Emptied{1, 0}, true)[0],
              "a: stopping>failed (killed by signal 11 (SIGSEGV))");
    b.define("n", [](auto& s) { s.notify.kind = NotifyKind::systemd; });
    b.request("n");
    b.spawned("n");
    b.end("n", exit_status(1));
    EXPECT_EQ(b.reason("n"), "exited with status 1 before it was ready");
    b.define("r", [](auto& s) { s.restart = RestartWhen::always; });
    b.run("r");
    b.end("r", exit_status(1));
    EXPECT_EQ(b.reason("r"), "exited with status 1, starts again in 100ms");
}

TEST(Lifecycle, AnEndOfItsOwnChoiceIsToldFromALoss) {
    struct Case {
        NotifyKind notify; // one that is never ready
        int status;
        bool well;
    };
    for (auto [notify, status, well] : {
             Case{NotifyKind::none, exit_status(0), true},
             {NotifyKind::none, exit_status(3), false},
             {NotifyKind::none, killed_by(SIGTERM), false}, // a success as well, but not its own choice
             {NotifyKind::none, killed_by(SIGSEGV), false},
             {NotifyKind::systemd, exit_status(0), false},
         }) {
        Bench b;
        b.define("a", [&](auto& s) { s.restart = RestartWhen::always, s.notify.kind = notify; });
        b.request("a");
        b.spawned("a");
        b.exited("a", status);
        auto turn = b.manager.handle(event::Emptied{1, 0}, b.now);
        int seen = 0;
        for (const auto& action : turn)
            if (const auto* change = std::get_if<action::StateChanged>(&action)) {
                ++seen;
                EXPECT_EQ(change->to, State::backoff);
                EXPECT_EQ(change->ended_well, well) << status;
            }
        EXPECT_EQ(seen, 1);
    }
}

TEST(Lifecycle, SpawnFailure) {
    for (auto restart : {RestartWhen::no, RestartWhen::on_failure, RestartWhen::always}) {
        Bench b;
        b.define("a", [&](auto& s) { s.restart = restart; });
        b.request("a");
        EXPECT_EQ(b.send(event::SpawnFailed{1, "/bin/a: No such file"}), Lines{"end a#1"});
        EXPECT_EQ(b.send(event::MainExited{1, exit_status(127)}), Lines{}); // its child, reaped
        b.emptied("a");
        EXPECT_EQ(b.state("a"), restart == RestartWhen::no ? State::failed : State::backoff);
        EXPECT_TRUE(b.reason("a").starts_with("cannot start: /bin/a: No such file"));
        EXPECT_FALSE(b.manager.view("a")->last_exit);
    }
}

TEST(Lifecycle, ReadinessIsWaitedFor) {
    for (auto kind : {NotifyKind::systemd, NotifyKind::s6, NotifyKind::pidfile}) {
        Bench b;
        b.define("a", [&](auto& s) { s.notify.kind = kind; });
        b.request("a");
        b.spawned("a");
        EXPECT_EQ(b.state("a"), State::starting);
        b.ready("a");
        EXPECT_EQ(b.state("a"), State::running);
        EXPECT_FALSE(b.manager.next_deadline());
    }
    Bench b;
    b.define("a");
    b.request("a");
    b.ready("a"); // nobody asked for it
    EXPECT_EQ(b.state("a"), State::starting);
}

TEST(Lifecycle, StartTimeout) {
    struct Case {
        ServiceType type;
        NotifyKind notify;
        bool executed, times_out;
    };
    for (auto [type, notify, executed, times_out] :
         {Case{ServiceType::daemon, NotifyKind::systemd, true, true},
          {ServiceType::daemon, NotifyKind::none, true, false},
          {ServiceType::daemon, NotifyKind::none, false, true},
          {ServiceType::oneshot, NotifyKind::none, true, true}}) {
        Bench b;
        b.define("a", [&](auto& s) { s.type = type, s.notify.kind = notify; });
        b.request("a");
        if (executed) b.spawned("a");
        EXPECT_EQ(b.pass(29'999ms), Lines{});
        auto lines = b.pass(1ms);
        EXPECT_EQ(b.state("a"), times_out ? State::stopping : State::running);
        if (!times_out) continue;
        EXPECT_EQ(lines[0], fmt::format("tell a: trouble: start-timeout: {} 30s; answer: restart",
                                        type == ServiceType::oneshot ? "still running after"
                                                                     : "not ready within"));
        EXPECT_EQ(lines[1], "signal a#1 15");
        b.end("a", killed_by(SIGTERM));
        EXPECT_EQ(b.state("a"), State::backoff);
        EXPECT_EQ(b.pass(100ms), Lines{"spawn a#2"});
        EXPECT_EQ(b.manager.view("a")->restarts, 1);
    }
    Bench b; // 0 = none
    b.define("a", [](auto& s) { s.notify.kind = NotifyKind::s6, s.start_timeout = 0ms; });
    b.request("a");
    b.spawned("a");
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Lifecycle, APidFileDaemonGoesIntoTheBackground) {
    Bench b;
    b.define("a", [](auto& s) { s.notify.kind = NotifyKind::pidfile; });
    b.request("a");
    b.spawned("a");
    EXPECT_EQ(b.exited("a", 0), Lines{}); // its parent process
    EXPECT_EQ(b.state("a"), State::starting);
    b.send(event::MainChanged{1, 4711});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
    EXPECT_EQ(b.manager.view("a")->main_pid, 4711);
    EXPECT_EQ(b.exited("a", 0), Lines{"end a#1"}); // now it is the end
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::stopped);

    b.request("a"); // it never writes its pid file
    b.spawned("a");
    b.exited("a", 0);
    auto lines = b.pass(30s);
    EXPECT_EQ(lines.back(), "end a#2");
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::backoff);

    b.run("a"); // it stays in the foreground: the pid file names the process that is known already
    EXPECT_EQ(b.exited("a", 0).size(), 1U);
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::stopped);

    b.request("a"); // the parent process fails
    b.spawned("a");
    b.end("a", exit_status(1));
    EXPECT_EQ(b.state("a"), State::failed);
}

TEST(Lifecycle, AOneShotWithAPidFileIsDoneAllTheSame) {
    Bench b;
    b.define("a", [](auto& s) { s.type = ServiceType::oneshot, s.notify.kind = NotifyKind::pidfile; });
    b.request("a");
    b.spawned("a");
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::done);
}

TEST(Lifecycle, ReloadingAndItsLimit) {
    Bench b;
    b.define("a", [](auto& s) {
        s.notify.kind = NotifyKind::systemd;
        s.start_timeout = 1s; // no limit of a reload
    });
    b.run("a");
    EXPECT_EQ(b.all(event::ReloadRequested{"a"}), (Lines{"a: running>reloading", "reload a#1"}));
    b.send(event::Reloading{1});
    EXPECT_EQ(b.state("a"), State::reloading);
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
    b.send(event::Reloading{1});
    EXPECT_EQ(b.pass(30s), Lines{"tell a: did not say READY=1 within 30s of its reload"});
    EXPECT_EQ(b.state("a"), State::running);
    b.send(event::Reloading{1});
    EXPECT_EQ(b.stop("a"), Lines{"signal a#1 15"});
    EXPECT_EQ(b.send(event::ReloadRequested{"a"}), Lines{"tell a: cannot reload: it is stopping"});
}

TEST(Lifecycle, StoppingByItself) {
    Bench b;
    b.define("a", [](auto& s) { s.restart = RestartWhen::always; });
    b.run("a");
    EXPECT_EQ(b.all(event::Stopping{1}), Lines{"a: running>stopping"});
    EXPECT_EQ(b.pass(5s), (Lines{"tell a: did not stop within 5s, killing it", "end a#1"}));
    b.end("a", killed_by(SIGKILL));
    EXPECT_EQ(b.state("a"), State::backoff); // nobody asked it to
    b.pass(100ms);
    b.spawned("a");
    b.send(event::Stopping{2});
    b.stop("a");
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::stopped);
}

TEST(Lifecycle, StatusTextIsShortAndHarmless) {
    Bench b;
    b.define("a");
    b.run("a");
    b.send(event::StatusText{1, "wait\x1b[31m"});
    EXPECT_EQ(b.manager.view("a")->status_text, "wait?[31m");
    b.send(event::StatusText{1, std::string(255, 'x') + "\xc3\xbc"});
    EXPECT_EQ(b.manager.view("a")->status_text, std::string(255, 'x'));
}

TEST(Lifecycle, ATargetHasNoProcess) {
    Bench b;
    b.define("t", [](auto& s) { s.type = ServiceType::target, s.command.clear(); });
    EXPECT_EQ(b.all(event::StartRequested{"t"}), (Lines{"t: stopped>waiting", "t: waiting>running"}));
    EXPECT_EQ(b.all(event::StopRequested{"t"}), Lines{"t: running>stopped"});
    EXPECT_EQ(b.last_id, 0U);
}

TEST(Lifecycle, RequestsInEachState) {
    enum class Ask { start, stop, restart };
    using enum Ask;
    struct Case {
        State in;
        Ask ask;
        State then;    // at once
        State at_last; // when the world has answered
    };
    auto reach = [](Bench& b, State state) {
        b.define("dep", [](auto& s) { s.notify.kind = NotifyKind::s6; });
        b.define("a", [&](auto& s) {
            if (state == State::waiting) s.needs = {"dep"};
            if (state == State::starting) s.notify.kind = NotifyKind::s6;
            if (state == State::backoff) s.restart = RestartWhen::always;
            if (state == State::done) s.type = ServiceType::oneshot;
        });
        if (state == State::stopped) return;
        b.request("a");
        if (state == State::waiting) return;
        b.spawned("a");
        if (state == State::done) b.end("a", 0);
        if (state == State::failed || state == State::backoff) b.end("a", exit_status(1));
        if (state == State::stopping) b.stop("a");
        if (state == State::reloading) b.send(event::Reloading{b.start("a")});
    };
    for (auto [in, ask, then, at_last] : {
             Case{State::stopped, start, State::starting, State::starting},
             {State::stopped, stop, State::stopped, State::stopped},
             {State::stopped, restart, State::starting, State::starting},
             {State::waiting, start, State::waiting, State::waiting},
             {State::waiting, stop, State::stopped, State::stopped},
             {State::waiting, restart, State::waiting, State::waiting},
             {State::starting, start, State::starting, State::starting},
             {State::starting, stop, State::stopping, State::stopped},
             {State::starting, restart, State::stopping, State::starting},
             {State::running, start, State::running, State::running},
             {State::running, stop, State::stopping, State::stopped},
             {State::running, restart, State::stopping, State::starting},
             {State::reloading, stop, State::stopping, State::stopped},
             {State::reloading, start, State::reloading, State::reloading},
             {State::stopping, start, State::stopping, State::starting},
             {State::stopping, stop, State::stopping, State::stopped},
             {State::stopping, restart, State::stopping, State::starting},
             {State::backoff, start, State::starting, State::starting},
             {State::backoff, stop, State::stopped, State::stopped},
             {State::backoff, restart, State::starting, State::starting},
             {State::failed, start, State::starting, State::starting},
             {State::failed, stop, State::stopped, State::stopped},
             {State::failed, restart, State::starting, State::starting},
             {State::done, start, State::starting, State::starting},
             {State::done, stop, State::stopped, State::stopped},
             {State::done, restart, State::starting, State::starting},
         }) {
        Bench b;
        reach(b, in);
        ASSERT_EQ(b.state("a"), in);
        if (ask == start) b.request("a");
        if (ask == stop) b.stop("a");
        if (ask == restart) b.restart("a");
        EXPECT_EQ(b.state("a"), then) << to_string(in) << " asked " << int(ask);
        if (b.state("a") == State::stopping) b.end("a", killed_by(SIGTERM));
        EXPECT_EQ(b.state("a"), at_last) << to_string(in) << " asked " << int(ask);
    }
}

TEST(Lifecycle, NewSettingsCountFromTheNextStart) {
    Bench b;
    b.define("a");
    b.run("a");
    b.define("a", [](auto& s) { s.stop_signal = SIGQUIT, s.command = {"/bin/new"}; });
    EXPECT_EQ(b.manager.settings_of(1)->command[0], "/bin/a");
    EXPECT_EQ(b.manager.settings("a")->command[0], "/bin/new");
    EXPECT_EQ(b.stop("a"), Lines{"signal a#1 15"});
    b.end("a", 0);
    b.run("a");
    EXPECT_EQ(b.manager.settings_of(2)->command[0], "/bin/new");
    EXPECT_EQ(b.stop("a"), Lines{"signal a#2 3"});
    EXPECT_EQ(b.manager.settings_of(1), nullptr);
}

TEST(Lifecycle, EventsOfAnOldStartAreIgnored) {
    Bench b;
    b.define("a");
    b.run("a");
    b.end("a", 0);
    b.run("a");
    for (const Event& stale : std::initializer_list<Event>{
             event::MainExited{1, 0}, event::Emptied{1, 0}, event::Ready{1}, event::Stopping{1},
             event::SpawnFailed{1, "x"}, event::Executed{1}, event::StatusText{1, "x"},
             event::MainChanged{1, 3}, event::Spawned{1, 3}, event::Reloading{1},
             event::TroubleSeen{1, TroubleKind::missed_heartbeat, "x"}, event::MainExited{77, 0},
             event::MainExited{0, 0}, event::Emptied{0, 0}})
        EXPECT_EQ(b.all(stale), Lines{});
    EXPECT_EQ(b.state("a"), State::running);
    EXPECT_EQ(b.manager.view("a")->main_pid, 102);
}

TEST(Lifecycle, DeadlinesShift) {
    Bench b;
    b.define("a");
    b.define("r", [](auto& s) { s.restart = RestartWhen::always; });
    b.run("a");
    b.run("r");
    b.stop("a");
    b.end("r", exit_status(1));
    b.manager.shift_deadlines(1h);
    b.now += 1h;
    EXPECT_EQ(b.manager.view("r")->next_attempt, b.now + 100ms);
    EXPECT_EQ(b.pass(99ms), Lines{});
    EXPECT_EQ(b.pass(1ms), Lines{"spawn r#3"});
    EXPECT_EQ(b.pass(4900ms), (Lines{"tell a: did not stop within 5s, killing it", "end a#1"}));
}

TEST(Lifecycle, ForgetAndUnknownNames) {
    Bench b;
    b.define("a");
    EXPECT_FALSE(b.manager.forget("x"));
    EXPECT_TRUE(b.manager.forget("a"));
    EXPECT_FALSE(b.manager.view("a"));
    b.define("httpd");
    EXPECT_EQ(b.request("htpd"), Lines{"tell htpd: there is no service htpd: did you mean httpd?"});
    b.run("httpd");
    EXPECT_FALSE(b.manager.forget("httpd")); // alive
    b.end("httpd", 0);
    EXPECT_TRUE(b.manager.forget("httpd"));
    EXPECT_EQ(b.manager.names(), Lines{});
    EXPECT_EQ(b.stop("httpd"), Lines{"tell httpd: there is no service httpd"});
}
