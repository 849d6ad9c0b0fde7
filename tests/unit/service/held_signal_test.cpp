// SPDX-License-Identifier: MIT
// A signal that waits until evidence about the start is taken: the time to stop in counts from when the
// service was told, not from when init wanted to tell it.
#include "core_harness.h"

namespace leash::test {
namespace {

void patience(ServiceSettings& settings) {
    settings.stop_timeout = 1s;
    settings.extend_limit = 10s;
}

struct Case {
    const char* name;
    std::vector<Ms> held;     // after the stop: SignalHeld until then
    std::optional<Ms> sent;   // after the stop
    std::optional<Ms> asked;  // at the same time: EXTEND_TIMEOUT_USEC
    Ms killed;                // after the stop
};

TEST(HeldSignal, StopTimeoutCountsFromIt) {
    const Case cases[] = {
        {"not held", {}, std::nullopt, std::nullopt, 1s},
        {"held and sent", {5s}, 3s, std::nullopt, 4s},
        {"sent at the end", {5s}, 5s, std::nullopt, 6s},
        {"never sent: it ends all the same", {5s}, std::nullopt, std::nullopt, 6s},
        {"held for longer by another look", {400ms, 5s}, 4s, std::nullopt, 5s},
        {"a shorter look takes nothing away", {5s, 400ms}, std::nullopt, std::nullopt, 6s},
        {"what the service asks for stays", {2s}, 1s, 4s, 4s},
        {"sent without having been held", {}, 500ms, std::nullopt, 1500ms},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        Bench b;
        b.define("a", patience);
        b.run("a");
        EXPECT_EQ(b.stop("a"), Lines{"signal a#1 15"});
        Ms began = b.now;
        for (Ms until : each.held) b.send(event::SignalHeld{1, began + until});
        if (each.asked) b.send(event::TimeAsked{1, *each.asked});
        if (each.sent) {
            EXPECT_EQ(b.pass(*each.sent), Lines{});
            b.send(event::SignalSent{1});
        }
        EXPECT_EQ(b.pass(began + each.killed - 1ms - b.now), Lines{});
        auto lines = b.pass(1ms);
        ASSERT_EQ(lines.size(), 2U);
        EXPECT_EQ(lines.back(), "end a#1");
    }
}

TEST(HeldSignal, MovesNothingElse) {
    Bench b;
    b.define("a", patience);
    b.run("a");
    b.send(event::SignalHeld{1, b.now + 5s}); // a step `signal` of a policy
    b.send(event::SignalSent{1});
    EXPECT_FALSE(b.manager.next_deadline());
    b.send(event::SignalHeld{99, b.now + 5s}); // a start that is over
    EXPECT_FALSE(b.manager.next_deadline());

    Bench never;
    never.define("a", [](auto& s) { s.stop_timeout = 0s; });
    never.run("a");
    never.stop("a");
    never.send(event::SignalHeld{1, never.now + 5s});
    never.send(event::SignalSent{1});
    EXPECT_FALSE(never.manager.next_deadline()) << "without a limit there is none to move";
}

TEST(HeldSignal, DoesNotMoveTheEndOfAShutdown) {
    Bench b;
    b.define("a", patience);
    b.run("a");
    b.send(event::ShutdownRequested{b.now + 2s});
    b.send(event::SignalHeld{1, b.now + 5s});
    EXPECT_EQ(b.manager.next_deadline(), b.now + 2s);
    EXPECT_EQ(b.pass(2s), Lines{"end everything a#1"});
}

} // namespace
} // namespace leash::test
