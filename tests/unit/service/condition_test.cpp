// SPDX-License-Identifier: MIT
// Conditions, and the targets that one can switch to.
#include "core_harness.h"

using namespace leash;
using namespace leash::test;

namespace {

Lines fact(Bench& b, const std::string& name, bool holds) {
    return b.send(event::ConditionChanged{name, holds});
}

void conditions(ServiceSettings& s, const Lines& texts) {
    for (const auto& text : texts) s.conditions.push_back(*parse_condition(text));
}

} // namespace

TEST(Condition, Syntax) {
    for (const char* good :
         {"path:/x", "path:/run/a b", "!path:/x/y.z", "net:eth0", "!net:wlan0", "mount:/", "mount:/data",
          "cmdline:quiet", "cmdline:root=/dev/sda1", "user:go", "!user:a.b-c_d@1"}) {
        auto condition = parse_condition(good);
        ASSERT_TRUE(condition) << good << ": " << condition.error().text;
        EXPECT_EQ(condition->text(), good);
        EXPECT_EQ(condition->negated, good[0] == '!');
        EXPECT_EQ(condition->fact(), condition->text().substr(condition->negated ? 1 : 0));
    }
    struct {
        std::string text, error;
    } const bad[] = {
        {"", "'' is no condition: write path:/PATH"},
        {"eth0", "'eth0' is no condition"},
        {"!", "'!' is no condition"},
        {"nett:eth0", "'nett:eth0': did you mean net:eth0?"},
        {"path:", "must begin with a /"},
        {"path:x", "must begin with a /"},
        {"path:/x/", "take the / at the end away"},
        {"path://x", "two / in a row"},
        {"path:/x/../y", "'.' and '..' are not allowed"},
        {"mount:data", "must begin with a /"},
        {"net:", "write the name of an interface"},
        {"net:a/b", "write the name of an interface"},
        {"net:0123456789abcdef", "write the name of an interface"},
        {"cmdline:", "write a word"},
        {"cmdline:a b", "write a word"},
        {"user:", "a name has 1 to 31"},
        {"user:a b", "a name has 1 to 31"},
        {"user:" + std::string(32, 'x'), "a name has 1 to 31"},
        {"path:/" + std::string(300, 'x'), "longer than 255 bytes"},
    };
    for (const auto& row : bad) {
        auto condition = parse_condition(row.text);
        ASSERT_FALSE(condition) << row.text;
        EXPECT_NE(condition.error().text.find(row.error), std::string::npos) << condition.error().text;
    }
}

TEST(Condition, WaitsUntilAllHold) {
    Bench b;
    b.define("a", [](auto& s) { conditions(s, {"net:eth0", "!path:/stop"}); });
    EXPECT_EQ(b.request("a"), Lines{});
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_EQ(b.reason("a"), "waits for condition net:eth0, condition !path:/stop");
    EXPECT_FALSE(b.manager.view("a")->parked); // nothing is known yet
    EXPECT_EQ(fact(b, "path:/stop", true), Lines{});
    EXPECT_TRUE(b.manager.view("a")->parked);
    EXPECT_EQ(fact(b, "net:eth0", true), Lines{});
    EXPECT_EQ(b.reason("a"), "waits for condition !path:/stop");
    EXPECT_EQ(fact(b, "path:/stop", false), Lines{"spawn a#1"});
    EXPECT_EQ(b.manager.conditions(), (Lines{"net:eth0", "path:/stop"}));
    auto view = *b.manager.view("a");
    ASSERT_EQ(view.conditions.size(), 2U);
    EXPECT_EQ(view.conditions[1].text, "!path:/stop");
    EXPECT_EQ(view.conditions[1].holds, true);
}

