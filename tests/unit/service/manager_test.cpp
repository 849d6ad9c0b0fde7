// SPDX-License-Identifier: MIT
// Services together: dependencies, targets, shutdown.
#include <chrono>

#include <algorithm>

#include "core_harness.h"

using namespace leash;
using namespace leash::test;

namespace {

using Change = std::function<void(ServiceSettings&)>;
Change needs(std::vector<std::string> names) {
    return [=](auto& s) { s.needs = names; };
}
Change wants(std::vector<std::string> names) {
    return [=](auto& s) { s.wants = names; };
}
Change after(std::vector<std::string> names) {
    return [=](auto& s) { s.after = names; };
}
void notifies(ServiceSettings& s) { s.notify.kind = NotifyKind::s6; }
Change all(std::vector<Change> changes) {
    return [=](auto& s) {
        for (const auto& change : changes) change(s);
    };
}

} // namespace

TEST(Dependencies, NeedsAndWantsComeAlongAndFirst) {
    Bench b;
    b.define("a", all({needs({"n"}), wants({"w"})}));
    b.define("n", notifies);
    b.define("w", notifies);
    b.define("other");
    EXPECT_EQ(b.request("a"), (Lines{"spawn n#1", "spawn w#2"}));
    EXPECT_EQ(b.manager.view("a")->waiting_for, (Lines{"n", "w"}));
    EXPECT_EQ(b.reason("a"), "waits for n, w");
    b.spawned("n");
    b.spawned("w");
    EXPECT_EQ(b.ready("n"), Lines{});
    EXPECT_EQ(b.manager.view("a")->waiting_for, Lines{"w"});
    EXPECT_EQ(b.ready("w"), Lines{"spawn a#3"});
    EXPECT_EQ(b.state("other"), State::stopped);
}

TEST(Dependencies, WhatSettlesWhat) {
    // How "dep" is made to end its start, what it is then, and whether those that need, want or
    // come after it may go.
    enum class Does { nothing, comes_up, fails, backs_off, ends_well, is_stopped };
    using enum Does;
    struct Case {
        Does does;
        State need, want, later;
    };
    auto W = State::waiting, S = State::starting, F = State::failed, X = State::stopped;
    for (auto [does, need, want, later] : {Case{nothing, W, W, W},
                                           {comes_up, S, S, S},
                                           {fails, F, S, S},
                                           {backs_off, W, S, S},
                                           {ends_well, F, S, S},
                                           {is_stopped, X, S, S}}) {
        Bench b;
        b.define("dep", [=](auto& s) {
            notifies(s);
            if (does == backs_off) s.restart = RestartWhen::always;
        });
        b.define("need", needs({"dep"}));
        b.define("want", wants({"dep"}));
        b.define("later", after({"dep"}));
        for (auto name : {"need", "want", "later"}) b.request(name);
        b.spawned("dep");
        EXPECT_EQ(b.state("need"), W);
        EXPECT_EQ(b.state("want"), W);
        EXPECT_EQ(b.state("later"), W);
        if (does == comes_up) b.ready("dep");
        if (does == fails || does == backs_off) b.end("dep", exit_status(1));
        if (does == ends_well) b.end("dep", 0);
        if (does == is_stopped) b.stop("dep"), b.end("dep", 0);
        EXPECT_EQ(b.state("need"), need) << int(does);
        EXPECT_EQ(b.state("want"), want) << int(does);
        EXPECT_EQ(b.state("later"), later) << int(does);
        if (does == fails) { EXPECT_EQ(b.reason("need"), "needs dep, which has failed"); }
        if (does == ends_well) { EXPECT_EQ(b.reason("need"), "needs dep, which is stopped"); }
        if (does == backs_off) { // and when it is up at last, what needs it goes
            b.pass(100ms);
            b.spawned("dep");
            b.ready("dep");
            EXPECT_EQ(b.state("need"), State::starting);
        }
    }
}

TEST(Dependencies, AOneShotIsUpWhenItIsDone) {
    Bench b;
    b.define("job", [](auto& s) { s.type = ServiceType::oneshot; });
    b.define("a", needs({"job"}));
    EXPECT_EQ(b.request("a"), Lines{"spawn job#1"});
    b.spawned("job");
    EXPECT_EQ(b.exited("job", 0), Lines{"end job#1"});
    EXPECT_EQ(b.emptied("job"), Lines{"spawn a#2"});
    b.spawned("a");
    b.end("a", 0);
    EXPECT_EQ(b.request("a"), Lines{"spawn a#3"}); // the job is not run again for it
    EXPECT_EQ(b.request("job"), Lines{"spawn job#4"}); // by its own name it is
}

