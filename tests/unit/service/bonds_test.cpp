// SPDX-License-Identifier: MIT
// binds-to, conflicts and on-failure.
#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;

namespace {

// a <- b <- c: c is bound to b, b to a. All restart at once, each has been restarted once before.
struct Chain : Bench {
    Chain() {
        auto always = [](ServiceSettings& s) {
            s.restart = RestartWhen::always;
            s.restart_delay = s.restart_delay_max = 100ms;
            s.restart_limit = {100, 10s};
        };
        define("a", always);
        define("b", [&](ServiceSettings& s) { always(s), s.binds = {"a"}; });
        define("c", [&](ServiceSettings& s) { always(s), s.binds = {"b"}; });
        run("c");
    }
    Lines states() {
        Lines all;
        for (const char* name : {"a", "b", "c"})
            all.push_back(fmt::format("{} {} {}", name, to_string(state(name)),
                                      manager.view(name)->restarts));
        return all;
    }
};

} // namespace

TEST(BindsTo, IsRequiresAsWell) {
    Bench b;
    b.define("a");
    b.define("b", [](auto& s) { s.binds = {"a"}; });
    EXPECT_EQ(b.request("b"), Lines{"spawn a#1"});
    EXPECT_EQ(b.reason("b"), "waits for a");
    EXPECT_EQ(b.spawned("a"), Lines{"spawn b#2"});
    b.spawned("b");
    EXPECT_EQ(b.stop("a"), Lines{"signal b#2 15"});
    b.end("b", 0);
    b.end("a", 0);
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_EQ(b.state("b"), State::stopped);
    b.run("a");
    EXPECT_EQ(b.state("b"), State::stopped); // a start of the one does not start the other
    Bench f;
    f.define("a");
    f.define("b", [](auto& s) { s.binds = {"a"}; });
    f.request("b");
    f.spawned("a");
    f.end("a", exit_status(1)); // before b has ever been up: as with requires
    f.send(event::SpawnFailed{f.start("b"), "no"});
    EXPECT_EQ(f.state("a"), State::failed);
}

// However b goes down: c stops first, waits, and comes back; a is never touched.
TEST(BindsTo, TheDeathOfTheMiddleOne) {
    for (int status : {0, exit_status(3), killed_by(SIGKILL), killed_by(SIGSEGV)}) {
        Chain b;
        auto a = b.start("a");
        EXPECT_EQ(b.exited("b", status),
                  (Lines{"end b#2", "tell c: b is down: stopping it until that is back",
                         "signal c#3 15"}));
        EXPECT_EQ(b.emptied("b"), Lines{});
        EXPECT_EQ(b.states(), (Lines{"a running 0", "b backoff 0", "c stopping 0"}));
        EXPECT_EQ(b.pass(100ms), Lines{}); // the pause is over, but c is still there
        EXPECT_EQ(b.state("b"), State::waiting);
        EXPECT_EQ(b.reason("b"), "waits for c");
        b.exited("c", killed_by(SIGTERM));
        EXPECT_EQ(b.emptied("c"), Lines{"spawn b#4"});
        EXPECT_EQ(b.states(), (Lines{"a running 0", "b starting 1", "c waiting 0"}));
        EXPECT_EQ(b.reason("c"), "waits for b");
        EXPECT_EQ(b.spawned("b"), Lines{"spawn c#5"});
        b.spawned("c");
        EXPECT_EQ(b.states(), (Lines{"a running 0", "b running 1", "c running 0"}));
        EXPECT_EQ(b.start("a"), a);
    }
}

TEST(BindsTo, TheDeathOfTheFirstOneTakesAllInOrder) {
    Chain b;
    auto lines = b.exited("a", killed_by(SIGKILL));
    EXPECT_EQ(lines.back(), "signal c#3 15"); // b waits for c
    b.emptied("a");
    b.exited("c", 0);
    EXPECT_EQ(b.emptied("c"), Lines{"signal b#2 15"});
    b.exited("b", 0);
    b.emptied("b");
    EXPECT_EQ(b.pass(100ms), Lines{"spawn a#4"});
    EXPECT_EQ(b.spawned("a"), Lines{"spawn b#5"});
    EXPECT_EQ(b.spawned("b"), Lines{"spawn c#6"});
    b.spawned("c");
    EXPECT_EQ(b.states(), (Lines{"a running 1", "b running 0", "c running 0"}));
}

