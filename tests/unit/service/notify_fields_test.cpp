// SPDX-License-Identifier: MIT
// What a service says of itself, and what the core makes of it.
#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;
using namespace std::chrono_literals;

namespace {

void speaks(ServiceSettings& s) { s.notify.kind = NotifyKind::systemd; }

} // namespace

// Who tells when its reloads begin is not believed a READY=1 of an earlier one.
TEST(NotifyFields, AReloadThatBeganEarlierIsNotThisOne) {
    Bench b;
    b.define("a", speaks);
    b.run("a");
    b.send(event::ReloadRequested{"a"});
    auto asked = b.now;
    b.send(event::Reloading{1, asked - 1ms});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::reloading) << "that was another one";
    b.now += 50ms;
    b.send(event::Reloading{1, asked + 20ms});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
    // It is known to tell by now.
    b.send(event::ReloadRequested{"a"});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::reloading) << "RELOADING=1 is yet to come";
    b.send(event::Reloading{1, b.now});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
}

TEST(NotifyFields, OthersReloadAsTheyLike) {
    Bench b;
    b.define("a", speaks);
    b.run("a");
    b.send(event::ReloadRequested{"a"}); // READY=1 alone: sshd
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
    b.ready("a"); // again: php-fpm
    EXPECT_EQ(b.state("a"), State::running);
    b.send(event::ReloadRequested{"a"}); // twice, without a time: haproxy
    b.send(event::Reloading{1});
    b.send(event::Reloading{1});
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
    b.send(event::Reloading{1, 5ms}); // by itself, whenever it began
    EXPECT_EQ(b.state("a"), State::reloading);
    b.ready("a");
    EXPECT_EQ(b.state("a"), State::running);
}

TEST(NotifyFields, StoppingIsFinal) {
    Bench b;
    b.define("a", speaks);
    b.run("a");
    b.send(event::Stopping{1});
    for (const Event& event : {Event{event::Ready{1}}, Event{event::Reloading{1, b.now}}}) {
        b.send(event);
        EXPECT_EQ(b.state("a"), State::stopping);
    }
}

TEST(NotifyFields, MoreTimeInEachPhase) {
    Bench b;
    b.define("a", [](auto& s) {
        speaks(s);
        s.start_timeout = 2s;
        s.reload_timeout = 2s;
        s.stop_timeout = 2s;
        s.runtime_limit = 10s;
        s.on_kind.edit()[static_cast<std::size_t>(TroubleKind::start_timeout)] = *parse_policy("report");
        s.on_kind.edit()[static_cast<std::size_t>(TroubleKind::runtime_limit)] = *parse_policy("report");
    });
    b.request("a");
    b.spawned("a");
    b.pass(1s);
    b.send(event::TimeAsked{1, 3s}); // counts from now
    EXPECT_EQ(b.manager.next_deadline(), b.now + 3s);
    b.send(event::TimeAsked{1, 1s}); // never earlier
    EXPECT_EQ(b.manager.next_deadline(), b.now + 3s);
    EXPECT_EQ(b.pass(3s), Lines{"tell a: trouble: start-timeout: not ready within 4s; answer: report"});
    b.ready("a");
    EXPECT_EQ(b.manager.next_deadline(), b.now + 10s);
    b.send(event::TimeAsked{1, 12s});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 12s);

    b.send(event::ReloadRequested{"a"});
    b.send(event::TimeAsked{1, 5s});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 5s);
    EXPECT_EQ(b.pass(5s), Lines{"tell a: did not say READY=1 within 5s of its reload"});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 7s) << "that of running is another one";
    EXPECT_EQ(b.pass(7s),
              Lines{"tell a: trouble: runtime-limit: running for 12s; answer: report"});

    b.stop("a");
    b.send(event::TimeAsked{1, 4s});
    EXPECT_EQ(b.pass(3999ms), Lines{});
    EXPECT_EQ(b.pass(1ms), (Lines{"tell a: did not stop within 4s, killing it", "end a#1"}));
    b.send(event::TimeAsked{1, 4s}); // too late
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(NotifyFields, MoreTimeForACommandBesideIt) {
    Bench b;
    b.define("a", [](auto& s) {
        s.start_timeout = 2s;
        s.control.edit()[static_cast<std::size_t>(ControlKind::pre)] = {{{"/bin/one"}, false},
                                                                 {{"/bin/two"}, false}};
    });
    b.request("a");
    b.send(event::TimeAsked{1, 7s});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 7s);
    b.control("a");
    EXPECT_EQ(b.manager.next_deadline(), b.now + 2s) << "of the next one";
}