TEST(Dependencies, UnknownOnes) {
    Bench b;
    b.define("a", needs({"ghost"}));
    b.request("a");
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.reason("a"), "needs ghost, which does not exist");
    b.define("c", all({wants({"ghost"}), after({"spirit"})}));
    EXPECT_EQ(b.request("c"), Lines{"spawn c#1"});
}

TEST(Dependencies, FailureRunsUpTheChainAndStaysThere) {
    Bench b;
    b.define("a", needs({"b"}));
    b.define("b", needs({"c"}));
    b.define("c");
    b.request("a");
    b.send(event::SpawnFailed{1, "no"});
    b.emptied("c");
    EXPECT_EQ(b.state("b"), State::failed);
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.reason("a"), "needs b, which has failed");
    b.run("c");
    EXPECT_EQ(b.state("b"), State::failed); // not resurrected
    b.run("a");
}

TEST(Dependencies, BeforeMirrorsAfterIfBothAreWanted) {
    Bench b;
    b.define("a", [](auto& s) { notifies(s), s.before = {"z"}; });
    b.define("z");
    EXPECT_EQ(b.request("z"), Lines{"spawn z#1"}); // a is not wanted
    b.spawned("z");
    b.end("z", 0);
    b.request("a");
    EXPECT_EQ(b.request("z"), Lines{});
    b.spawned("a");
    EXPECT_EQ(b.ready("a"), Lines{"spawn z#3"});
}

TEST(Dependencies, ANeededOneThatCrashesLeavesTheOthersAlone) {
    Bench b;
    b.define("db", [](auto& s) { always(s), s.restart_limit = {1, 10s}; });
    b.define("web", needs({"db"}));
    b.run("web");
    b.end("db", exit_status(1));
    b.pass(100ms);
    b.spawned("db");
    EXPECT_EQ(b.state("web"), State::running);
    b.end("db", exit_status(1));
    EXPECT_EQ(b.state("db"), State::failed);
    EXPECT_EQ(b.state("web"), State::running);
}

TEST(Stop, DependantsFirst) {
    Bench b;
    b.define("db");
    b.define("web", needs({"db"}));
    b.define("proxy", needs({"web"}));
    b.define("log", after({"db"}));
    b.run("proxy");
    b.run("log");
    EXPECT_EQ(b.manager.dependants("db"), (Lines{"proxy", "web"}));
    EXPECT_EQ(b.stop("db"), Lines{"signal proxy#3 15"});
    EXPECT_EQ(b.state("db"), State::running);
    b.exited("proxy", 0);
    EXPECT_EQ(b.emptied("proxy"), Lines{"signal web#2 15"});
    b.exited("web", 0);
    EXPECT_EQ(b.emptied("web"), Lines{"signal db#1 15"});
    b.end("db", 0);
    for (auto name : {"db", "web", "proxy"}) EXPECT_EQ(b.state(name), State::stopped);
    EXPECT_EQ(b.state("log"), State::running); // only comes after it
    EXPECT_EQ(b.manager.dependants("db"), Lines{});
}

TEST(Stop, DependantsAmongThemselvesInOrder) {
    Bench b;
    b.define("db");
    b.define("x", needs({"db"}));
    b.define("y", [](auto& s) { s.needs = {"db"}, s.after = {"x"}; });
    b.run("x");
    b.run("y");
    EXPECT_EQ(b.manager.dependants("db"), (Lines{"y", "x"}));
    EXPECT_EQ(b.stop("db"), Lines{"signal y#3 15"});
    b.exited("y", 0);
    EXPECT_EQ(b.emptied("y"), Lines{"signal x#2 15"});
}

TEST(Stop, ReachesDependantsThatWaitOrBackOffButNotOthers) {
    Bench b;
    b.define("db", notifies);
    b.define("waits", needs({"db"}));
    b.define("fails", needs({"db"}));
    b.define("backs", [](auto& s) { s.needs = {"db"}, always(s); });
    b.run("fails");
    b.end("fails", exit_status(1));
    b.run("backs");
    b.end("backs", exit_status(1));
    b.stop("db");
    EXPECT_EQ(b.state("backs"), State::stopped);
    EXPECT_EQ(b.state("fails"), State::failed);
    b.end("db", 0);
    b.request("waits");
    b.stop("db");
    EXPECT_EQ(b.state("waits"), State::stopped);
}

