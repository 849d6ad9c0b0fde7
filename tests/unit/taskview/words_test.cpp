// SPDX-License-Identifier: MIT
// Figures, names and sentences.
#include <cerrno>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rows.h"
#include "taskview/describer.h"
#include "taskview/figures.h"
#include "taskview/names.h"
#include "taskview/reports.h"
#include "taskview/task_source.h"

using namespace leash;
using namespace leash::taskview;

TEST(Figures, Bytes) {
    struct {
        std::uint64_t bytes;
        const char* text;
    } table[] = {
        {0, "0"},           {999, "999"},         {1000, "1.0K"},       {1024, "1.0K"},
        {1536, "1.5K"},     {10188, "9.9K"},      {10190, "10K"},       {1023487, "999K"},
        {1023500, "1.0M"},  {20 << 20, "20M"},    {1ULL << 40, "1.0T"}, {~0ULL, "16E"},
    };
    for (const auto& row : table) EXPECT_EQ(bytes_figure(row.bytes), row.text) << row.bytes;
}

TEST(Figures, Times) {
    EXPECT_EQ(cpu_figure(0), "0:00.00");
    EXPECT_EQ(cpu_figure(9'999'999), "0:00.00");
    EXPECT_EQ(cpu_figure(61'230 * kMs), "1:01.23");
    EXPECT_EQ(cpu_figure(5'999'990 * kMs), "99:59.99");
    EXPECT_EQ(cpu_figure(6000 * kSec), "1h40:00");
    EXPECT_EQ(elapsed_figure(59 * kSec), "00:59");
    EXPECT_EQ(elapsed_figure(3600 * kSec), "01:00:00");
    EXPECT_EQ(elapsed_figure((2 * 86400 + 3 * 3600 + 4 * 60 + 5) * kSec), "2-03:04:05");
}

TEST(Names, SystemCalls) {
    EXPECT_EQ(system_call_name(SYS_read), "read");
    EXPECT_EQ(system_call_name(SYS_clone3), "clone3");
    EXPECT_EQ(system_call_name(SYS_exit_group), "exit_group");
    EXPECT_EQ(system_call_name(-1), "");
    EXPECT_EQ(system_call_name(1'000'000), "");
}

TEST(Names, SchedulingPolicies) {
    EXPECT_EQ(scheduling_policy_name(0), "other");
    EXPECT_EQ(scheduling_policy_name(6), "deadline");
    EXPECT_EQ(scheduling_policy_name(4), "");
    EXPECT_EQ(scheduling_policy_name(200), "");
}

TEST(Names, Terminals) {
    struct {
        unsigned major, minor;
        const char* name;
    } table[] = {
        {4, 1, "tty1"},      {4, 64, "ttyS0"},   {4, 65, "ttyS1"},  {5, 1, "console"},
        {136, 0, "pts/0"},   {136, 255, "pts/255"}, {137, 1, "pts/257"}, {204, 64, "ttyAMA0"},
        {204, 5, "204:5"},   {229, 0, "hvc0"},   {188, 3, "ttyUSB3"}, {250, 300, "250:300"},
    };
    for (const auto& row : table) {
        // As the kernel's new_encode_dev() has it.
        auto number = (row.minor & 0xFF) | (row.major << 8) | ((row.minor & ~0xFFu) << 12);
        EXPECT_EQ(tty_name(number), row.name);
    }
    EXPECT_EQ(tty_name(0), "");
}

TEST(Refusals, SayWhatToDo) {
    struct {
        int code, status;
        const char* remedy;
    } table[] = {
        {ENOENT, 5, "modprobe leash"}, {ENXIO, 5, "modprobe leash"}, {ENODEV, 5, "modprobe leash"},
        {EACCES, 6, "CAP_SYS_PTRACE"}, {EPERM, 6, "CAP_SYS_PTRACE"}, {EPROTO, 1, "/dev/leash"},
    };
    for (const auto& row : table) {
        auto refusal = refusal_of(Error{"/dev/leash: why", row.code});
        EXPECT_EQ(refusal.status, row.status) << row.code;
        EXPECT_TRUE(refusal.text.starts_with("/dev/leash: why")) << refusal.text;
        EXPECT_NE(refusal.text.find(row.remedy), std::string::npos) << refusal.text;
    }
}

TEST(Descriptions, Commands) {
    using namespace std::string_literals;
    auto task = make_row(7).task;
    EXPECT_EQ(command_text("httpd\0-f\0\0"s, task), "httpd -f");
    EXPECT_EQ(command_text("", task), "[p7]");
    EXPECT_EQ(command_text("\0\0"s, task), "[p7]");
}

TEST(Descriptions, OfThisVeryProcess) {
    Describer describer;
    Row row = make_row(::getpid());
    row.task.uid = 0;
    describer.describe(row, extra::command | extra::exe | extra::user);
    EXPECT_NE(row.command.find("unit_taskview"), std::string::npos) << row.command;
    EXPECT_TRUE(row.exe.ends_with("/unit_taskview")) << row.exe;
    EXPECT_EQ(row.user, "root");
    EXPECT_EQ(row.cgroup_path, "");

    // A zombie's number may be read without harm, but tells nothing; nor does a kernel thread's.
    for (auto flag : {LEASH_TASK_DEAD, LEASH_TASK_KERNEL}) {
        Row dead = make_row(::getpid());
        dead.task.flags = flag;
        describer.describe(dead, extra::command | extra::exe);
        EXPECT_EQ(dead.command, "[p" + std::to_string(::getpid()) + "]");
        EXPECT_EQ(dead.exe, "");
    }
}

TEST(Reports, Starts) {
    auto start = make_start(0x50000abcd, "httpd");
    start.live = 2;
    start.processes = 3;
    start.forks = 10;
    start.execs = 4;
    start.exits = 7;
    start.aborts = 1;
    start.runtime_ns = 1'500 * kMs;
    start.cgroup = 42;
    start.flags = LEASH_START_DYING | (1U << 30);
    std::vector<leash_start_info> starts{start, make_start(1, "a")};
    EXPECT_EQ(start_table(starts, {}),
              "START             SERVICE  LIVE  PROCESSES  FORKS  EXECS  EXITS  ABORTS     TIME  "
              "FLAGS\n"
              "000000050000abcd  httpd       2          3     10      4      7       1  0:01.50  "
              "dying,0x40000000\n"
              "0000000000000001  a           0          0      0      0      0       0  0:00.00  "
              "-\n");
    EXPECT_EQ(start_json(start),
              R"({"start_id":"000000050000abcd","service":"httpd","live":2,"processes":3,"forks":10,)"
              R"("execs":4,"exits":7,"aborts":1,"runtime_ns":1500000000,"cgroup":42,)"
              R"("flags":["dying","0x40000000"]})");
}

TEST(Reports, Stats) {
    leash_version version{};
    version.abi = 1;
    version.features = LEASH_FEATURE_LINEAGE | LEASH_FEATURE_KILL;
    version.facts = LEASH_FACT_CPU;
    leash_stats stats{};
    stats.state = LEASH_STATE_INCOMPLETE;
    stats.starts = 3;
    stats.snapshots = 17;
    auto text = stats_json(version, stats);
    EXPECT_TRUE(text.starts_with(R"({"abi":1,"features":["lineage","kill"],"facts":["cpu"],)"
                                 R"("state":["incomplete"],"starts":3,)")) << text;
    EXPECT_TRUE(text.ends_with(R"("snapshots":17})")) << text;
    auto table = stats_table(version, stats);
    EXPECT_NE(table.find("features         lineage,kill\n"), std::string::npos) << table;
    EXPECT_NE(table.find("starts           3             known now\n"), std::string::npos) << table;
}
