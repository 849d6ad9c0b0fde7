// SPDX-License-Identifier: MIT
#include "watchdog/heartbeats/supervision.h"
#include "watchdog/heartbeats/task_probe.h"

#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_watchdog {
namespace {

struct FakeProbe final : TaskProbe {
    TaskCount tasks{1, 1};
    int looks = 0;
    TaskCount look(std::int32_t) override {
        ++looks;
        return tasks;
    }
};

struct SupervisionTest : testing::Test {
    Supervision table;
    FakeProbe probe;
    std::vector<Wish> wishes;

    static void watch(Supervision& table, std::uint64_t start, std::int64_t limit, Source source,
                      std::int32_t main_pid, std::int64_t now) {
        table.watch(start, plain_watch(source, limit), main_pid, now);
    }
    std::vector<Report> tick(std::int64_t now) {
        std::vector<Report> reports;
        table.tick(now, probe, reports, wishes);
        return reports;
    }
    std::vector<Report> beat(std::uint64_t start, std::int64_t now) {
        std::vector<Report> reports;
        table.heartbeat(start, "", 0, now, reports);
        return reports;
    }
};

TEST_F(SupervisionTest, a_missed_heartbeat_is_reported_once) {
    EXPECT_EQ(table.next(), kNever);
    watch(table, 1, 10'000, Source::heartbeat, 42, 1000);
    EXPECT_EQ(table.next(), 11'000);
    EXPECT_TRUE(tick(10'999).empty());
    auto reports = tick(11'000);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].start, 1u);
    EXPECT_FALSE(reports[0].over);
    EXPECT_STREQ(reports[0].evidence, "no heartbeat for 10.0 s (limit 10.0 s)");
    EXPECT_EQ(table.next(), kNever);
    EXPECT_EQ(table.silent(), 1u);
    EXPECT_TRUE(tick(99'000).empty());
}

TEST_F(SupervisionTest, each_heartbeat_moves_the_deadline) {
    watch(table, 1, 10'000, Source::heartbeat, 42, 0);
    EXPECT_TRUE(beat(1, 9000).empty());
    EXPECT_TRUE(tick(18'999).empty());
    EXPECT_EQ(tick(19'000).size(), 1u);
}

TEST_F(SupervisionTest, it_is_over_when_it_beats_again) {
    watch(table, 1, 1000, Source::heartbeat, 42, 0);
    ASSERT_EQ(tick(1000).size(), 1u);
    auto reports = beat(1, 5000);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_TRUE(reports[0].over);
    EXPECT_EQ(table.next(), 6000);
    EXPECT_EQ(tick(6000).size(), 1u) << "and may be missed again";
}

TEST_F(SupervisionTest, who_has_ended_owes_nothing) {
    watch(table, 1, 1000, Source::heartbeat, 42, 0);
    table.forget(1);
    EXPECT_TRUE(tick(5000).empty());
    EXPECT_TRUE(beat(1, 6000).empty());
    EXPECT_TRUE(beat(99, 6000).empty()) << "never heard of";
    EXPECT_EQ(table.size(), 0u);
}

TEST_F(SupervisionTest, told_again_keeps_the_deadline_unless_the_time_changes) {
    watch(table, 1, 10'000, Source::heartbeat, 42, 0);
    watch(table, 1, 10'000, Source::heartbeat, 42, 8000); // reloading and back
    EXPECT_EQ(table.next(), 10'000);
    watch(table, 1, 20'000, Source::heartbeat, 42, 8000);
    EXPECT_EQ(table.next(), 28'000);
}

TEST_F(SupervisionTest, the_earliest_of_many_is_next) {
    watch(table, 1, 10'000, Source::heartbeat, 0, 0);
    watch(table, 2, 3000, Source::heartbeat, 0, 0);
    watch(table, 3, 5000, Source::heartbeat, 0, 0);
    EXPECT_EQ(table.next(), 3000);
    EXPECT_EQ(tick(3000).size(), 1u);
    EXPECT_EQ(tick(5000).size(), 1u);
    EXPECT_EQ(table.next(), 10'000);
}

TEST_F(SupervisionTest, a_trigger_is_reported_at_once) {
    std::vector<Report> reports;
    watch(table, 1, 10'000, Source::heartbeat, 42, 0);
    table.trigger(1, reports);
    table.trigger(1, reports); // still the same trouble
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_STREQ(reports[0].evidence, "it said so itself (WATCHDOG=trigger)");
    EXPECT_EQ(beat(1, 2000).size(), 1u) << "over";
    reports.clear();
    table.trigger(77, reports);
    EXPECT_EQ(reports.size(), 1u) << "not watched, but it may ask for help";
}

TEST_F(SupervisionTest, a_stall_of_the_loop_moves_everything) {
    watch(table, 1, 3000, Source::heartbeat, 42, 0);
    watch(table, 2, 3000, Source::tasks, 43, 0);
    table.shift(60'000);
    EXPECT_EQ(table.next(), 61'500);
    probe.tasks = {1, 0};
    EXPECT_TRUE(tick(62'999).empty());
    auto reports = tick(63'040);
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_STREQ(reports[0].evidence, "no heartbeat for 3.0 s (limit 3.0 s)");
}

TEST_F(SupervisionTest, ask_again_takes_the_report_back) {
    watch(table, 1, 1000, Source::heartbeat, 42, 0);
    ASSERT_EQ(tick(1000).size(), 1u);
    table.ask_again(1, 0, 1000);
    EXPECT_EQ(table.silent(), 0u);
    EXPECT_TRUE(beat(1, 1001).empty()) << "nothing was reported, so nothing is over";
    EXPECT_EQ(table.next(), 2001);
}

TEST_F(SupervisionTest, stopped_tasks_are_trouble_after_the_limit) {
    watch(table, 1, 10'000, Source::tasks, 42, 0);
    EXPECT_EQ(table.next(), 5000);
    EXPECT_TRUE(tick(5000).empty());
    probe.tasks = {3, 0};
    EXPECT_TRUE(tick(10'000).empty());
    EXPECT_TRUE(tick(15'000).empty()) << "10 s are allowed";
    EXPECT_EQ(table.next(), 15'001) << "not half a time later";
    auto reports = tick(15'001);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_STREQ(reports[0].evidence, "all 3 threads stopped or dead for 10.0 s (limit 10.0 s)");
    EXPECT_TRUE(tick(30'000).empty());
    probe.tasks = {3, 1};
    reports = tick(40'000);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_TRUE(reports[0].over);
}

TEST_F(SupervisionTest, tasks_that_cannot_be_seen_are_not_judged) {
    watch(table, 1, 1000, Source::tasks, 42, 0);
    probe.tasks = {0, 0};
    for (std::int64_t now = 500; now < 10'000; now += 500)
        EXPECT_TRUE(tick(now).empty());
}

TEST_F(SupervisionTest, heartbeats_do_not_count_where_tasks_are_watched) {
    watch(table, 1, 1000, Source::tasks, 42, 0);
    probe.tasks = {1, 0};
    EXPECT_TRUE(beat(1, 900).empty());
    EXPECT_EQ(tick(1001).size(), 1u);
}

TEST(TaskProbe, state_behind_a_name_with_brackets) {
    EXPECT_EQ(state_letter("12 (sh) S 1 12"), 'S');
    EXPECT_EQ(state_letter("12 (a) R (b) T 1"), 'T');
    EXPECT_EQ(state_letter("12 sh"), 0);
    EXPECT_EQ(state_letter("12 (sh)"), 0);
}

TEST_F(SupervisionTest, goes_on_with_the_deadlines_of_an_earlier_life) {
    std::vector<SavedWatch> slots(4);
    table.keep_in(slots);
    watch(table, 1, 10'000, Source::heartbeat, 42, 0);
    watch(table, 2, 10'000, Source::heartbeat, 43, 0);
    watch(table, 3, 10'000, Source::heartbeat, 44, 0);
    beat(2, 5'000);
    table.forget(3);

    Supervision after;
    after.keep_in(slots);
    EXPECT_EQ(after.size(), 2u);
    EXPECT_EQ(after.next(), 10'000);
    after.shift(1'000);
    watch(after, 1, 10'000, Source::heartbeat, 42, 9'000); // as init says it again
    std::vector<Report> reports;
    after.tick(10'999, probe, reports, wishes);
    EXPECT_TRUE(reports.empty());
    after.tick(11'000, probe, reports, wishes);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].start, 1u);

    Supervision third; // a silence that was told is not told again
    third.keep_in(slots);
    reports.clear();
    third.tick(12'000, probe, reports, wishes);
    EXPECT_TRUE(reports.empty());
    EXPECT_EQ(third.silent(), 1u);
    EXPECT_EQ(third.next(), 16'000);
}

TEST_F(SupervisionTest, leaves_out_what_a_crash_left_half_written) {
    std::vector<SavedWatch> slots(2);
    table.keep_in(slots);
    for (std::uint64_t start = 1; start <= 3; ++start) // one more than there is room for
        watch(table, start, 10'000, Source::heartbeat, 42, 0);
    EXPECT_EQ(table.size(), 3u);
    slots[0].due += 1;
    Supervision after;
    after.keep_in(slots);
    EXPECT_EQ(after.size(), 1u);
}

TEST(TaskProbe, looks_at_real_processes) {
    ProcTaskProbe probe;
    EXPECT_GE(probe.look(getpid()).alive, 1u);
    EXPECT_EQ(probe.look(0).threads, 0u);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
    EXPECT_EQ(probe.look(child).threads, 1u);
    EXPECT_EQ(probe.look(child).alive, 0u);
    kill(child, SIGKILL);
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    EXPECT_EQ(probe.look(child).threads, 1u) << "a zombie";
    EXPECT_EQ(probe.look(child).alive, 0u);
    waitpid(child, &status, 0);
    EXPECT_EQ(probe.look(child).threads, 0u) << "gone";
}

} // namespace
} // namespace leash_watchdog
