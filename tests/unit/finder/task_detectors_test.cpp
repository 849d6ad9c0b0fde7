// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "finder/task_detectors.h"
#include "looks.h"

namespace leash::finder {
namespace {

struct TaskDetectors : ::testing::Test, Stage {
    void on(std::string key, std::string value = "3000", std::int32_t main_pid = 10) {
        subjects = {subject_of(1, std::move(key), std::move(value), main_pid)};
    }
};

TEST_F(TaskDetectors, StuckIsTheSameSleepForTheWholeTime) {
    on("stuck");
    Stuck stuck;
    threads.rows = {task_row(10, 10, 'D'), task_row(11, 10)};
    threads.rows[0].task.sys_nr = 0;
    EXPECT_TRUE(looks(stuck, 3).empty());
    auto found = look(stuck);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence,
              "thread 10 (t10) has been in an uninterruptible sleep for 3 s in read");
    EXPECT_EQ(found[0].tids, std::vector<std::int32_t>{10});
    // Many short ones are a slow disk, and no end of it.
    for (int i = 0; i < 20; ++i) {
        ++threads.rows[0].task.nvcsw;
        EXPECT_TRUE(look(stuck).empty());
    }
    EXPECT_EQ(looks(stuck, 4).size(), 1u);
    threads.rows[0].task.start_ns += 1; // another thread with its number
    EXPECT_TRUE(look(stuck).empty());
    threads.rows[0].task.state = 'S';
    EXPECT_TRUE(looks(stuck, 10).empty());
}

TEST_F(TaskDetectors, StuckSaysHowMany) {
    on("stuck");
    Stuck stuck;
    threads.rows = {task_row(10, 10, 'D'), task_row(11, 10, 'D'), task_row(12, 12, 'D', 2)};
    auto found = looks(stuck, 5);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].tids.size(), 2u);
    EXPECT_TRUE(found[0].evidence.ends_with("; 2 threads are"));
}

TEST_F(TaskDetectors, Stopped) {
    struct Row {
        const char* name;
        std::string states; // of 10 (the main process), 11, 12
        std::size_t found;
        const char* evidence;
    };
    const Row rows[] = {
        {"main alone", "T", 1, "the main process 10 (t10) has been stopped by a signal for 3 s"},
        {"traced", "t", 1, "the main process 10 (t10) has been stopped by the one that "
                           "traces it for 3 s"},
        {"busy child", "TR", 1,
         "the main process 10 (t10) has been stopped by a signal for 3 s; 1 other process "
         "of the service "
         "goes on"},
        {"busy children", "TRS", 1,
         "the main process 10 (t10) has been stopped by a signal for 3 s; 2 other processes "
         "of the service "
         "go on"},
        {"a shell's job", "ST", 0, ""},
        {"dead main, the rest stopped", "ZTT", 1, "all 2 processes have been stopped for 3 s"},
        {"dead main, one goes on", "ZTS", 0, ""},
        {"well", "SS", 0, ""},
    };
    for (const auto& row : rows) {
        on("stopped");
        Stopped stopped;
        processes.rows.clear();
        for (std::size_t i = 0; i < row.states.size(); ++i) {
            processes.rows.push_back(task_row(10 + int(i), 10 + int(i), row.states[i]));
            if (row.states[i] == 'Z') processes.rows.back().task.flags = LEASH_TASK_DEAD;
        }
        EXPECT_TRUE(looks(stopped, 3).empty()) << row.name;
        auto found = look(stopped);
        ASSERT_EQ(found.size(), row.found) << row.name;
        if (row.found == 0) continue;
        EXPECT_EQ(found[0].evidence, row.evidence) << row.name;
    }
}

TEST_F(TaskDetectors, StoppedThreadsOfADeadMainThread) {
    on("stopped");
    Stopped stopped;
    processes.rows = {task_row(10, 10, 'Z')};
    processes.rows[0].task.flags = LEASH_TASK_LEADERLESS;
    threads.rows = {task_row(10, 10, 'Z'), task_row(11, 10, 'T'), task_row(12, 10, 'T')};
    EXPECT_EQ(looks(stopped, 4).size(), 1u);
    threads.rows[2].task.state = 'S';
    EXPECT_TRUE(looks(stopped, 8).empty());
}

TEST_F(TaskDetectors, NoTask) {
    on("no-task");
    std::int32_t alive = 0;
    NoTask no_task([&](std::int32_t pid) { return pid == alive; });
    processes.rows = {task_row(10, 10)};
    EXPECT_TRUE(looks(no_task, 8).empty());
    processes.rows[0].task.state = 'Z';
    processes.rows[0].task.flags = LEASH_TASK_LEADERLESS;
    EXPECT_TRUE(looks(no_task, 8).empty()) << "its main thread alone is dead";
    processes.rows[0].task.flags = LEASH_TASK_DEAD;
    EXPECT_TRUE(looks(no_task, 3).empty());
    auto found = look(no_task);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence, "no task of the service lives, for 3 s: 1 zombie, the first 10");
    processes.rows = {task_row(10, 10, 'S', 0)}; // the main process, not attributed
    EXPECT_TRUE(looks(no_task, 8).empty());
    processes.rows = {task_row(99, 99, 'S', 7)};
    found = looks(no_task, 4);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence, "no task of the service is left, for 3 s");
    alive = 10; // in no row, but it is there
    EXPECT_TRUE(looks(no_task, 8).empty());
    alive = 0;
    subjects[0].main_pid = 0; // nothing is thought to run
    EXPECT_TRUE(looks(no_task, 8).empty());
}