TEST(BindsTo, ARestartByRequestLeavesTheCountersOfOthers) {
    Chain b;
    b.end("c", killed_by(SIGKILL)); // c has a counter of its own
    b.pass(100ms);
    b.spawned("c");
    EXPECT_EQ(b.states()[2], "c running 1");
    EXPECT_EQ(b.restart("b").back(), "signal c#4 15");
    b.exited("c", 0);
    EXPECT_EQ(b.emptied("c"), Lines{"signal b#2 15"});
    b.exited("b", 0);
    EXPECT_EQ(b.emptied("b"), Lines{"spawn b#5"});
    EXPECT_EQ(b.spawned("b"), Lines{"spawn c#6"});
    b.spawned("c");
    EXPECT_EQ(b.states(), (Lines{"a running 0", "b running 0", "c running 1"}));
}

TEST(BindsTo, AStopMeanwhileIsForGood) {
    Chain b;
    b.exited("b", killed_by(SIGKILL));
    b.emptied("b");
    b.stop("c"); // while it stops for b
    b.end("c", 0);
    EXPECT_EQ(b.state("c"), State::stopped);
    EXPECT_EQ(b.pass(100ms), Lines{"spawn b#4"});
    EXPECT_EQ(b.spawned("b"), Lines{});
    EXPECT_EQ(b.state("c"), State::stopped);

    Chain w;
    w.end("b", killed_by(SIGKILL));
    w.end("c", 0);
    EXPECT_EQ(w.state("c"), State::waiting);
    w.stop("b"); // a restart pending: it stays stopped, and so does what waits for it
    EXPECT_EQ(w.states(), (Lines{"a running 0", "b stopped 0", "c stopped 0"}));
    EXPECT_EQ(w.pass(10s), Lines{});
    EXPECT_EQ(w.states(), (Lines{"a running 0", "b stopped 0", "c stopped 0"}));
}

// It was up with its provider, and it comes back with it, however long that takes.
TEST(BindsTo, WaitsForAProviderThatHasFailed) {
    Bench b;
    b.define("a");
    b.define("c", [](auto& s) { s.binds = {"a"}; });
    b.define("d", [](auto& s) { s.needs = {"c"}; }); // requires: is left alone
    b.define("e", [](auto& s) { s.after = {"c"}; });
    b.run("d");
    auto d = b.start("d");
    b.end("a", exit_status(1));
    b.end("c", 0);
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.state("c"), State::waiting);
    EXPECT_TRUE(b.manager.view("c")->parked);
    EXPECT_EQ(b.start("d"), d);
    EXPECT_EQ(b.request("e"), Lines{"spawn e#4"}); // does not wait for c
    b.run("a");
    b.spawned("c");
    EXPECT_EQ(b.state("c"), State::running);
    EXPECT_EQ(b.start("d"), d);
}

TEST(BindsTo, JobsAndTargetsFollowToo) {
    Bench b;
    b.define("a", [](auto& s) { s.restart = RestartWhen::always; });
    b.define("job", [](auto& s) { s.type = ServiceType::oneshot, s.binds = {"a"}; });
    b.define("group", [](auto& s) { s.type = ServiceType::target, s.binds = {"job"}; });
    b.request("group");
    b.spawned("a");
    b.spawned("job");
    b.end("job", 0);
    EXPECT_EQ(b.state("group"), State::running);
    b.end("a", killed_by(SIGKILL));
    EXPECT_EQ(b.state("job"), State::waiting);
    EXPECT_EQ(b.state("group"), State::waiting);
    b.pass(1s);
    b.spawned("a");
    b.spawned("job");
    b.end("job", 0);
    EXPECT_EQ(b.state("group"), State::running);
}

