// SPDX-License-Identifier: MIT
#include "taskview/usage.h"

#include <gtest/gtest.h>

#include "rows.h"

using namespace leash::taskview;

namespace {

Row used(int pid, std::uint64_t runtime_ns, std::uint64_t start_ns = 1) {
    auto row = make_row(pid);
    row.task.runtime_ns = runtime_ns;
    row.task.start_ns = start_ns;
    return row;
}

} // namespace

TEST(Usage, CpuShares) {
    EXPECT_DOUBLE_EQ(cpu_share(0, 500, 1000), 50);
    EXPECT_DOUBLE_EQ(cpu_share(1000, 3000, 1000), 200); // two CPUs
    EXPECT_DOUBLE_EQ(cpu_share(7, 3, 1000), 0);
    EXPECT_DOUBLE_EQ(cpu_share(0, 500, 0), 0);
}

TEST(Usage, SharesOfTasks) {
    Sample before, now;
    before.time_ns = 10 * kSec;
    now.time_ns = 12 * kSec;
    before.rows = {used(1, 5 * kSec), used(2, 9 * kSec), used(4, 0)};
    now.rows = {used(1, 6 * kSec), used(2, 100 * kMs, 11 * kSec), used(3, 200 * kMs, 11 * kSec)};
    set_cpu_shares(before, now);
    EXPECT_DOUBLE_EQ(now.rows[0].cpu.value(), 50);
    EXPECT_DOUBLE_EQ(now.rows[1].cpu.value(), 5); // another process with the same number
    EXPECT_DOUBLE_EQ(now.rows[2].cpu.value(), 10);

    Sample same = before;
    set_cpu_shares(before, same);
    EXPECT_FALSE(same.rows[0].cpu);
}

TEST(Usage, OfServices) {
    Sample before, now;
    before.time_ns = 0;
    now.time_ns = kSec;
    // Two starts of one service; a crash loop that no sample ever sees alive; nobody's; the kernel.
    before.starts = {make_start(1, "web"), make_start(2, "web"), make_start(3, "loop")};
    now.starts = before.starts;
    before.starts[2].runtime_ns = 4 * kSec;
    now.starts[2].runtime_ns = 4 * kSec + 300 * kMs;
    now.starts[0].runtime_ns = 150 * kMs; // of process 12, which has ended

    auto web = make_row(10, "web", 1);
    web.task.threads = 4;
    web.task.anon = 1000;
    web.task.shmem = 24;
    web.task.fds = 5;
    auto other = make_row(11, "web", 2);
    other.task.file = 76;
    other.task.fds = 2;
    auto ended = make_row(12, "web", 1);
    ended.task.runtime_ns = 100 * kMs;
    auto kernel = make_row(2);
    kernel.task.flags = LEASH_TASK_KERNEL;
    before.rows = {kernel, web, other, ended, make_row(1)};
    now.rows = before.rows;
    now.rows[0].task.runtime_ns = 20 * kMs;
    now.rows[1].task.runtime_ns = 200 * kMs;
    now.rows[3].task.runtime_ns = 150 * kMs; // its zombie is counted with the start already
    now.rows[3].task.flags = LEASH_TASK_DEAD;
    now.rows[4].task.runtime_ns = 10 * kMs;

    auto all = usage_of(before, now);
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].service, "loop");
    EXPECT_EQ(all[0].processes, 0u);
    EXPECT_NEAR(all[0].cpu, 30, 1e-9);
    EXPECT_EQ(all[1].service, "web");
    EXPECT_EQ(all[1].tasks, 6u);
    EXPECT_EQ(all[1].processes, 3u);
    EXPECT_EQ(all[1].rss, 1100u);
    EXPECT_EQ(all[1].shmem, 24u);
    EXPECT_EQ(all[1].fds, 7u);
    EXPECT_NEAR(all[1].cpu, 20 + 5, 1e-9);
    EXPECT_EQ(all[2].kind, Usage::Kind::nobody);
    EXPECT_NEAR(all[2].cpu, 1, 1e-9);
    EXPECT_EQ(all[3].kind, Usage::Kind::kernel);
    EXPECT_NEAR(all[3].cpu, 2, 1e-9);
}

TEST(Usage, AStartThatUsesNothingAndHasNoTaskHasNoLine) {
    Sample sample;
    sample.starts = {make_start(1, "gone")};
    sample.starts[0].runtime_ns = kSec;
    Sample later = sample;
    later.time_ns = kSec;
    EXPECT_TRUE(usage_of(sample, later).empty());
    later.starts.clear(); // forgotten: its CPU time is not to count backwards
    EXPECT_TRUE(usage_of(sample, later).empty());
}