TEST_F(TaskDetectors, StrayIsOutsideForThreeLooks) {
    on("strays", "report");
    subjects[0].cgroup = 100;
    Stray stray([](std::uint64_t group, std::uint64_t root) -> std::optional<bool> {
        if (group == 666) return std::nullopt;
        return root == 100 && (group == 100 || group == 101);
    });
    for (auto [group, found] : {std::pair{100, 0}, {101, 0}, {666, 0}, {0, 0}, {50, 1}}) {
        processes.rows = {task_row(10, 10), task_row(11, 11)};
        processes.rows[0].task.cgroup = 100;
        processes.rows[1].task.cgroup = static_cast<std::uint64_t>(group);
        EXPECT_TRUE(looks(stray, 2).empty()) << group;
        EXPECT_EQ(look(stray).size(), static_cast<std::size_t>(found)) << group;
    }
    auto found = look(stray);
    EXPECT_EQ(found[0].evidence, "process 11 (t11) has left the service's cgroup, for 3 s");
    subjects[0].settings.clear();
    EXPECT_TRUE(looks(stray, 5).empty());
}

struct Spinning : TaskDetectors {
    Livelock livelock;
    Spinning() {
        on("livelock", "5000");
        threads.rows = {task_row(10, 10, 'R')};
    }
    std::vector<Finding> spin(int count, void (*change)(leash_task&) = nullptr, double share = 1) {
        std::vector<Finding> found;
        for (int i = 0; i < count; ++i) {
            auto& task = threads.rows[0].task;
            task.runtime_ns += static_cast<std::uint64_t>(share * kSec);
            task.utime_ns += static_cast<std::uint64_t>(share * kSec);
            task.wait_ns += static_cast<std::uint64_t>((1 - share) * kSec);
            ++task.nivcsw;
            if (change != nullptr) change(task);
            found = look(livelock);
        }
        return found;
    }
};

TEST_F(Spinning, IsFound) {
    EXPECT_TRUE(spin(5).empty());
    auto found = spin(1);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence, "thread 10 (t10) has been running without a system call, a "
                                 "wait or any input "
                                 "or output for 5 s, 5 s of it on a CPU");
}

TEST_F(Spinning, IsFoundWhereItsSystemCallIsNotKnown) {
    threads.rows[0].task.facts &= ~LEASH_FACT_SYSCALL;
    threads.rows[0].task.sys_nr = 0;
    EXPECT_EQ(spin(6).size(), 1u);
}

TEST_F(Spinning, IsFoundOnAFullMachine) { EXPECT_EQ(spin(7, nullptr, 0.3).size(), 1u); }

TEST_F(Spinning, WhateverIsProgress) {
    for (auto change : {+[](leash_task& t) { ++t.nvcsw; }, +[](leash_task& t) { ++t.min_flt; },
                        +[](leash_task& t) { t.write_bytes += 512; },
                        +[](leash_task& t) { t.read_bytes += 512; }, +[](leash_task& t) {
                            t.sys_nr = 1; },
                        +[](leash_task& t) { t.state = 'S'; },
                        +[](leash_task& t) { t.stime_ns += kSec / 2; }}) {
        threads.rows = {task_row(10, 10, 'R')};
        EXPECT_TRUE(spin(30, change).empty());
    }
}

TEST_F(Spinning, OneLookAtAMachineThatStoodStillIsForgiven) {
    spin(4);
    look(livelock); // nobody has run
    EXPECT_EQ(spin(5).size(), 1u);
    looks(livelock, 3);
    EXPECT_TRUE(spin(2).empty());
}

TEST(Settings, Times) {
    EXPECT_EQ(time_setting(subject_of(1, "stuck", "1500"), "stuck"), 1'500'000'000u);
    for (const char* text : {"", "0", "-1", "5s", " 5"})
        EXPECT_FALSE(time_setting(subject_of(1, "stuck", text), "stuck")) << text;
    EXPECT_FALSE(time_setting(subject_of(1, "stuck", "5"), "livelock"));
    const std::pair<std::uint64_t, const char*> texts[] = {
        {850 * kMs, "850 ms"}, {12 * kSec, "12 s"}, {200 * kSec, "3 min 20 s"}, {18600 *
            kSec, "5 h 10 min"}};
    for (const auto& [ns, text] : texts) EXPECT_EQ(duration_text(ns), text);
}

} // namespace
} // namespace leash::finder
