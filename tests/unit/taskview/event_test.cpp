// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "fake_events.h"
#include "taskview/event_words.h"

namespace leash::taskview {
namespace {

TEST(EventWords, ListsOfNames) {
    struct Case {
        const char* list;
        std::uint32_t events; // 0: refused
    };
    const Case cases[] = {
        {"fork", 0x8},
        {"exit", 0x40},
        {"thread-create,thread-abort,thread-exit", 0x7},
        {"processes", 0x78},
        {"tasks", 0x7f},
        {"tasks,empty", 0xff},
        {"all", LEASH_EVENT_ALL},
        {"0x40", 0x40},
        {"9", 9},
        {"0x4000", 0},
        {"0", 0},
        {"", 0},
        {"fork,", 0},
        {"forks", 0},
        {"0x", 0},
        {"-1", 0},
        {"99999999999", 0},
    };
    for (const auto& test : cases) {
        auto events = parse_events(test.list);
        EXPECT_EQ(events.value_or(0), test.events) << test.list;
    }
    EXPECT_EQ(parse_events("exits").error().text, "unknown event 'exits'; did you mean 'exit'?");
    EXPECT_NE(parse_events("qqqqqqqq").error().text.find("thread-create"), std::string::npos);
}

TEST(EventWords, EachEventHasAName) {
    for (std::uint32_t bit = 1; bit <= LEASH_EVENT_ALL; bit <<= 1)
        EXPECT_EQ(parse_events(event_name(bit)).value_or(0), bit) << bit;
    EXPECT_EQ(event_name(0x80000000), "");
}

TEST(EventWords, Lines) {
    setenv("TZ", "UTC", 1);
    auto record = made(LEASH_EVENT_PROCESS_FORK, 42);
    record.time_ns = 3'661'000'002'000;
    record.actor = 7;
    EXPECT_EQ(event_lines(record, "web", 0),
              "01:01:01.000002 web              fork                   42 cmd             by 7\n");
    struct Case {
        std::uint32_t type;
        int code;
        std::uint64_t arg;
        const char* end;
    };
    const Case cases[] = {
        {LEASH_EVENT_PROCESS_EXIT, 3 << 8, 0, "status 3"},
        {LEASH_EVENT_PROCESS_ABORT, 9, 0, "SIGKILL"},
        {LEASH_EVENT_PROCESS_ABORT, 11 | 0x80, 0, "SIGSEGV, core dumped"},
        {LEASH_EVENT_PROCESS_EXEC, 0, 42, "cmd"},
        {LEASH_EVENT_PROCESS_EXEC, 0, 43, "by thread 43"},
        {LEASH_EVENT_LIMIT, LEASH_LIMIT_PROCESSES, 5, "more than 5 processes"},
        {LEASH_EVENT_LIMIT, LEASH_LIMIT_FORKS, 9, "more than 9 forks in its period"},
        {LEASH_EVENT_ADOPTED, LEASH_VIA_CGROUP, 0, "by its cgroup"},
        {LEASH_EVENT_ADOPTED, 99, 0, "cmd"},
        {LEASH_EVENT_ADOPTED, -1, 0, "cmd"},
        {LEASH_EVENT_TROUBLE, LEASH_REASON_HUNG, 7, "hung-task, process 7"},
        {LEASH_EVENT_TROUBLE, LEASH_REASON_SILENT, 0, "init-silent"},
        {LEASH_EVENT_TROUBLE, 99, 7, "reason 99, process 7"},
    };
    for (const auto& test : cases) {
        auto other = made(test.type, 42);
        other.code = test.code;
        other.arg = test.arg;
        auto line = event_lines(other, "", 0);
        EXPECT_TRUE(line.ends_with(std::string(test.end) + "\n")) << line;
    }
}

TEST(EventWords, NoProgramsNameActsOnATerminal) {
    auto record = made(LEASH_EVENT_PROCESS_EXIT, 1);
    std::strcpy(record.comm, "\033[2J");
    EXPECT_EQ(event_lines(record, "", 0).find('\033'), std::string::npos);
}

TEST(EventWords, LossIsSaid) {
    setenv("TZ", "UTC", 1);
    auto record = made(LEASH_EVENT_PROCESS_EXIT, 1);
    record.lost = 12;
    auto text = event_lines(record, "", 0);
    EXPECT_TRUE(text.starts_with("00:00:00.000000 -- 12 events lost\n00:00:00")) << text;
    record.lost = 0xffffffff;
    record.type = LEASH_EVENT_OVERFLOW;
    EXPECT_EQ(event_lines(record, "", 0), "00:00:00.000000 -- at least 4294967295 events lost\n");
}

TEST(EventWords, Json) {
    auto record = made(LEASH_EVENT_PROCESS_ABORT, 42);
    record.code = 9;
    record.start = 0xabc;
    EXPECT_EQ(event_json(record, "web", 100),
              R"({"time_ns":0,"realtime_ns":100,"event":"abort","lost":0,"service":"web",)"
              R"("start_id":"0000000000000abc","pid":42,"tid":42,"command":"cmd","code":9,)"
              R"("arg":0,"signal":"SIGKILL"})");
}

struct Seen {
    int status = -1;
    std::string out, err;
};
Seen view(FakeEvents& events, EventView view) {
    Seen seen;
    EventOutput output;
    output.out = [&](std::string_view text) {
        seen.out += text;
        return true;
    };
    output.complain = [&](std::string_view text) { seen.err += text; };
    seen.status = view_events(view, events.opener(), output);
    return seen;
}

TEST(EventView, UntilTheProcessHasEnded) {
    FakeEvents events;
    auto other = made(LEASH_EVENT_PROCESS_EXIT, 43); // its child's
    events.batches = {{made(LEASH_EVENT_PROCESS_FORK, 43), other},
                      {made(LEASH_EVENT_PROCESS_EXIT, 42), made(LEASH_EVENT_PROCESS_EXIT, 44)}};
    auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_PROCESS_FORK,
                              .until_gone = true});
    EXPECT_EQ(seen.status, 0);
    EXPECT_EQ(events.watches.at(0).pid, 42);
    // Its end is watched for, and not shown, since only forks were asked for.
    EXPECT_EQ(events.watches.at(0).events, LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT |
                                               LEASH_EVENT_PROCESS_ABORT);
    EXPECT_NE(seen.out.find("fork"), std::string::npos);
    EXPECT_EQ(seen.out.find("exit"), std::string::npos);
    EXPECT_EQ(events.asked, 2);
}

