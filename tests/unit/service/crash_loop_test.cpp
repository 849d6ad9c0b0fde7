// SPDX-License-Identifier: MIT
// What ends too often: quickly, or so slowly that nobody would notice.
#include "core_harness.h"
#include "service/trouble.h"

using namespace leash;
using namespace leash::test;

namespace {

void answer_to_loops(ServiceSettings& settings, const char* steps) {
    settings.on_kind.edit()[static_cast<std::size_t>(TroubleKind::crash_loop)] = policy(steps);
}

} // namespace

TEST(CrashLoop, StopsByDefault) {
    Bench b;
    b.define("a", always);
    b.run("a");
    for (int i = 0; i < 5; ++i) EXPECT_GE(crash(b), 0ms);
    auto lines = b.exited("a", exit_status(1));
    EXPECT_EQ(lines, (Lines{"tell a: trouble: crash-loop: 6 exits in 10s, the last one exited with "
                            "status 1; answer: stop",
                            "end a#6"}));
    b.emptied("a");
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_TRUE(b.reason("a").starts_with("crash loop: 6 exits in 10s")) << b.reason("a");
    b.run("a"); // clears the counters
    for (int i = 0; i < 5; ++i) EXPECT_GE(crash(b), 0ms);
    EXPECT_EQ(crash(b), -1ms);
}

// One that crashes too slowly for restart-limit, which would start it again for ever. Between its
// crashes it serves: nobody takes it away who was not told to.
TEST(CrashLoop, ASlowOneIsToldOf) {
    Bench b;
    b.define("a", always);
    b.run("a");
    for (int loop = 0; loop < 2; ++loop) {
        for (int i = 0; i < 20; ++i) ASSERT_EQ(crash(b, 11s), 100ms) << i;
        b.pass(11s);
        EXPECT_EQ(b.exited("a", exit_status(1)),
                  (Lines{"tell a: trouble: crash-loop: 21 exits in 1h, the last one exited with "
                         "status 1; answer: report",
                         "end a#" + std::to_string(21 * (loop + 1))}));
        b.emptied("a");
        EXPECT_EQ(b.state("a"), State::backoff);
        EXPECT_EQ(b.pass(100ms), Lines{"spawn a#" + std::to_string(21 * (loop + 1) + 1)});
        b.spawned("a");
    }
}

TEST(CrashLoop, ASlowOneStopsWhereItsFileSaysSo) {
    for (bool of_loops : {true, false}) {
        Bench b;
        b.define("a", [&](auto& s) {
            always(s);
            if (of_loops) answer_to_loops(s, "stop");
            else s.on_trouble = policy("stop");
        });
        b.run("a");
        for (int run = 0; run < 2; ++run) { // a start by request clears the counters
            for (int i = 0; i < 20; ++i) EXPECT_EQ(crash(b, 11s), 100ms);
            EXPECT_EQ(crash(b, 11s), -1ms);
            EXPECT_EQ(b.state("a"), State::failed);
            EXPECT_TRUE(b.reason("a").starts_with("crash loop: 21 exits in 1h")) << b.reason("a");
            b.run("a");
        }
    }
}

// The built-in answer to a quick one is another, and no slow one that is told of first hides it.
TEST(CrashLoop, AQuickOneStopsWhateverTheLongWindowAllows) {
    Bench b;
    b.define("a", [](auto& s) { always(s), s.restart_limit_long = {2, 1h}; });
    b.run("a");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(crash(b, 11s), 100ms);
    b.pass(20s);
    for (int i = 0; i < 5; ++i) EXPECT_GE(crash(b), 0ms) << i;
    EXPECT_EQ(crash(b), -1ms);
    EXPECT_TRUE(b.reason("a").starts_with("crash loop: 6 exits in 10s")) << b.reason("a");
}

TEST(CrashLoop, WhatTheLongWindowCounts) {
    struct Case {
        const char* name;
        RateLimit limit, late;
        Ms run;
        int status;
        int loop_at; // which exit is told as a loop; 0: none of 30
    };
    for (const auto& row : {
             Case{"failures", {5, 10s}, {3, 1min}, 11s, exit_status(1), 4},
             {"signals, also those that people send", {5, 10s}, {3, 1min}, 11s, killed_by(SIGTERM), 4},
             {"no end of its own choice", {5, 10s}, {3, 1min}, 11s, 0, 0},
             {"not those that have left the window", {5, 10s}, {3, 1min}, 21s, exit_status(1), 0},
             {"nothing without a limit", {5, 10s}, {0, 0s}, 11s, exit_status(1), 0},
             {"also where restart-limit is none", {0, 10s}, {3, 1min}, 0s, exit_status(1), 4},
             {"a quick loop is told as one", {2, 10s}, {2, 1min}, 0s, exit_status(1), 3},
         }) {
        SCOPED_TRACE(row.name);
        Bench b;
        b.define("a", [&](auto& s) {
            always(s), s.restart_limit = row.limit, s.restart_limit_long = row.late;
            answer_to_loops(s, "stop");
        });
        b.run("a");
        int loop_at = 0;
        for (int i = 1; i <= 30 && loop_at == 0; ++i) {
            b.pass(row.run);
            b.end("a", row.status);
            if (b.state("a") == State::failed) loop_at = i;
            else b.pass(b.manager.view("a")->next_attempt - b.now), b.spawned("a");
        }
        EXPECT_EQ(loop_at, row.loop_at);
        if (loop_at > 0) {
            auto window = loop_at == 3 ? "in 10s" : "in 1m";
            EXPECT_TRUE(b.reason("a").contains(window)) << b.reason("a");
        }
    }
}