TEST(Stop, AStartInBetweenTakesItBack) {
    Bench b;
    b.define("db");
    b.define("web", needs({"db"}));
    b.run("web");
    b.stop("db"); // web stops first
    EXPECT_EQ(b.request("db"), Lines{});
    b.end("web", 0);
    EXPECT_EQ(b.state("web"), State::stopped);
    EXPECT_EQ(b.state("db"), State::running);
    b.run("web");
    b.stop("db");
    b.request("web"); // starts again after it is gone, and keeps db
    b.exited("web", 0);
    EXPECT_EQ(b.emptied("web"), Lines{"spawn web#4"});
    EXPECT_EQ(b.state("db"), State::running);
}

TEST(Stop, OneThatEndsBeforeItsTurnIsNotRestarted) {
    Bench b;
    b.define("db", always);
    b.define("web", needs({"db"}));
    b.run("web");
    b.stop("db");
    b.end("db", exit_status(1)); // on its own, while web still stops
    EXPECT_EQ(b.state("db"), State::stopped);
    b.end("web", 0);
    EXPECT_EQ(b.state("web"), State::stopped);
}

TEST(Restart, TakesDependantsAlongAndBringsThemBack) {
    Bench b;
    b.define("db", notifies);
    b.define("web", needs({"db"}));
    b.define("off", needs({"db"}));
    b.define("backs", [](auto& s) { s.needs = {"db"}, always(s); });
    b.run("web");
    b.run("backs");
    b.end("backs", exit_status(1));
    EXPECT_EQ(b.restart("db"), Lines{"signal web#2 15"});
    EXPECT_EQ(b.state("backs"), State::waiting); // for the new db
    b.exited("web", 0);
    EXPECT_EQ(b.emptied("web"), Lines{"signal db#1 15"});
    EXPECT_EQ(b.state("web"), State::waiting);
    b.exited("db", 0);
    EXPECT_EQ(b.emptied("db"), Lines{"spawn db#4"});
    b.spawned("db");
    EXPECT_EQ(b.ready("db"), (Lines{"spawn web#5", "spawn backs#6"}));
    EXPECT_EQ(b.state("off"), State::stopped);
}

TEST(Restart, DoesNotUndoAStop) {
    Bench b;
    b.define("db");
    b.define("web", needs({"db"}));
    b.run("web");
    b.stop("web");
    b.restart("db");
    b.exited("web", 0);
    EXPECT_EQ(b.emptied("web"), Lines{"signal db#1 15"});
    EXPECT_EQ(b.state("web"), State::stopped);
    b.end("db", 0);
    EXPECT_EQ(b.state("db"), State::starting);
    EXPECT_EQ(b.state("web"), State::stopped);
}

TEST(Target, DefaultWantsWhatIsAutomaticAndSettlesOnce) {
    Bench b;
    b.define("auto1");
    b.define("auto2", all({notifies, always}));
    b.define("man", [](auto& s) { s.start = StartMode::manual; });
    b.define("bad");
    b.define("job", [](auto& s) { s.type = ServiceType::oneshot; });
    b.define("needy", needs({"auto2", "man2"}));
    b.define("man2", [](auto& s) { s.start = StartMode::manual; });
    b.send(event::TargetRequested{"default"});
    EXPECT_EQ(b.state("man"), State::stopped);
    EXPECT_EQ(b.state("man2"), State::starting); // something automatic needs it
    for (auto name : {"auto1", "auto2", "man2"}) EXPECT_EQ(b.spawned(name), Lines{});
    b.spawned("job");
    b.end("job", 0);
    b.send(event::SpawnFailed{b.start("bad"), "no"});
    EXPECT_EQ(b.emptied("bad"), Lines{});
    // The last one not settled: it backs off, and what needs it waits for nothing else.
    b.exited("auto2", exit_status(1));
    EXPECT_EQ(b.emptied("auto2"), Lines{"settled default 2"});
    EXPECT_EQ(b.state("needy"), State::waiting);
    b.pass(100ms);
    b.spawned("auto2");
    EXPECT_EQ(b.ready("auto2"), Lines{"spawn needy#7"});
    EXPECT_EQ(b.spawned("needy"), Lines{});
}

TEST(Target, RescueServicesAndUnknownNames) {
    Bench b;
    b.define("net", notifies);
    b.define("web", needs({"net"}));
    b.define("tty", [](auto& s) { s.type = ServiceType::console; });
    b.send(event::TargetRequested{"rescue"});
    EXPECT_EQ(b.state("tty"), State::starting);
    EXPECT_EQ(b.state("web"), State::stopped);
    EXPECT_EQ(b.spawned("tty"), Lines{"settled rescue 0"});
    EXPECT_EQ(b.send(event::TargetRequested{"web"}), Lines{"spawn net#2"});
    b.spawned("net");
    b.ready("net");
    EXPECT_EQ(b.spawned("web"), Lines{"settled web 0"});
    EXPECT_EQ(b.send(event::TargetRequested{"nowhere"}),
              (Lines{"tell nowhere: there is no target nowhere, going on with default",
                     "settled nowhere 0"}));
    Bench empty;
    EXPECT_EQ(empty.send(event::TargetRequested{"default"}), Lines{"settled default 0"});
}