TEST(EventView, UntilTheServiceIsEmpty) {
    FakeEvents events;
    events.add_start(5, "web", 1);
    auto fork = made(LEASH_EVENT_PROCESS_FORK, 43), empty = made(LEASH_EVENT_START_EMPTY, 0);
    fork.start = empty.start = 5;
    events.batches = {{fork}, {empty}, {fork}};
    auto seen = view(events, {.targets = {"web"}, .events = LEASH_EVENT_ALL, .json = true,
                              .until_gone = true});
    EXPECT_EQ(seen.status, 0);
    EXPECT_EQ(events.watches.at(0).service, "web");
    EXPECT_EQ(events.asked, 2);
    EXPECT_NE(seen.out.find(R"("event":"fork","lost":0,"service":"web")"), std::string::npos);
    EXPECT_NE(seen.out.find(R"("event":"empty")"), std::string::npos);
}

TEST(EventView, WhatIsNotThere) {
    FakeEvents events;
    events.add_start(5, "idle", 0);
    for (const char* target : {"idle", "other", "no such", "99999999999", "0"}) {
        auto seen = view(events, {.targets = {target}, .events = 1, .until_gone = true});
        EXPECT_EQ(seen.status, kNoSuch) << target;
        EXPECT_NE(seen.err, "") << target;
    }
    events.error = Error{"x", ESRCH};
    EXPECT_EQ(view(events, {.targets = {"42"}, .events = 1}).status, kNoSuch);
    events.error = Error{"x", EPERM};
    EXPECT_EQ(view(events, {.targets = {}, .events = 1}).status, kNotPermitted);
    events.refusal = Refusal{"no module", kNoModule};
    EXPECT_EQ(view(events, {.targets = {}, .events = 1}).status, kNoModule);
}

TEST(EventView, LossIsShownWhateverIsAskedFor) {
    FakeEvents events;
    auto record = made(LEASH_EVENT_OVERFLOW, 0);
    record.lost = 3;
    events.batches = {{record}};
    auto seen = view(events, {.targets = {}, .events = LEASH_EVENT_PROCESS_FORK});
    EXPECT_NE(seen.out.find("3 events lost"), std::string::npos);
}

leash_record with_loss(leash_record record, std::uint32_t lost = 1) {
    record.lost = lost;
    return record;
}