// Its own crash while the provider is away counts as its own, and its pause is kept.
TEST(BindsTo, ItsOwnCrashIsItsOwn) {
    Chain b;
    b.exited("c", killed_by(SIGSEGV));
    b.exited("b", killed_by(SIGKILL));
    b.emptied("b");
    b.emptied("c");
    b.pass(100ms);
    b.spawned("b");
    b.pass(100ms);
    b.spawned("c");
    EXPECT_EQ(b.states(), (Lines{"a running 0", "b running 1", "c running 1"}));
}

TEST(BindsTo, IsInTheView) {
    Chain b;
    EXPECT_EQ(b.manager.view("b")->binds_to, Lines{"a"});
    EXPECT_EQ(b.manager.view("b")->bound_by, Lines{"c"});
}

// What waits for its turn to stop is nobody's action, but must not be forgotten by a crash.
TEST(BindsTo, AChainThatStopsIsRecorded) {
    Chain b;
    (void)b.manager.take_changed();
    EXPECT_EQ(b.stop("a"), Lines{"signal c#3 15"});
    EXPECT_EQ(b.manager.take_changed(), (Lines{"a", "b", "c"}));
    EXPECT_EQ(b.manager.take_changed(), Lines{});
}

TEST(BindsTo, ARecordKeepsIt) {
    Chain b;
    b.exited("b", killed_by(SIGKILL)); // c stops
    auto stops = unpack(pack(*b.manager.life("c")));
    EXPECT_TRUE(stops.stepped_back);
    EXPECT_EQ(stops.outcome, Outcome::step_back);
    b.emptied("b");
    b.end("c", 0);
    auto waits = unpack(pack(*b.manager.life("c")));
    EXPECT_TRUE(waits.stepped_back);
    EXPECT_EQ(waits.state, State::waiting);
}

// ---- conflicts ----------------------------------------------------------------------------------

TEST(Conflicts, TheOtherOneStopsFirst) {
    for (bool said_by_the_new : {true, false}) {
        Bench b;
        b.define("old", [&](auto& s) { if (!said_by_the_new) s.conflicts = {"new"}; });
        b.define("user", [](auto& s) { s.needs = {"old"}; });
        b.define("new", [&](auto& s) { if (said_by_the_new) s.conflicts = {"old"}; });
        b.run("user");
        EXPECT_EQ(b.request("new"), Lines{"signal user#2 15"});
        EXPECT_EQ(b.reason("new"), "waits for old");
        b.exited("user", 0);
        EXPECT_EQ(b.emptied("user"), Lines{"signal old#1 15"});
        b.exited("old", 0);
        EXPECT_EQ(b.emptied("old"), Lines{"spawn new#3"});
        EXPECT_EQ(b.state("old"), State::stopped);
        EXPECT_EQ(b.state("user"), State::stopped);
        b.spawned("new");
        EXPECT_EQ(b.request("old"), Lines{"signal new#3 15"});
    }
}

TEST(Conflicts, WhatIsAskedForLastWins) {
    Bench b;
    b.define("x", [](auto& s) { s.conflicts = {"y"}; });
    b.define("y");
    b.run("x");
    b.request("y");   // x stops ...
    b.request("x");   // ... and is to come back
    b.end("x", 0);
    EXPECT_EQ(b.state("y"), State::stopped);
    EXPECT_EQ(b.state("x"), State::starting);
    // A restart that is pending is given up.
    Bench p;
    p.define("x", [](auto& s) { s.conflicts = {"y"}, s.restart = RestartWhen::always; });
    p.define("y");
    p.run("x");
    p.end("x", killed_by(SIGKILL));
    EXPECT_EQ(p.state("x"), State::backoff);
    EXPECT_EQ(p.request("y"), Lines{"spawn y#2"});
    p.spawned("y");
    EXPECT_EQ(p.state("x"), State::stopped);
    EXPECT_EQ(p.pass(60s), Lines{});
}