TEST(NotifyFields, MoreTimeHasItsLimit) {
    Bench b;
    b.define("a", [](auto& s) {
        s.stop_timeout = 2s;
        s.extend_limit = 3s;
    });
    b.run("a");
    b.stop("a");
    auto began = b.now;
    b.send(event::TimeAsked{1, 4s});
    EXPECT_EQ(b.manager.next_deadline(), began + 4s);
    b.pass(1s);
    EXPECT_EQ(b.send(event::TimeAsked{1, 24h}),
              Lines{"tell a: asks for more time than its extend-limit of 3s allows"});
    EXPECT_EQ(b.manager.next_deadline(), began + 5s);
    EXPECT_EQ(b.send(event::TimeAsked{1, 24h}), Lines{}); // told once
    EXPECT_EQ(b.manager.next_deadline(), began + 5s);
    // The way down has a deadline that nobody moves.
    b.send(event::ShutdownRequested{b.now + 1s});
    b.send(event::TimeAsked{1, 24h});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 1s);

    Bench never;
    never.define("a", [](auto& s) {
        s.stop_timeout = 2s;
        s.extend_limit = 0s;
    });
    never.run("a");
    never.stop("a");
    never.send(event::TimeAsked{1, 24h});
    EXPECT_EQ(never.manager.next_deadline(), never.now + 2s);
}

TEST(NotifyFields, WithoutALimitThereIsNothingToMove) {
    Bench b;
    b.define("a", [](auto& s) { s.stop_timeout = 0s; });
    b.run("a");
    b.send(event::TimeAsked{1, 4s});
    EXPECT_FALSE(b.manager.next_deadline());
    b.stop("a");
    b.send(event::TimeAsked{1, 4s});
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(NotifyFields, WhatItSaysIsShownUntilTheNextStart) {
    Bench b;
    b.define("a", [](auto& s) {
        s.restart = RestartWhen::always;
        s.restart_delay = 0s;
    });
    b.run("a");
    b.send(event::ErrorTold{1, 28, std::nullopt, std::nullopt});
    b.send(event::ErrorTold{1, std::nullopt, 3, std::string(60, 'e') + "\x1b"});
    b.send(event::WatchdogAsked{1, 5s});
    auto view = *b.manager.view("a");
    EXPECT_EQ(view.error_number, 28);
    EXPECT_EQ(view.said_exit, 3);
    EXPECT_EQ(view.error_text, std::string(47, 'e'));
    EXPECT_EQ(view.watchdog, 5s);
    b.end("a", exit_status(3));
    view = *b.manager.view("a");
    EXPECT_EQ(view.start, 2u);
    EXPECT_EQ(view.error_number, 0);
    EXPECT_FALSE(view.said_exit);
    EXPECT_EQ(view.error_text, "");
    EXPECT_EQ(view.watchdog, 0s);
}

// The pause is the first one again, but what its exits are limited to still holds.
TEST(NotifyFields, RestartsForgiven) {
    Bench b;
    b.define("a", [](auto& s) {
        s.restart = RestartWhen::always;
        s.restart_delay = 100ms;
        s.restart_limit = {3, 1h};
    });
    b.run("a");
    for (StartId i = 1; i <= 3; ++i) {
        b.send(event::RestartsForgiven{i});
        EXPECT_EQ(b.manager.view("a")->restarts, 0);
        b.end("a", exit_status(1));
        EXPECT_EQ(b.manager.next_deadline(), b.now + 100ms);
        b.pass(100ms);
        b.spawned("a");
        EXPECT_EQ(b.manager.view("a")->restarts, 1);
    }
    b.end("a", exit_status(1));
    EXPECT_EQ(b.state("a"), State::failed) << "a crash loop";
}

TEST(NotifyFields, ACrashOfInitForgetsNothing) {
    Bench b;
    b.define("a", [](auto& s) {
        speaks(s);
        s.extend_limit = 3s;
    });
    b.run("a");
    b.send(event::ErrorTold{1, 28, 0, "some.Error"});
    b.send(event::WatchdogAsked{1, 5s});
    b.send(event::ReloadRequested{"a"});
    b.send(event::Reloading{1, b.now - 1ms});
    b.send(event::TimeAsked{1, 32s});
    auto life = unpack(pack(*b.manager.life("a")));

    Bench after;
    after.now = b.now;
    after.define("a", [](auto& s) {
        speaks(s);
        s.extend_limit = 3s;
    });
    after.manager.resume("a", life);
    auto view = *after.manager.view("a");
    EXPECT_EQ(view.error_number, 28);
    EXPECT_EQ(view.said_exit, 0);
    EXPECT_EQ(view.error_text, "some.Error");
    EXPECT_EQ(view.watchdog, 5s);
    after.ready("a");
    EXPECT_EQ(after.state("a"), State::reloading) << "still an answer to the earlier one";
    after.send(event::TimeAsked{1, 40s});
    EXPECT_EQ(after.manager.next_deadline(), after.now + 33s) << "what was granted is counted";
}