// What was lost may be the very end that is waited for.
TEST(EventView, AfterALossItIsAskedWhetherTheProcessIsGone) {
    for (bool dead : {true, false}) {
        FakeEvents events;
        auto fork = made(LEASH_EVENT_PROCESS_FORK, 43);
        events.batches = {{with_loss(fork)}, {fork}};
        int waited = 0;
        events.on_next = [&] {
            if (++waited == 1 && dead) events.add_dead(42);
        };
        auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_ALL, .until_gone = true});
        EXPECT_EQ(seen.status, 0);
        EXPECT_EQ(waited, dead ? 1 : 3);
        EXPECT_EQ(std::ranges::count(seen.out, '\n'), 3); // what was told before is shown
    }
}

TEST(EventView, AnotherProcessOfTheSameNumberIsNotTheWatchedOne) {
    FakeEvents events;
    events.batches = {{with_loss(made(LEASH_EVENT_OVERFLOW, 0))}};
    int waited = 0;
    events.on_next = [&] {
        ++waited;
        events.processes[42].start_ns = 99;
    };
    auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_ALL, .until_gone = true});
    EXPECT_EQ(seen.status, 0);
    EXPECT_EQ(waited, 1);
}

// As START_EMPTY has it: one start is enough, though another one lives already.
TEST(EventView, AfterALossItIsAskedWhetherAStartIsGone) {
    for (bool restarted : {true, false}) {
        FakeEvents events;
        events.add_start(5, "web", 1);
        events.batches = {{with_loss(made(LEASH_EVENT_OVERFLOW, 0))}, {}};
        int waited = 0;
        events.on_next = [&] {
            if (++waited == 1 && restarted) events.known[0].id = 6;
        };
        auto seen = view(events, {.targets = {"web"}, .events = LEASH_EVENT_ALL, .until_gone = true});
        EXPECT_EQ(seen.status, 0);
        EXPECT_EQ(waited, restarted ? 1 : 2);
    }
}

// The next start of a service may go on without end.
TEST(EventView, WhatComesLongAfterTheEndIsNotShown) {
    FakeEvents events;
    auto late = made(LEASH_EVENT_PROCESS_FORK, 44);
    late.time_ns = record_clock() + 60'000'000'000;
    events.add_dead(42);
    events.batches = {{made(LEASH_EVENT_PROCESS_FORK, 43), late, late}, {late}};
    auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_ALL, .until_gone = true});
    EXPECT_EQ(std::ranges::count(seen.out, '\n'), 1);
}

TEST(EventView, TheLastLossIsTold) {
    FakeEvents events;
    events.untold = 7;
    events.batches = {{made(LEASH_EVENT_PROCESS_EXIT, 42)}};
    auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_ALL, .until_gone = true,
                              .by_signal = true});
    EXPECT_NE(seen.out.find("7 events lost"), std::string::npos) << seen.out;
}

TEST(EventView, EndsWhereTheOutputIsNotTakenAnyMore) {
    FakeEvents events;
    events.batches = {{made(LEASH_EVENT_PROCESS_FORK, 42)}, {}};
    events.on_output = [] { return false; };
    auto seen = view(events, {.targets = {"42"}, .events = LEASH_EVENT_ALL});
    EXPECT_EQ(seen.status, 0);
    EXPECT_EQ(seen.out, "");
    EXPECT_EQ(events.asked, 1);
}

// The silence of init is no service's, and the kernel kills others for want of memory, too.
TEST(EventView, WithoutNamesTheMachineIsWatchedToo) {
    FakeEvents events;
    view(events, {.targets = {}, .events = LEASH_EVENT_ALL});
    ASSERT_EQ(events.watches.size(), 2U);
    EXPECT_FALSE(events.watches[0].everywhere);
    EXPECT_TRUE(events.watches[1].everywhere);
    EXPECT_EQ(events.watches[1].events,
              LEASH_EVENT_OOM | LEASH_EVENT_HUNG | LEASH_EVENT_TROUBLE);
    FakeEvents forks;
    view(forks, {.targets = {}, .events = LEASH_EVENT_PROCESS_FORK});
    EXPECT_EQ(forks.watches.size(), 1U); // of events 0 there is no watch
    FakeEvents service;
    view(service, {.targets = {"web"}, .events = LEASH_EVENT_ALL});
    EXPECT_EQ(service.watches.size(), 1U);
}

TEST(EventView, AStartThatIsNewGetsItsName) {
    FakeEvents events;
    auto record = made(LEASH_EVENT_PROCESS_FORK, 5);
    record.start = 77;
    events.batches = {{record}};
    events.on_next = [&] { events.add_start(77, "late", 1); };
    auto seen = view(events, {.targets = {}, .events = LEASH_EVENT_ALL});
    EXPECT_NE(seen.out.find(" late "), std::string::npos);
}

} // namespace
} // namespace leash::taskview
