// SPDX-License-Identifier: MIT
// Where timers, conflicts, bonds and sockets meet: what the one does must not undo the other.
#include "core_harness.h"

using namespace leash;
using namespace leash::test;

namespace {

void by_the_clock(ServiceSettings& s) {
    s.type = ServiceType::oneshot;
    s.calendar.edit().rules.emplace_back();
}

void on_demand(ServiceSettings& s) {
    s.listen.edit().sockets = {{"", ListenKind::stream, "/run/x"}};
    s.listen.edit().start = ListenStart::demand;
}

Lines boot(Bench& b) { return b.send(event::TargetRequested{"default"}); }

Lines next_run(Bench& b, const std::string& name, Ms in) {
    return b.send(event::NextRun{name, b.now + in});
}

} // namespace

TEST(Interplay, AJobByTheClockStartsWhatItNeeds) {
    Bench b;
    b.define("db", [](auto& s) { s.start = StartMode::manual; });
    b.define("job", [](auto& s) {
        by_the_clock(s);
        s.needs = {"db"};
    });
    boot(b);
    next_run(b, "job", Ms{1'000});
    EXPECT_EQ(b.pass(Ms{1'500}), (Lines{"came, ask next run of job", "spawn db#1"}));
    EXPECT_EQ(b.spawned("db"), Lines{"spawn job#2"});
}

TEST(Interplay, ATimerThatStartsAgainStartsWhatItNeeds) {
    Bench b;
    b.define("db");
    b.define("job", [](auto& s) {
        s.type = ServiceType::oneshot;
        s.interval = Ms{10'000};
        s.needs = {"db"};
        s.remain_after_exit = false;
    });
    b.request("job");
    b.spawned("db");
    b.spawned("job");
    b.end("job", 0);
    b.exited("db", 0); // by itself
    b.emptied("db");
    EXPECT_EQ(b.state("db"), State::stopped);
    EXPECT_EQ(b.pass(Ms{10'000}), Lines{"spawn db#3"});
}

TEST(Interplay, AConflictLeavesTheClockAlone) {
    Bench b;
    b.define("job", by_the_clock);
    b.define("rival", [](auto& s) {
        s.conflicts = {"job"};
        s.start = StartMode::manual;
    });
    boot(b);
    next_run(b, "job", Ms{1'000});
    EXPECT_EQ(b.pass(Ms{1'000}), (Lines{"came, ask next run of job", "spawn job#1"}));
    next_run(b, "job", Ms{60'000});
    b.spawned("job");
    b.end("job", 0);
    EXPECT_EQ(b.state("job"), State::done);
    EXPECT_EQ(b.request("rival"), Lines{"spawn rival#2"});
    EXPECT_EQ(b.state("job"), State::stopped);
    EXPECT_TRUE(b.manager.life("job")->timed);
    EXPECT_NE(b.manager.life("job")->next_run, kNever);
}

TEST(Interplay, AStopTakesItOffTheClock) {
    Bench b;
    b.define("job", by_the_clock);
    boot(b);
    next_run(b, "job", Ms{1'000});
    b.stop("job");
    EXPECT_FALSE(b.manager.next_deadline());
}

TEST(Interplay, ATargetLetsItsJobsRunOn) {
    Bench b;
    b.define("job", by_the_clock);
    boot(b);
    next_run(b, "job", Ms{1'000});
    b.pass(Ms{1'000});
    b.spawned("job");
    b.send(event::TargetRequested{"default", true});
    EXPECT_EQ(b.state("job"), State::starting);
    EXPECT_TRUE(b.manager.life("job")->wanted_up);
    b.end("job", 0);
    b.send(event::TargetRequested{"default", true});
    EXPECT_EQ(b.state("job"), State::done);
}

TEST(Interplay, WhoOnlyListensIsInNobodysWay) {
    Bench b;
    b.define("rival", [](auto& s) {
        s.restart = RestartWhen::always;
        s.conflicts = {"lazy"};
    });
    b.define("lazy", [](auto& s) {
        on_demand(s);
        s.start = StartMode::manual;
    });
    b.define("client", [](auto& s) {
        s.needs = {"lazy"};
        s.start = StartMode::manual;
    });
    boot(b);
    b.spawned("rival");
    b.request("client"); // pulls it in
    b.send(event::Listening{"lazy"});
    ASSERT_TRUE(b.manager.life("lazy")->listens);
    b.end("rival", killed_by(SIGKILL));
    EXPECT_EQ(b.pass(Ms{200}), Lines{"spawn rival#3"});
    EXPECT_TRUE(b.manager.life("lazy")->listens);
    b.spawned("rival");
    auto lines = b.send(event::Traffic{"lazy", "x"}); // now it does want it gone
    EXPECT_EQ(b.state("rival"), State::stopping);
}

TEST(Interplay, PatienceOutlastsTheRestartOfAnother) {
    Bench b;
    b.define("p");
    b.define("q");
    b.define("d", [](auto& s) {
        s.needs = {"p", "q"};
        s.binds = {"q"};
    });
    b.run("d");
    b.exited("q", exit_status(1));
    b.emptied("q");
    EXPECT_EQ(b.state("q"), State::failed);
    b.exited("d", 0);
    b.emptied("d");
    ASSERT_EQ(b.state("d"), State::waiting);
    b.restart("p");
    b.exited("p", 0);
    b.emptied("p");
    b.spawned("p");
    EXPECT_EQ(b.state("d"), State::waiting);
    b.request("q");
    b.spawned("q");
    EXPECT_EQ(b.state("d"), State::starting);
}

TEST(Interplay, AReloadDoesNotStartWhatIsBeingStopped) {
    Bench b;
    b.define("lazy", on_demand);
    b.define("client", [](auto& s) { s.needs = {"lazy"}; });
    boot(b);
    b.send(event::Listening{"lazy"});
    b.spawned("client");
    b.stop("lazy");
    EXPECT_EQ(b.state("client"), State::stopping);
    b.define("lazy", [](auto& s) {
        on_demand(s);
        s.listen.edit().start = ListenStart::always;
    });
    for (const auto& line : b.send(event::Tick{})) EXPECT_FALSE(line.starts_with("spawn")) << line;
    b.exited("client", 0);
    for (const auto& line : b.emptied("client")) EXPECT_FALSE(line.starts_with("spawn")) << line;
    EXPECT_EQ(b.state("lazy"), State::stopped);
}