// Nobody is stopped for a service that cannot start yet.
TEST(Conflicts, OnlyWhenItIsAboutToStart) {
    Bench b;
    b.define("old", [](auto& s) { s.conflicts = {"new"}; });
    b.define("new", [](auto& s) { s.conditions = {*parse_condition("net:eth0")}; });
    b.run("old");
    EXPECT_EQ(b.request("new"), Lines{});
    EXPECT_EQ(b.state("old"), State::running);
    EXPECT_EQ(b.send(event::ConditionChanged{"net:eth0", true}), Lines{"signal old#1 15"});
    // A done job gives way, too.
    Bench j;
    j.define("job", [](auto& s) { s.type = ServiceType::oneshot; });
    j.define("new", [](auto& s) { s.conflicts = {"job"}; });
    j.request("job");
    j.spawned("job");
    j.end("job", 0);
    EXPECT_EQ(j.request("new"), Lines{"spawn new#2"});
    EXPECT_EQ(j.state("job"), State::stopped);
}

TEST(Conflicts, WithWhatItNeedsItFails) {
    Bench b; // verify refuses that
    b.define("x", [](auto& s) { s.needs = {"y"}, s.conflicts = {"y"}; });
    b.define("y");
    b.request("x");
    b.spawned("y");
    b.end("y", 0);
    EXPECT_NE(b.state("x"), State::running);
    EXPECT_FALSE(b.manager.next_deadline());
}

// ---- on-failure ---------------------------------------------------------------------------------

TEST(OnFailure, StartsWhatItNames) {
    Bench b;
    b.define("a", [](auto& s) { s.on_failure = {"nurse", "nobody", "a"}; });
    b.define("nurse", [](auto& s) { s.type = ServiceType::oneshot; });
    b.run("a");
    b.exited("a", exit_status(3));
    EXPECT_EQ(b.emptied("a"), Lines{"spawn nurse#2"});
    EXPECT_EQ(b.manager.cause_of("nurse").service, "a");
    EXPECT_EQ(b.manager.cause_of("nurse").reason, "exited with status 3");
    EXPECT_EQ(b.manager.view("nurse")->started_for, "a");
    b.spawned("nurse");
    b.end("nurse", 0);
    EXPECT_EQ(b.manager.cause_of("nurse").service, "");
    b.run("a"); // again, though the nurse is done
    b.exited("a", exit_status(3));
    EXPECT_EQ(b.emptied("a"), Lines{"spawn nurse#4"});
    // A stop by request is no failure.
    b.spawned("nurse");
    b.end("nurse", 0);
    b.run("a");
    b.stop("a");
    b.end("a", killed_by(SIGTERM));
    EXPECT_EQ(b.state("nurse"), State::done);
}

TEST(OnFailure, OfWhatCannotStartAtAll) {
    Bench b;
    b.define("a", [](auto& s) { s.needs = {"missing"}, s.on_failure = {"nurse"}; });
    b.define("nurse");
    EXPECT_EQ(b.request("a"), Lines{"spawn nurse#1"});
}

TEST(OnFailure, EndsWhereTwoStartEachOther) {
    Bench b; // verify refuses that
    b.define("a", [](auto& s) { s.needs = {"missing"}, s.on_failure = {"b"}; });
    b.define("b", [](auto& s) { s.needs = {"missing"}, s.on_failure = {"a"}; });
    auto lines = b.request("a");
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.state("b"), State::failed);
    ASSERT_FALSE(lines.empty());
    EXPECT_NE(lines.back().find("too often within a minute"), std::string::npos);
    b.send(event::ShutdownRequested{b.now});
}

// ---- the step restart-dependents ---------------------------------------------------------------------

