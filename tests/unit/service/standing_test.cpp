// SPDX-License-Identifier: MIT
// What stands of trouble, since when, until when, and what those who keep records are told of it.
#include <gtest/gtest.h>

#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;

namespace {

struct Noting : Bench {
    // Each note as "seen a crash-loop: answer; then NEXT" or "over a crash-loop: why".
    Lines notes(const Event& event) {
        Lines lines;
        for (const auto& action : manager.handle(event, now))
            if (const auto* noted = std::get_if<action::TroubleNoted>(&action)) {
                using What = action::TroubleNoted::What;
                auto word = noted->what == What::seen   ? "seen"
                            : noted->what == What::step ? "step"
                                                        : "over";
                lines.push_back(fmt::format("{} {} {}: {}", word, noted->service,
                                            to_string(noted->kind),
                                            noted->what == What::over ? noted->evidence
                                                                      : noted->answer));
                next = noted->next;
            }
        return lines;
    }
    // "missed-heartbeat for 5s, then restart in 10s" of each that stands.
    Lines standing(const std::string& name) {
        Lines lines;
        const auto view = manager.view(name);
        for (const auto& each : view->troubles)
            lines.push_back(fmt::format("{} for {}s{}", to_string(each.kind),
                                        (now - each.since).count() / 1000,
                                        each.next.empty()
                                            ? ""
                                            : fmt::format(", then {} in {}s", each.next,
                                                          (each.due - now).count() / 1000)));
        return lines;
    }
    void with_policy(const char* key_policy, TroubleKind kind) {
        define("a", [&](ServiceSettings& s) {
            s.restart = RestartWhen::always;
            s.restart_limit = {1, Ms{10'000}};
            s.restart_delay = s.restart_delay_max = Ms{1'000};
            s.on_kind.edit()[static_cast<std::size_t>(kind)] = *parse_policy(key_policy);
        });
        run("a");
    }
    Event silent() {
        return event::TroubleSeen{start("a"), TroubleKind::missed_heartbeat, "no sign of life"};
    }
    std::string next;
};

} // namespace

TEST(Standing, UntilItIsOver) {
    Noting bench;
    bench.with_policy("report, restart after 10s", TroubleKind::missed_heartbeat);
    EXPECT_EQ(bench.notes(bench.silent()),
              Lines{"seen a missed-heartbeat: report; then restart in 10s"});
    EXPECT_EQ(bench.next, "restart");
    bench.now += 4s;
    EXPECT_EQ(bench.standing("a"), Lines{"missed-heartbeat for 4s, then restart in 6s"});
    EXPECT_EQ(bench.notes(bench.silent()), Lines{}) << "nothing new";
    EXPECT_EQ(bench.notes(event::TroubleOver{bench.start("a"), TroubleKind::missed_heartbeat}),
              Lines{"over a missed-heartbeat: it is over"});
    EXPECT_EQ(bench.standing("a"), Lines{});
    EXPECT_EQ(bench.notes(event::TroubleOver{bench.start("a"), TroubleKind::missed_heartbeat}), Lines{});
}

TEST(Standing, UntilTheStartEnds) {
    Noting bench;
    bench.with_policy("report, restart after 10s", TroubleKind::missed_heartbeat);
    (void)bench.notes(bench.silent());
    bench.now += 10s;
    EXPECT_EQ(bench.notes(event::Tick{}), (Lines{"step a missed-heartbeat: restart",
                                                 "over a missed-heartbeat: its start ends"}));
    EXPECT_EQ(bench.standing("a"), Lines{});
}

TEST(Standing, WithoutAStepThatWaits) {
    Noting bench;
    bench.with_policy("report", TroubleKind::missed_heartbeat);
    (void)bench.notes(bench.silent());
    bench.now += 3s;
    EXPECT_EQ(bench.standing("a"), Lines{"missed-heartbeat for 3s"});
    EXPECT_EQ(bench.notes(event::StopRequested{"a"}), Lines{"over a missed-heartbeat: its start ends"});
}

TEST(Standing, ACrashLoopOutlivesItsStartsUntilOneLasts) {
    Noting bench;
    bench.with_policy("report", TroubleKind::crash_loop);
    bench.end("a", exit_status(1));
    bench.pass(1s);
    bench.spawned("a");
    EXPECT_EQ(bench.notes(event::MainExited{bench.start("a"), exit_status(1)}),
              Lines{"seen a crash-loop: report"});
    bench.emptied("a");
    EXPECT_EQ(bench.standing("a"), Lines{"crash-loop for 0s"});
    bench.pass(1s);
    bench.spawned("a");
    ASSERT_EQ(bench.state("a"), State::running);
    bench.pass(9s);
    EXPECT_EQ(bench.standing("a"), Lines{"crash-loop for 10s"}) << "it may go on";
    bench.now += 1s;
    EXPECT_EQ(bench.notes(event::Tick{}), Lines{"over a crash-loop: it has been up for long enough"});
    EXPECT_EQ(bench.standing("a"), Lines{});
}

TEST(Standing, ACrashLoopEndsWhenSomebodyDecides) {
    struct {
        const char* policy;
        Event event;
        const char* over;
    } const rows[] = {
        {"report, stop after 1m", event::StartRequested{"a"}, "over a crash-loop: asked to begin anew"},
        {"report, stop after 1m", event::StopRequested{"a"}, "over a crash-loop: it is stopped"},
    };
    for (const auto& row : rows) {
        Noting bench;
        bench.with_policy(row.policy, TroubleKind::crash_loop);
        bench.end("a", exit_status(1));
        bench.pass(1s);
        bench.spawned("a");
        bench.end("a", exit_status(1));
        ASSERT_EQ(bench.state("a"), State::backoff);
        EXPECT_EQ(bench.standing("a"), Lines{"crash-loop for 0s, then stop in 60s"});
        auto notes = bench.notes(row.event);
        ASSERT_EQ(notes.size(), 1u);
        EXPECT_TRUE(notes[0].starts_with("over a crash-loop")) << notes[0];
    }
    Noting bench;
    bench.with_policy("stop", TroubleKind::crash_loop);
    bench.end("a", exit_status(1));
    bench.pass(1s);
    bench.spawned("a");
    bench.end("a", exit_status(1));
    ASSERT_EQ(bench.state("a"), State::failed);
    EXPECT_EQ(bench.standing("a"), Lines{}) << "that it has failed says it all";
}

TEST(Standing, ANextLifeOfInitGoesOn) {
    Noting bench;
    bench.with_policy("report, restart after 10s", TroubleKind::missed_heartbeat);
    (void)bench.notes(bench.silent());
    bench.now += 2s;
    auto life = unpack(pack(*bench.manager.life("a")));
    Noting next;
    next.now = bench.now;
    next.define("a", [](ServiceSettings& s) {
        s.on_kind.edit()[static_cast<std::size_t>(TroubleKind::missed_heartbeat)] =
            *parse_policy("report, restart after 10s");
    });
    next.manager.resume("a", life);
    EXPECT_EQ(next.standing("a"), Lines{"missed-heartbeat for 2s, then restart in 8s"});
    EXPECT_EQ(next.manager.view("a")->troubles[0].evidence, "no sign of life");
    next.now += 8s;
    EXPECT_EQ(next.notes(event::Tick{}).size(), 2u);
}
