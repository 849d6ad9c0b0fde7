// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "../taskview/fake_events.h"
#include "leashmon/leashmon.h"

namespace leash::leashmon {
namespace {

using taskview::FakeEvents;

struct Seen {
    int status;
    std::string out, err;
};
Seen run_with(FakeEvents& events, const std::vector<std::string>& args) {
    Seen seen{};
    World world;
    world.out = [&](std::string_view text) {
        seen.out += text;
        return true;
    };
    world.err = [&](std::string_view text) { seen.err += text; };
    world.open_events = events.opener();
    seen.status = run(args, world);
    return seen;
}

TEST(Leashmon, CommandLines) {
    struct Case {
        std::vector<std::string> args;
        int status;
        std::uint32_t events; // watched for
        bool by_signal;
    };
    const std::uint32_t ends = LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT;
    const Case cases[] = {
        {{"42"}, 0, LEASH_EVENT_ALL, false},
        {{"--signal", "42"}, 0, LEASH_EVENT_ALL, true},
        {{"42", "-s", "-e", "fork"}, 0, LEASH_EVENT_PROCESS_FORK | ends, true},
        {{"--events=fork,exec", "42"}, 0, 0x28 | ends, false},
        {{"--mask", "0x8", "42"}, 0, 0x8 | ends, false},
        {{}, 2, 0, false},
        {{"42", "43"}, 2, 0, false},
        {{"--events"}, 2, 0, false},
        {{"--events", "nothing", "42"}, 2, 0, false},
        {{"--signal=1", "42"}, 2, 0, false},
        {{"--bad", "42"}, 2, 0, false},
        {{"-e", "help"}, 0, 0, false},
        {{"--help"}, 0, 0, false},
        {{"--version"}, 0, 0, false},
    };
    for (const auto& test : cases) {
        FakeEvents events;
        auto seen = run_with(events, test.args);
        auto text = testing::PrintToString(test.args);
        EXPECT_EQ(seen.status, test.status) << text << seen.err;
        EXPECT_EQ(seen.err.empty(), test.status == 0) << text;
        EXPECT_EQ(events.watches.empty() ? 0 : events.watches[0].events, test.events) << text;
        EXPECT_EQ(events.options.by_signal, test.by_signal) << text;
    }
}

// It was there when leashmon looked, and had ended before it was watched: nothing will be told of it.
TEST(Leashmon, DoesNotWaitForAServiceThatHasEndedMeanwhile) {
    FakeEvents events;
    events.add_start(5, "web", 2);
    events.on_watch = [&] { events.known[0].live = 0; };
    int asked = 0;
    events.on_next = [&] { ++asked; };
    auto seen = run_with(events, {"web"});
    EXPECT_EQ(seen.status, 0) << seen.err;
    EXPECT_EQ(asked, 0);
    FakeEvents alive;
    alive.add_start(5, "web", 2);
    alive.on_next = [&] { ++asked; };
    EXPECT_EQ(run_with(alive, {"web"}).status, 0);
    EXPECT_EQ(asked, 1);
}

// A zombie can be watched, and its end was told before.
TEST(Leashmon, DoesNotWaitForAProcessThatHasEndedMeanwhile) {
    for (std::uint32_t flags : {LEASH_WHOIS_DEAD, LEASH_WHOIS_DEAD | LEASH_WHOIS_GONE}) {
        FakeEvents events;
        events.on_watch = [&] { events.add_dead(42, flags); };
        int waited = 0;
        events.on_next = [&] { ++waited; };
        auto seen = run_with(events, {"42"});
        EXPECT_EQ(seen.status, 0) << seen.err;
        EXPECT_EQ(waited, 0);
    }
}

TEST(Leashmon, HelpSaysWhatEndsIt) {
    FakeEvents events;
    EXPECT_NE(run_with(events, {"--help"}).out.find("a start of the service has lost its last"),
              std::string::npos);
}

} // namespace
} // namespace leash::leashmon