TEST(Condition, LostWhileItRuns) {
    struct {
        const char* condition;
        ConditionLost lost;
        bool stops;
    } const rows[] = {
        {"net:x", ConditionLost::by_kind, true},      {"mount:/x", ConditionLost::by_kind, true},
        {"user:x", ConditionLost::by_kind, true},     {"path:/x", ConditionLost::by_kind, false},
        {"cmdline:x", ConditionLost::by_kind, false}, {"!net:x", ConditionLost::by_kind, true},
        {"net:x", ConditionLost::ignore, false},      {"path:/x", ConditionLost::stop, true},
    };
    for (const auto& row : rows) {
        Bench b;
        auto condition = *parse_condition(row.condition);
        b.define("a", [&](auto& s) {
            s.restart = RestartWhen::always;
            s.conditions = {condition};
            s.condition_lost = row.lost;
        });
        fact(b, condition.fact(), !condition.negated);
        b.run("a");
        b.end("a", killed_by(SIGKILL)); // a counter of its own
        b.pass(100ms);
        b.spawned("a");
        auto lines = fact(b, condition.fact(), condition.negated);
        if (!row.stops) {
            EXPECT_EQ(lines, Lines{}) << row.condition;
            b.end("a", killed_by(SIGKILL));
            EXPECT_EQ(b.pass(10s), Lines{}); // the next start waits all the same
            EXPECT_EQ(b.state("a"), State::waiting);
            continue;
        }
        auto told = fmt::format("tell a: condition {} is lost: stopping it until that is back",
                                row.condition);
        EXPECT_EQ(lines, (Lines{told, "signal a#2 15"}));
        b.end("a", killed_by(SIGTERM));
        EXPECT_EQ(b.state("a"), State::waiting);
        EXPECT_EQ(b.pass(60s), Lines{});
        EXPECT_EQ(fact(b, condition.fact(), !condition.negated), Lines{"spawn a#3"});
        EXPECT_EQ(b.manager.view("a")->restarts, 1) << row.condition;
    }
}

// It holds again before the service has stopped: it stops nevertheless, and comes back.
TEST(Condition, Flickers) {
    Bench b;
    b.define("a", [](auto& s) { conditions(s, {"net:x"}); });
    fact(b, "net:x", true);
    b.run("a");
    fact(b, "net:x", false);
    EXPECT_EQ(fact(b, "net:x", true), Lines{});
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), Lines{"spawn a#2"});
    b.stop("a");
    b.end("a", 0);
    fact(b, "net:x", false);
    EXPECT_EQ(fact(b, "net:x", true), Lines{});
    EXPECT_EQ(b.state("a"), State::stopped);
}

TEST(Condition, OthersNeedNotWait) {
    Bench b;
    b.define("a", [](auto& s) { conditions(s, {"net:x"}); });
    b.define("needs", [](auto& s) { s.needs = {"a"}; });
    b.define("wants", [](auto& s) { s.wants = {"a"}; });
    b.define("late", [](auto& s) { s.after = {"needs"}; });
    Lines first = b.send(event::TargetRequested{"default"});
    EXPECT_EQ(first, Lines{}); // not known yet: it may well hold
    EXPECT_EQ(fact(b, "net:x", false), (Lines{"spawn wants#1", "spawn late#2"}));
    b.spawned("wants");
    EXPECT_EQ(b.spawned("late"), Lines{"settled default 0"});
    EXPECT_EQ(b.reason("needs"), "waits for a");
    EXPECT_EQ(fact(b, "net:x", true), Lines{"spawn a#3"});
    EXPECT_EQ(b.spawned("a"), Lines{"spawn needs#4"});
}

// What is bound to it goes with it, in order.
TEST(Condition, TakesAlongWhatIsBound) {
    Bench b;
    b.define("a", [](auto& s) { conditions(s, {"mount:/data"}); });
    b.define("b", [](auto& s) { s.binds = {"a"}; });
    fact(b, "mount:/data", true);
    b.run("b");
    EXPECT_EQ(fact(b, "mount:/data", false).back(), "signal b#2 15");
    b.exited("b", 0);
    EXPECT_EQ(b.emptied("b"), Lines{"signal a#1 15"});
    b.end("a", 0);
    EXPECT_EQ(b.state("b"), State::waiting);
    EXPECT_EQ(fact(b, "mount:/data", true), Lines{"spawn a#3"});
    EXPECT_EQ(b.spawned("a"), Lines{"spawn b#4"});
}