namespace {

// a <- b <- c by requires alone, and d which only wants a. a's policy restarts all that need it.
struct Needing : Bench {
    explicit Needing(const char* policy = "restart-dependents") {
        auto always = [](ServiceSettings& s) {
            s.restart = RestartWhen::always;
            s.restart_delay = s.restart_delay_max = 100ms;
            s.watchdog = 10s;
        };
        define("a", [&](ServiceSettings& s) { always(s), s.on_trouble = *parse_policy(policy); });
        define("b", [&](ServiceSettings& s) { always(s), s.needs = {"a"}; });
        define("c", [&](ServiceSettings& s) { always(s), s.needs = {"b"}; });
        define("d", [&](ServiceSettings& s) { always(s), s.wants = {"a"}; });
        run("c");
        run("d");
    }
};

} // namespace

TEST(RestartDependents, StopBeforeItAndComeBackAfterIt) {
    Needing b;
    auto d = b.start("d");
    EXPECT_EQ(b.trouble("a"),
              (Lines{"tell a: trouble: missed-heartbeat: silent for 10s; answer: restart-dependents",
                     "signal a#1 15",
                     "tell c: a is restarted by its policy: stopping it until that is back",
                     "tell b: a is restarted by its policy: stopping it until that is back",
                     "signal c#3 15"}));
    b.end("a", killed_by(SIGKILL));
    EXPECT_EQ(b.pass(1s), Lines{}) << "a waits until those that need it have stopped";
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_EQ(b.state("b"), State::running);
    b.exited("c", killed_by(SIGTERM));
    EXPECT_EQ(b.emptied("c"), Lines{"signal b#2 15"});
    b.exited("b", killed_by(SIGTERM));
    EXPECT_EQ(b.emptied("b"), Lines{"spawn a#5"});
    EXPECT_EQ(b.spawned("a"), Lines{"spawn b#6"});
    EXPECT_EQ(b.spawned("b"), Lines{"spawn c#7"});
    b.spawned("c");
    EXPECT_EQ(b.state("c"), State::running);
    EXPECT_EQ(b.start("d"), d) << "who only wants it is left alone";
    EXPECT_EQ(b.manager.view("a")->restarts, 1) << "it counts as an automatic restart";
    EXPECT_EQ(b.manager.view("b")->restarts, 0);
}

TEST(RestartDependents, ItsBudgetIsUsedUp) {
    Needing b("restart-dependents 1/1h, stop");
    auto round = [&] {
        b.trouble("a");
        for (auto* name : {"a", "c", "b"})
            if (b.state(name) == State::stopping) b.end(name, killed_by(SIGTERM));
        b.pass(1s);
        for (auto* name : {"a", "b", "c"})
            if (b.state(name) == State::starting) b.spawned(name);
    };
    round();
    EXPECT_EQ(b.state("c"), State::running);
    round();
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.state("b"), State::running) << "stop leaves those that need it alone";
}

// A crash loop is found when the start is over.
TEST(RestartDependents, AfterACrashLoop) {
    Bench b;
    b.define("a", [](ServiceSettings& s) {
        s.restart = RestartWhen::always;
        s.restart_delay = s.restart_delay_max = 100ms;
        s.restart_limit = {1, 10s};
        s.on_trouble = *parse_policy("restart-dependents");
    });
    b.define("b", [](ServiceSettings& s) { s.needs = {"a"}; });
    b.run("b");
    b.end("a", exit_status(1));
    b.pass(100ms);
    b.spawned("a");
    auto before = b.start("b");
    b.end("a", exit_status(1));
    EXPECT_EQ(b.state("b"), State::stopping);
    b.pass(1s);
    EXPECT_EQ(b.state("a"), State::waiting);
    b.end("b", killed_by(SIGTERM));
    b.spawned("a");
    b.spawned("b");
    EXPECT_EQ(b.state("b"), State::running);
    EXPECT_NE(b.start("b"), before);
}

TEST(RestartDependents, NotWhileTheMachineGoesDown) {
    Needing b;
    b.send(event::ShutdownRequested{b.now + 30s});
    b.trouble("a");
    for (auto* name : {"d", "c", "b", "a"}) b.end(name, killed_by(SIGTERM));
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_EQ(b.state("c"), State::stopped);
}
