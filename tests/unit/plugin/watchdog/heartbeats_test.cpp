// SPDX-License-Identifier: MIT
// The table beyond plain heartbeats: named timers, grace, soft, more time, progress, probes, suspends;
// and how it is told.
#include "watchdog/heartbeats/http_reply.h"
#include "watchdog/heartbeats/probe_target.h"
#include "watchdog/heartbeats/progress_reader.h"
#include "watchdog/heartbeats/supervision.h"
#include "watchdog/heartbeats/task_probe.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace leash_watchdog {
namespace {

struct TalkativeProbe final : TaskProbe {
    TaskCount look(std::int32_t) override { return {2, 0}; }
    void describe(std::int32_t pid, char* text, std::size_t size) override {
        std::snprintf(text, size, "%d worker D in nfs_wait", pid);
    }
};

WatchSpec spec_of(Source source, const char* text) {
    WatchSpec spec;
    EXPECT_TRUE(parse_watch(text, spec)) << text;
    spec.source = source;
    return spec;
}

struct HeartbeatsTest : testing::Test {
    Supervision table;
    TalkativeProbe probe;
    std::vector<Report> reports;
    std::vector<Wish> wishes;

    void watch(Source source, const char* text, std::int64_t now = 0) {
        table.watch(1, spec_of(source, text), 42, now);
    }
    std::vector<Report> tick(std::int64_t now) {
        reports.clear();
        wishes.clear();
        table.tick(now, probe, reports, wishes);
        return reports;
    }
    bool beat(const char* timer, std::int64_t now, std::int32_t sender = 42) {
        reports.clear();
        return table.heartbeat(1, timer, sender, now, reports);
    }
    std::vector<Report> answer(bool good, const char* why, std::int64_t now) {
        reports.clear();
        table.probed(1, wishes.empty() ? 0 : wishes.back().serial, good, why, now, reports);
        return reports;
    }
    // The look that is asked for at `now` finds this.
    std::vector<Report> look(std::int64_t now, Progress progress, bool known = true) {
        auto before = tick(now);
        if (wishes.empty()) return before;
        EXPECT_EQ(wishes.back().kind, Wish::Kind::progress);
        reports.clear();
        table.progressed(1, wishes.back().serial, known, progress, now, probe, reports);
        return reports;
    }
};

TEST_F(HeartbeatsTest, each_timer_has_to_be_fed_by_itself) {
    watch(Source::heartbeat, "timers=main:5000,io:30000");
    EXPECT_TRUE(beat("", 4000)) << "feeds main";
    EXPECT_TRUE(beat("io", 4000));
    EXPECT_EQ(table.next(), 9000);
    EXPECT_FALSE(beat("oi", 4000)) << "it has none of that name";
    for (std::int64_t now = 8000; now < 34'000; now += 4000) {
        EXPECT_TRUE(beat("main", now));
        EXPECT_TRUE(tick(now).empty());
    }
    EXPECT_TRUE(beat("main", 33'900));
    auto late = tick(34'000);
    ASSERT_EQ(late.size(), 1u);
    EXPECT_STREQ(late[0].evidence, "timer io: no heartbeat for 30.0 s (limit 30.0 s); main process 42: "
                                   "42 worker D in nfs_wait");
    EXPECT_EQ(late[0].timer, 1);
}

TEST_F(HeartbeatsTest, it_is_over_when_all_timers_beat) {
    watch(Source::heartbeat, "timers=a:1000,b:1000");
    EXPECT_EQ(tick(1000).size(), 2u);
    EXPECT_EQ(table.silent(), 1u);
    EXPECT_TRUE(beat("a", 1100));
    EXPECT_TRUE(reports.empty());
    EXPECT_TRUE(beat("b", 1100));
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_TRUE(reports[0].over);
}

TEST_F(HeartbeatsTest, a_beat_without_a_name_feeds_main_or_the_only_one) {
    watch(Source::heartbeat, "timers=a:1000,b:1000");
    EXPECT_FALSE(beat("", 500)) << "none of two is main";
    EXPECT_EQ(tick(1000).size(), 2u);
    watch(Source::heartbeat, "timers=a:1000", 2000);
    EXPECT_TRUE(beat("", 2500));
    EXPECT_EQ(table.next(), 3500);
}

TEST_F(HeartbeatsTest, evidence_names_the_process_that_beat_last) {
    watch(Source::heartbeat, "timers=main:1000");
    beat("", 100, 77);
    auto late = tick(1100);
    ASSERT_EQ(late.size(), 1u);
    EXPECT_NE(std::string(late[0].evidence)
                  .find("; it last came from process 77: 77 worker D in nfs_wait"),
              std::string::npos)
        << late[0].evidence;
}

TEST_F(HeartbeatsTest, grace_is_for_the_first_silence_alone) {
    watch(Source::heartbeat, "timers=main:1000 grace=60000");
    EXPECT_TRUE(tick(59'999).empty());
    EXPECT_TRUE(beat("", 10'000));
    EXPECT_EQ(table.next(), 11'000);
    table.forget(1);
    watch(Source::heartbeat, "timers=main:1000 grace=60000");
    EXPECT_EQ(tick(60'000).size(), 1u);
}

TEST_F(HeartbeatsTest, a_soft_limit_only_tells) {
    watch(Source::heartbeat, "timers=main:10000 soft=3000");
    EXPECT_EQ(table.next(), 3000);
    auto soft = tick(3000);
    ASSERT_EQ(soft.size(), 1u);
    EXPECT_TRUE(soft[0].soft);
    EXPECT_EQ(table.silent(), 0u);
    EXPECT_EQ(table.next(), 10'000) << "once for each silence";
    EXPECT_TRUE(beat("", 5000));
    EXPECT_TRUE(reports.empty()) << "nothing stood";
    EXPECT_EQ(tick(8000).size(), 1u);
    auto hard = tick(15'000);
    ASSERT_EQ(hard.size(), 1u);
    EXPECT_FALSE(hard[0].soft);
}

TEST_F(HeartbeatsTest, more_time_moves_the_limit_within_bounds) {
    watch(Source::heartbeat, "timers=main:1000 extend=5000");
    table.extend(1, 3000, 500);
    EXPECT_EQ(table.next(), 3500);
    EXPECT_TRUE(beat("", 600)) << "a beat does not take back what was promised";
    EXPECT_EQ(table.next(), 3500);
    EXPECT_TRUE(beat("", 3400));
    EXPECT_EQ(table.next(), 4400);
    table.extend(1, 60'000, 3500);
    EXPECT_EQ(table.next(), 9400) << "a limit and extend-limit from the last beat, no more";
    table.extend(1, 60'000, 9000);
    EXPECT_EQ(table.next(), 9400);
    table.extend(1, 1, 9000);
    EXPECT_EQ(tick(9400).size(), 1u) << "never earlier than it was";
    table.forget(1);
    watch(Source::heartbeat, "timers=main:1000");
    table.extend(1, 60'000, 500);
    EXPECT_EQ(table.next(), 1000) << "extend-limit = 0";
}

TEST_F(HeartbeatsTest, down_to_the_millisecond) {
    watch(Source::heartbeat, "timers=main:100");
    for (std::int64_t now = 0; now < 5000; now += 99) {
        EXPECT_TRUE(tick(now).empty());
        EXPECT_TRUE(beat("", now));
    }
    EXPECT_EQ(table.next(), 4950 + 100);
    EXPECT_TRUE(tick(5049).empty());
    EXPECT_EQ(tick(5050).size(), 1u);
}

TEST_F(HeartbeatsTest, a_deadline_that_init_comes_late_to_moves_once) {
    watch(Source::heartbeat, "timers=main:100");
    EXPECT_TRUE(tick(400).empty()) << "PID 1 has not listened for 300 ms";
    EXPECT_EQ(table.next(), 700);
    EXPECT_EQ(tick(1000).size(), 1u) << "not for ever";
}

TEST_F(HeartbeatsTest, a_suspend_takes_no_time_from_anybody) {
    SuspendWatch clock;
    EXPECT_EQ(clock.note(1000, 5000), 0);
    EXPECT_EQ(clock.note(9000, 13'050), 0) << "rounding";
    EXPECT_EQ(clock.note(9010, 13'010 + 3'600'000), 3'600'000);
    EXPECT_EQ(clock.note(9020, 13'020 + 3'600'000), 0);
    watch(Source::heartbeat, "timers=main:10000,quick:200 soft=150", 0);
    (void)beat("quick", 9900);
    table.resumed(9950);
    EXPECT_TRUE(tick(10'099).empty());
    EXPECT_EQ(table.next(), 10'150) << "the quick one as soon as it would have been anyway";
    EXPECT_TRUE(beat("quick", 10'140));
    EXPECT_TRUE(tick(10'200).empty()) << "main has its second";
}

TEST_F(HeartbeatsTest, progress_is_to_wait_or_to_do_io) {
    watch(Source::progress, "timers=main:1000");
    EXPECT_TRUE(look(0, {10, 5, 0, 1, 1}).empty()) << "to compare with";
    EXPECT_TRUE(look(250, {11, 5, 10, 1, 1}).empty());
    EXPECT_TRUE(look(500, {11, 6, 10, 1, 1}).empty());
    EXPECT_EQ(table.next(), 750);
    EXPECT_TRUE(look(750, {11, 6, 260, 1, 1}).empty());
    EXPECT_TRUE(look(1000, {11, 6, 510, 1, 1}).empty());
    EXPECT_TRUE(look(1250, {11, 6, 760, 1, 1}).empty());
    EXPECT_TRUE(look(1500, {11, 6, 1010, 1, 1}).empty());
    EXPECT_EQ(table.next(), 1501) << "when the time is over, not a look later";
    auto late = look(1501, {11, 6, 1011, 1, 1});
    ASSERT_EQ(late.size(), 1u);
    EXPECT_EQ(std::string(late[0].evidence)
                  .find("no progress for 1.0 s (limit 1.0 s): spins, 1.0 s of CPU"),
              0u)
        << late[0].evidence;
    auto over = look(2000, {12, 6, 1011, 1, 1});
    ASSERT_EQ(over.size(), 1u);
    EXPECT_TRUE(over[0].over);
}

TEST_F(HeartbeatsTest, a_busy_child_does_not_stand_for_a_stopped_main_process) {
    watch(Source::progress, "timers=main:1000");
    look(0, {10, 5, 0, 2, 2});
    std::vector<Report> late;
    for (std::int64_t now = 250; now <= 1250 && late.empty(); now += 250)
        late = look(now, {10 + static_cast<std::uint64_t>(now), 5, 0, 2, 0});
    ASSERT_EQ(late.size(), 1u);
    EXPECT_NE(std::string(late[0].evidence).find("stopped or dead"), std::string::npos)
        << late[0].evidence;
}

TEST_F(HeartbeatsTest, what_cannot_be_read_is_not_judged) {
    watch(Source::progress, "timers=main:1000");
    for (std::int64_t now = 0; now < 5000; now += 250) EXPECT_TRUE(look(now, {}, false).empty());
}

TEST_F(HeartbeatsTest, a_probe_that_ends_well_is_a_sign_of_life) {
    watch(Source::probe, "timers=main:3000 probe=tcp:127.0.0.1:80 interval=500 timeout=400");
    EXPECT_TRUE(tick(499).empty());
    EXPECT_TRUE(wishes.empty());
    tick(500);
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].kind, Wish::Kind::connect);
    EXPECT_STREQ(wishes[0].target, "tcp:127.0.0.1:80");
    EXPECT_EQ(wishes[0].limit, 400);
    EXPECT_TRUE(answer(true, "", 520).empty());
    EXPECT_EQ(table.next(), 1000) << "from begin to begin";
    std::vector<Report> late;
    for (std::int64_t now = 1000; now <= 3000; now += 500) {
        EXPECT_TRUE(tick(now).empty());
        EXPECT_TRUE(answer(false, "connect: Connection refused", now + 1).empty());
    }
    late = tick(3520);
    ASSERT_EQ(late.size(), 1u);
    EXPECT_EQ(std::string(late[0].evidence)
                  .find("no probe has ended well for 3.0 s (limit 3.0 s), tcp:127.0.0.1:80, 5 failed: "
                        "connect: Connection refused"),
              0u)
        << late[0].evidence;
    ASSERT_EQ(wishes.size(), 1u) << "it goes on";
    ASSERT_EQ(answer(true, "", 3530).size(), 1u);
    EXPECT_TRUE(reports[0].over);
}

TEST_F(HeartbeatsTest, a_command_that_takes_too_long_is_killed) {
    watch(Source::probe, "timers=main:3000 probe=command interval=500 timeout=1000");
    tick(500);
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].kind, Wish::Kind::command);
    EXPECT_TRUE(table.runs_command(1));
    tick(1499);
    EXPECT_TRUE(wishes.empty()) << "one at a time";
    tick(1500);
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].kind, Wish::Kind::kill_command);
    wishes.clear();
    EXPECT_TRUE(answer(true, "", 1501).empty());
    EXPECT_FALSE(table.runs_command(1)) << "and its end is of no concern";
    EXPECT_EQ(table.next(), 1520);
    tick(1520);
    ASSERT_EQ(wishes.size(), 1u);
    auto late = tick(3000);
    ASSERT_EQ(late.size(), 1u);
    EXPECT_NE(std::string(late[0].evidence).find("1 failed: it took longer than 1.0 s and was killed"),
              std::string::npos)
        << late[0].evidence;
}

TEST_F(HeartbeatsTest, a_prober_that_is_lost_makes_nobody_late) {
    watch(Source::probe, "timers=main:1000 probe=unix:/run/x interval=900 timeout=900");
    tick(900);
    ASSERT_EQ(wishes.size(), 1u);
    table.prober_lost(950);
    EXPECT_TRUE(tick(1000).empty());
    ASSERT_EQ(wishes.size(), 1u) << "asked anew";
    auto serial = wishes[0].serial;
    table.probed(1, serial - 1, true, "", 1001, reports);
    EXPECT_EQ(table.next(), 2900) << "an answer to what was asked before says nothing";
    table.probed(1, serial, true, "", 1002, reports);
    EXPECT_EQ(table.next(), 1900);
}

// Whoever kills it again and again must not put off the verdict for ever.
TEST_F(HeartbeatsTest, a_prober_that_is_lost_again_and_again_excuses_nobody_in_the_end) {
    for (auto source : {Source::probe, Source::progress}) {
        std::int64_t now = 0;
        bool probed = source == Source::probe;
        watch(source, probed ? "timers=main:1000 probe=unix:/run/x interval=500 timeout=500"
                             : "timers=main:1000");
        std::vector<Report> late;
        for (; now < 30'000 && late.empty(); now += 10) {
            late = tick(now);
            if (!wishes.empty()) table.prober_lost(now);
            wishes.clear();
        }
        ASSERT_EQ(late.size(), 1u);
        EXPECT_LE(now, 6000);
        EXPECT_GE(now, 1000);
        if (source == Source::probe) {
            EXPECT_NE(std::string(late[0].evidence).find("the prober was lost"), std::string::npos)
                << late[0].evidence;
        }
        table.forget(1);
    }
}

// Whoever is asked by a prober that stands still cannot answer.
TEST_F(HeartbeatsTest, a_prober_that_stands_still_makes_nobody_late) {
    watch(Source::probe, "timers=main:900 probe=unix:/run/x interval=300 timeout=900");
    tick(300);
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].limit, 600) << "the answer is there by the deadline";
    EXPECT_TRUE(tick(900).empty());
    EXPECT_TRUE(tick(1899).empty());
    EXPECT_TRUE(tick(1900).empty());
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].kind, Wish::Kind::prober_is_stuck);
    EXPECT_GE(table.next(), 1900);
}

TEST_F(HeartbeatsTest, a_prober_that_does_not_answer_is_told_of) {
    watch(Source::probe, "timers=main:9000 probe=unix:/run/x interval=500 timeout=500");
    tick(500);
    tick(1999);
    EXPECT_TRUE(wishes.empty());
    tick(2000);
    ASSERT_EQ(wishes.size(), 1u);
    EXPECT_EQ(wishes[0].kind, Wish::Kind::prober_is_stuck);
}

TEST_F(HeartbeatsTest, timers_outlive_init) {
    std::vector<SavedWatch> slots(8);
    table.keep_in(slots);
    watch(Source::heartbeat, "timers=main:5000,io:30000 soft=2000 extend=60000");
    beat("io", 1000, 77);
    table.extend(1, 20'000, 1000);
    Supervision after;
    after.keep_in(slots);
    EXPECT_EQ(after.next(), 21'000);
    const char* same = "timers=main:5000,io:30000 soft=2000 extend=60000";
    after.watch(1, spec_of(Source::heartbeat, same), 42, 9000);
    Supervision::TimerView views[kMostTimers];
    ASSERT_EQ(after.timers(1, 9000, views), 2u);
    EXPECT_STREQ(views[1].name, "io");
    EXPECT_EQ(views[0].left, 12'000);
    EXPECT_EQ(views[1].left, 22'000);
    after.watch(1, spec_of(Source::heartbeat, "timers=main:7000,io:30000"), 42, 9000);
    ASSERT_EQ(after.timers(1, 9000, views), 2u);
    EXPECT_EQ(views[0].left, 7000) << "another limit begins anew";
    EXPECT_EQ(views[1].left, 22'000) << "the other one goes on";
    after.forget(1);
    for (const auto& slot : slots) EXPECT_EQ(slot.start, 0u);
}

TEST(WatchSpecTest, reads_what_init_tells) {
    auto spec = spec_of(Source::probe, "timers=main:5000,io:30000 soft=3000 grace=1 extend=600000 "
                                       "probe=http://127.0.0.1/ interval=100 timeout=200 later=1");
    EXPECT_EQ(spec.timer_count, 2u);
    EXPECT_STREQ(spec.timers[1].name, "io");
    EXPECT_EQ(spec.timers[1].limit, 30'000);
    EXPECT_EQ(spec.soft, 3000);
    EXPECT_STREQ(spec.probe, "http://127.0.0.1/");
    EXPECT_EQ(probe_interval(spec), 100);
    EXPECT_EQ(probe_timeout(spec), 200);
    EXPECT_EQ(probe_interval(plain_watch(Source::probe, 900)), 300);
    for (const char* bad : {"", "soft=1", "timers=", "timers=a", "timers=a:", "timers=a:0", "timers=:5",
                            "timers=a:1,", "timers=a:-1", "timers=0123456789abcdef:1", "timers=a:1 soft",
                            "timers=a:9999999999999", "timers=a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1"}) {
        WatchSpec other;
        EXPECT_FALSE(parse_watch(bad, other)) << bad;
    }
}

HttpReply::State reply_to(HttpReply& reply, const std::string& text, std::size_t step) {
    for (std::size_t at = 0; at < text.size(); at += step)
        reply.take(text.data() + at, std::min(step, text.size() - at));
    return reply.state();
}

TEST(HttpReplyTest, only_the_status_counts) {
    for (std::size_t step : {1U, 3U, 1000U}) {
        for (const char* good : {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 204\n", "HTTP/1.1 399 x\r\n",
                                 "HTTP/1.1 301 \r\n"}) {
            HttpReply reply;
            EXPECT_EQ(reply_to(reply, good, step), HttpReply::State::good) << good;
        }
        for (const char* bad : {"HTTP/1.1 500 no\r\n", "HTTP/1.1 404\r\n", "HTTP/1.1 100 Continue\r\n",
                                "HTTP/1.1 2000\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1  200\r\n", "\r\n",
                                "SSH-2.0-x", "HTTP/2 200\r\n", "http/1.1 200 OK\r\n"}) {
            HttpReply reply;
            EXPECT_EQ(reply_to(reply, bad, step), HttpReply::State::bad) << bad;
            EXPECT_STRNE(reply.why(), "");
        }
    }
    HttpReply endless;
    EXPECT_EQ(reply_to(endless, "HTTP/1.1 200 " + std::string(300, 'x'), 7), HttpReply::State::bad);
    HttpReply cut;
    EXPECT_EQ(reply_to(cut, "HTTP/1.1 20", 4), HttpReply::State::more);
    EXPECT_EQ(cut.end(), HttpReply::State::bad);
}

TEST(ProbeTargetTest, numeric_addresses_alone) {
    for (const char* good : {"tcp:127.0.0.1:80", "tcp:[::1]:65535", "unix:/run/x", "http://127.0.0.1/",
                             "http://[::1]:8080/a/b?c=d"}) {
        ProbeTarget target;
        EXPECT_TRUE(parse_target(good, target)) << good;
        EXPECT_GT(target.length, 0u);
    }
    for (const char* bad : {"", "tcp:", "tcp:127.0.0.1", "tcp:localhost:80", "tcp:127.0.0.1:0",
                            "tcp:[::1:80", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:80x",
                            "unix:x", "http://127.0.0.1",
                            "http://127.0.0.1:/", "http://localhost/",
                            "http://127.0.0.1/a\r\nX: y", "ftp:x"}) {
        ProbeTarget target;
        EXPECT_FALSE(parse_target(bad, target)) << bad;
    }
    ProbeTarget target;
    EXPECT_FALSE(parse_target(("unix:/" + std::string(108, 'x')).c_str(), target));
    ASSERT_TRUE(parse_target("http://127.0.0.1:8080/well", target));
    EXPECT_EQ(std::string(target.request).find("GET /well HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"), 0u);
}

TEST(ProgressReaderTest, reads_this_process) {
    Progress before;
    Progress after;
    ASSERT_TRUE(read_progress(getpid(), before));
    EXPECT_GE(before.threads, 1u);
    EXPECT_GE(before.moving, 1u);
    usleep(1000);
    ASSERT_TRUE(read_progress(getpid(), after));
    EXPECT_GT(after.waits, before.waits);
    EXPECT_GT(after.io, before.io) << "to read /proc is to read";
    EXPECT_FALSE(read_progress(0, after));
    EXPECT_EQ(number_behind("nonvoluntary_ctxt_switches:\t9\nvoluntary_ctxt_switches:\t7\n",
                            "voluntary_ctxt_switches:"),
              7u);
}

TEST(TaskProbe, describes_this_process) {
    ProcTaskProbe probe;
    char text[160];
    probe.describe(getpid(), text, sizeof text);
    EXPECT_EQ(std::string(text).find(std::to_string(getpid()) + " "), 0u) << text;
    probe.describe(0, text, sizeof text);
    EXPECT_STREQ(text, "");
    auto begin = stat_begin("12 (a) b\t(c) D 1");
    EXPECT_STREQ(begin.name, "a)?b?(c");
    EXPECT_EQ(begin.state, 'D');
}

} // namespace
} // namespace leash_watchdog