TEST(Target, GroupingServicesPullInTheirOwn) {
    Bench b;
    b.define("multi", [](auto& s) {
        s.type = ServiceType::target, s.command.clear();
        s.needs = {"a"}, s.wants = {"b"};
    });
    b.define("a", [](auto& s) { s.start = StartMode::manual; });
    b.define("b", [](auto& s) { s.start = StartMode::manual; });
    EXPECT_EQ(b.send(event::TargetRequested{"multi"}), (Lines{"spawn a#1", "spawn b#2"}));
    b.spawned("a");
    EXPECT_EQ(b.state("multi"), State::waiting);
    EXPECT_EQ(b.spawned("b"), Lines{"settled multi 0"});
    EXPECT_EQ(b.state("multi"), State::running);
    EXPECT_EQ(b.stop("a"), Lines{"signal a#1 15"});
    EXPECT_EQ(b.state("multi"), State::stopped);
}

TEST(Shutdown, InReverseOrderOfNeedsWantsAndAfter) {
    Bench b;
    b.define("base");
    b.define("n", needs({"base"}));
    b.define("w", wants({"n"}));
    b.define("l", after({"w"}));
    for (auto name : {"n", "w", "l"}) b.run(name);
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + 1min}), Lines{"signal l#4 15"});
    EXPECT_EQ(b.request("base"), Lines{"tell base: refused: the machine is shutting down"});
    EXPECT_EQ(b.exited("l", 0), Lines{"end everything l#4"});
    EXPECT_EQ(b.emptied("l"), Lines{"signal w#3 15"});
    b.exited("w", 0);
    EXPECT_EQ(b.emptied("w"), Lines{"signal n#2 15"});
    b.exited("n", 0);
    EXPECT_EQ(b.emptied("n"), Lines{"signal base#1 15"});
    b.exited("base", 0);
    EXPECT_EQ(b.emptied("base"), Lines{"all stopped"});
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now}), Lines{}); // once
}

TEST(Shutdown, WhatIsKeptIsNotStoppedAndHoldsUpNobody) {
    Bench b;
    b.define("base");
    b.define("wdtd", needs({"base"}));
    b.define("other", needs({"base"}));
    for (auto name : {"wdtd", "other"}) b.run(name);
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + 3s, "wdtd"}), Lines{"signal other#3 15"});
    b.exited("other", 0);
    EXPECT_EQ(b.emptied("other"), Lines{"signal base#1 15"});
    EXPECT_EQ(b.pass(3s), Lines{"end everything base#1"});
    b.exited("base", killed_by(SIGKILL));
    EXPECT_EQ(b.emptied("base"), Lines{"all stopped"});
    EXPECT_EQ(b.state("wdtd"), State::running);
    EXPECT_EQ(b.exited("wdtd", killed_by(SIGPWR)), Lines{"end everything wdtd#2"});
    EXPECT_EQ(b.emptied("wdtd"), Lines{});
    EXPECT_EQ(b.state("wdtd"), State::stopped);
}

TEST(Shutdown, WhatIsKeptAndEndsByItselfDoesNotComeBack) {
    Bench b;
    b.define("wdtd", [](auto& s) { s.restart = RestartWhen::always; });
    b.define("other");
    for (auto name : {"wdtd", "other"}) b.run(name);
    b.send(event::ShutdownRequested{b.now + 1min, "wdtd"});
    b.exited("wdtd", killed_by(SIGSEGV));
    b.emptied("wdtd");
    EXPECT_EQ(b.pass(2s), Lines{});
    EXPECT_EQ(b.state("wdtd"), State::stopped);
    b.exited("other", 0);
    EXPECT_EQ(b.emptied("other"), Lines{"all stopped"});
}

TEST(Shutdown, NothingIsKeptThatIsNotUp) {
    Bench b;
    b.define("wdtd");
    b.define("a");
    b.run("a");
    b.send(event::ShutdownRequested{b.now + 1min, "wdtd"});
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), Lines{"all stopped"});
}