// What policies of troubles end, and what people ask for, is no exit of the service's own.
TEST(CrashLoop, WhatIsAskedForIsNotCounted) {
    Bench b;
    b.define("a", [](auto& s) {
        always(s), s.restart_limit_long = {1, 1h}, s.on_trouble = policy("restart");
    });
    b.run("a");
    for (int i = 0; i < 5; ++i) {
        b.pass(11s);
        b.trouble("a");
        b.end("a", killed_by(SIGKILL));
        ASSERT_EQ(b.state("a"), State::backoff);
        b.pass(100ms);
        b.spawned("a");
    }
    EXPECT_EQ(crash(b, 11s), 100ms);
}

// Each exit is of one loop: a budget would be used up twice as fast else.
TEST(CrashLoop, TheCountsBeginAnew) {
    Bench b;
    b.define("a", [](auto& s) {
        always(s);
        s.restart_limit = {1, 10s}, s.restart_limit_long = {2, 1h};
        answer_to_loops(s, "restart");
    });
    b.run("a");
    for (int i = 0; i < 3; ++i) // the second of two is a quick loop, each time
        for (auto pause : {100ms, 30'000ms}) EXPECT_EQ(crash(b), pause) << i;
    for (int i = 0; i < 2; ++i) // and the third of three a slow one
        for (auto pause : {100ms, 100ms, 30'000ms}) EXPECT_EQ(crash(b, 11s), pause) << i;
}

// The quick one is over after ten seconds, which a slow one survives each time.
TEST(CrashLoop, ASlowOneStandsForAsLongAsItsWindowLooksBack) {
    Bench b;
    b.define("a", [](auto& s) {
        always(s);
        s.restart_limit_long = {1, 1min};
        answer_to_loops(s, "report");
    });
    b.run("a");
    crash(b, 11s);
    EXPECT_FALSE(loops(b.manager));
    EXPECT_EQ(crash(b, 11s), 100ms);
    b.pass(59s);
    EXPECT_TRUE(loops(b.manager));
    b.pass(1s);
    EXPECT_FALSE(loops(b.manager));
}

TEST(CrashLoop, ByPolicy) {
    struct Case {
        const char* policy;
        State then;
        Ms pause;
        const char* machine;
    };
    for (auto [text, then, pause, machine] :
         {Case{"restart", State::backoff, 30s, ""},
          {"report", State::backoff, 30s, ""}, // nothing says to stop: on with the longest pause
          {"stop", State::failed, 0s, ""},
          {"restart after 5m", State::backoff, 5min, ""},
          {"reboot", State::failed, 0s, "reboot for a: crash loop: "},
          {"poweroff", State::failed, 0s, "poweroff for a: crash loop: "},
          {"halt", State::failed, 0s, "halt for a: crash loop: "}}) {
        Bench b;
        b.define("a", [&](auto& s) {
            always(s);
            s.restart_limit = {1, 10s};
            answer_to_loops(s, text);
        });
        b.run("a");
        crash(b);
        auto lines = b.exited("a", exit_status(1));
        b.emptied("a");
        EXPECT_EQ(b.state("a"), then) << text;
        EXPECT_EQ(lines.size(), *machine ? 3U : 2U);
        if (*machine) { EXPECT_TRUE(lines[1].starts_with(machine)) << lines[1]; }
        if (then != State::backoff) continue;
        EXPECT_EQ(b.manager.view("a")->next_attempt - b.now, pause) << text;
        b.pass(pause - 1ms);
        EXPECT_EQ(b.state("a"), State::backoff) << text;
        b.pass(1ms);
        EXPECT_EQ(b.state("a"), State::starting) << text;
    }
}

TEST(CrashLoop, WithABudgetItComesToItsEnd) {
    Bench b;
    b.define("a", [](auto& s) {
        always(s);
        s.restart_limit = {1, 10s};
        answer_to_loops(s, "restart 2/10m, reboot");
    });
    b.run("a");
    for (auto pause : {100ms, 30'000ms, 100ms, 30'000ms, 100ms}) EXPECT_EQ(crash(b), pause);
    EXPECT_TRUE(b.exited("a", exit_status(1))[1].starts_with("reboot for a: crash loop"));
}

TEST(CrashLoop, AHeldOneGivesWayToRequests) {
    auto held = [](Bench& b) {
        b.define("a", [](auto& s) {
            always(s);
            s.restart_limit = {1, 10s};
            s.on_trouble = policy("reboot after 1m");
        });
        b.run("a");
        crash(b);
        b.end("a", 1);
        ASSERT_EQ(b.state("a"), State::backoff);
    };
    Bench b;
    held(b);
    b.stop("a");
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_EQ(b.pass(1h), Lines{});
    Bench c;
    held(c);
    EXPECT_EQ(c.request("a").size(), 1U);
    c.spawned("a");
    EXPECT_EQ(c.pass(1h), Lines{});
    Bench d;
    held(d);
    auto lines = d.pass(1min);
    EXPECT_TRUE(lines.back().starts_with("reboot for a: crash loop")) << lines.back();
    EXPECT_EQ(d.state("a"), State::failed);
}