// In a next life of init nothing is known at first: that is no loss.
TEST(Condition, NothingIsLostByACrash) {
    Bench b, next;
    auto define = [](Bench& bench) {
        bench.define("a", [](auto& s) { conditions(s, {"net:x"}); });
        bench.define("b", [](auto& s) { s.binds = {"a"}; });
    };
    define(b);
    define(next);
    fact(b, "net:x", true);
    b.run("b");
    next.manager.resume("a", *b.manager.life("a"));
    next.manager.resume("b", *b.manager.life("b"));
    next.now = b.now;
    EXPECT_EQ(next.send(event::Tick{}), Lines{});
    EXPECT_EQ(fact(next, "net:x", false).back(), "signal b#2 15");
    // And what had stepped back still does.
    next.exited("b", 0);
    next.emptied("b");
    next.end("a", 0);
    Bench third;
    define(third);
    third.manager.resume("a", *next.manager.life("a"));
    third.manager.resume("b", *next.manager.life("b"));
    third.last_id = 9;
    EXPECT_EQ(fact(third, "net:x", true), Lines{"spawn a#10"});
    EXPECT_TRUE(third.manager.life("b")->stepped_back);
    EXPECT_EQ(third.spawned("a"), Lines{"spawn b#11"});
}

// ---- targets ------------------------------------------------------------------------------------

TEST(Isolate, StopsWhatTheTargetDoesNotNeed) {
    Bench b;
    b.define("net", [](auto& s) { s.type = ServiceType::oneshot; });
    b.define("web", [](auto& s) { s.needs = {"net"}; });
    b.define("shell", [](auto& s) { s.type = ServiceType::console; });
    b.define("logs", [](auto& s) { s.start = StartMode::manual; });
    b.define("small", [](auto& s) {
        s.type = ServiceType::target, s.start = StartMode::manual, s.needs = {"logs"};
    });
    b.define("job", [](auto& s) { s.scope = true, s.start = StartMode::manual; });
    b.send(event::TargetRequested{"default"});
    b.spawned("net");
    b.end("net", 0);
    b.spawned("web");
    b.run("shell");
    b.run("job");
    EXPECT_EQ(b.state("net"), State::done);

    EXPECT_EQ(b.send(event::TargetRequested{"small", true}),
              (Lines{"signal web#3 15", "signal shell#2 15", "spawn logs#5"}));
    EXPECT_EQ(b.spawned("logs"), Lines{}); // not before all others have gone
    b.end("web", 0);
    b.exited("shell", 0);
    EXPECT_EQ(b.state("net"), State::stopped); // after web
    EXPECT_EQ(b.emptied("shell"), Lines{"settled small 0"});
    EXPECT_EQ(b.state("job"), State::running); // a scope is nobody's
    EXPECT_EQ(b.reason("web"), "target small does not need it");

    b.send(event::TargetRequested{"default", true});
    EXPECT_EQ(b.state("logs"), State::stopping);
    EXPECT_EQ(b.state("net"), State::starting);
    EXPECT_EQ(b.state("web"), State::waiting);
}

TEST(Isolate, RescueAndSafe) {
    Bench b;
    b.define("web");
    b.define("shell", [](auto& s) { s.type = ServiceType::console; });
    b.define("alarm", [](auto& s) { s.start = StartMode::manual; });
    b.run("web");
    b.send(event::TargetRequested{"safe", true}); // nobody describes it: as rescue
    EXPECT_EQ(b.state("web"), State::stopping);
    EXPECT_EQ(b.state("shell"), State::starting);
    EXPECT_EQ(b.state("alarm"), State::stopped);
    b.define("safe", [](auto& s) {
        s.type = ServiceType::target, s.start = StartMode::manual, s.wants = {"alarm"};
    });
    b.send(event::TargetRequested{"safe", true});
    EXPECT_EQ(b.state("alarm"), State::starting);
    EXPECT_EQ(b.state("shell"), State::starting);
    EXPECT_EQ(b.send(event::TargetRequested{"nonsense", true}),
              Lines{"tell nonsense: there is no target nonsense"});
    EXPECT_EQ(b.state("alarm"), State::starting);
}

TEST(Isolate, APolicyEntersSafe) {
    Bench b;
    b.define("web", [](auto& s) {
        s.on_trouble = *parse_policy("restart 1/1m, safe");
        s.restart = RestartWhen::always;
    });
    b.run("web");
    b.trouble("web");
    b.end("web", killed_by(SIGTERM));
    b.pass(1s);
    b.spawned("web");
    auto lines = b.trouble("web");
    EXPECT_EQ(lines[1], "enter safe for web: missed-heartbeat: silent for 10s");
    b.end("web", killed_by(SIGTERM));
    EXPECT_EQ(b.state("web"), State::failed);
    EXPECT_EQ(b.pass(60s), Lines{});
}