TEST(Shutdown, AtTheDeadlineEverythingAtOnce) {
    Bench b;
    b.define("base");
    b.define("a", needs({"base"}));
    b.define("t", [](auto& s) { s.type = ServiceType::target, s.needs = {"a"}; });
    b.run("t");
    b.send(event::ShutdownRequested{b.now + 3s});
    EXPECT_EQ(b.pass(3s), (Lines{"end everything a#2", "end everything base#1"}));
    b.end("base", killed_by(SIGKILL));
    b.exited("a", killed_by(SIGKILL));
    EXPECT_EQ(b.emptied("a"), Lines{"all stopped"});
}

TEST(Shutdown, WithADeadlineInThePastAndNothingToStop) {
    Bench b;
    b.define("a");
    b.run("a");
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now}), Lines{"end everything a#1"});
    Bench empty;
    empty.define("a");
    EXPECT_EQ(empty.send(event::ShutdownRequested{0ms}), Lines{"all stopped"});
}

TEST(Shutdown, CallsOffRestartsOfAllKinds) {
    Bench b;
    for (auto name : {"crashed", "again", "backs"}) {
        b.define(name, always);
        b.run(name);
    }
    b.exited("crashed", exit_status(1));
    b.restart("again");
    b.end("backs", exit_status(1));
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + 1min}), Lines{});
    EXPECT_EQ(b.state("backs"), State::stopped);
    b.emptied("crashed");
    b.exited("again", 0);
    EXPECT_EQ(b.emptied("again"), Lines{"all stopped"});
    EXPECT_EQ(b.pass(1h), Lines{});
}

TEST(Shutdown, NoTroubleAndNoOtherEndOfTheMachine) {
    Bench b;
    b.define("a", [](auto& s) { s.on_trouble = *parse_policy("reboot"); });
    b.run("a");
    b.send(event::ShutdownRequested{b.now + 1min});
    EXPECT_EQ(b.trouble("a"), Lines{});
}

TEST(Policy, AnEndThatIsRefusedFailsTheService) {
    Bench b;
    b.define("a", [](auto& s) { s.on_trouble = *parse_policy("reboot"); });
    b.run("a");
    b.trouble("a");
    b.send(event::EndRefused{b.start("a"), "one reboot too many"});
    b.exited("a", 0);
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::failed);
}

TEST(Policy, AfterARefusalTheNextOneIsHeard) {
    Bench b;
    for (auto name : {"a", "b"})
        b.define(name, [](auto& s) { s.on_trouble = *parse_policy("reboot"); });
    b.run("a");
    b.run("b");
    b.trouble("a");
    b.send(event::EndRefused{b.start("a"), "one reboot too many"});
    auto lines = b.send(event::TroubleSeen{b.start("b"), TroubleKind::missed_heartbeat, "silent"});
    EXPECT_TRUE(std::ranges::any_of(lines, [](const auto& line) {
        return line.starts_with("reboot for b");
    }));
}

TEST(Forget, LeavesNobodyWaiting) {
    Bench b;
    b.define("dep", all({notifies, always}));
    b.define("a", needs({"dep"}));
    b.request("a");
    b.spawned("dep");
    b.end("dep", exit_status(1));
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_TRUE(b.manager.forget("dep"));
    EXPECT_TRUE(b.manager.next_deadline());
    b.send(event::Tick{});
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_FALSE(b.manager.next_deadline());
    b.define("dep");
    EXPECT_EQ(b.state("dep"), State::stopped); // a new one
    b.run("a");
}

// What a thousand services cost: a bound so wide that only a wrong order of growth breaks it.
TEST(Scale, AThousandServicesInAStarAndInAChain) {
    auto before = std::chrono::steady_clock::now();
    Bench b;
    b.define("hub");
    std::vector<std::string> names;
    for (int i = 0; i < 1000; ++i) names.push_back(fmt::format("s{:03}", i));
    for (int i = 0; i < 1000; ++i)
        b.define(names[i], [&](auto& s) {
            s.needs = {"hub"};
            if (i >= 500 && i > 0) s.after = {names[i - 1]};
        });
    b.define("top", [&](auto& s) { s.type = ServiceType::target, s.wants = names; });
    b.send(event::TargetRequested{"default"});
    Lines last = b.spawned("hub");
    for (const auto& name : names) last = b.spawned(name);
    EXPECT_EQ(last, Lines{"settled default 0"});
    EXPECT_EQ(b.state("top"), State::running);
    b.send(event::ShutdownRequested{b.now + 1h});
    while (last != Lines{"all stopped"}) {
        bool any = false;
        for (const auto& name : b.manager.names()) {
            if (b.state(name) != State::stopping) continue;
            any = true;
            b.exited(name, 0);
            last = b.emptied(name);
        }
        ASSERT_TRUE(any);
        if (last.empty() || last[0] != "all stopped") continue;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, 20s);
}
