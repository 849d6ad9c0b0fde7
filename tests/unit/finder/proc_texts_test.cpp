// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "finder/proc_threads.h"
#include "finder/reader.h"
#include "finder/reader_answers.h"

#include <csignal>
#include <sys/syscall.h>
#include <unistd.h>

namespace leash::finder {
namespace {

TEST(ProcTexts, Stat) {
    leash_task task{};
    ASSERT_TRUE(read_stat("42 (a) (b) S 1 2 3 0 -1 4194304 77 0 8 0 250 50 0 0 20 0 3 0 1234 999 9", 100,
                          task));
    EXPECT_EQ(task.tid, 42);
    EXPECT_STREQ(task.comm, "a) (b");
    EXPECT_EQ(task.state, 'S');
    EXPECT_EQ(task.ppid, 1);
    EXPECT_EQ(task.min_flt, 77u);
    EXPECT_EQ(task.maj_flt, 8u);
    EXPECT_EQ(task.utime_ns, 2'500'000'000u);
    EXPECT_EQ(task.stime_ns, 500'000'000u);
    EXPECT_EQ(task.start_ns, 12'340'000'000u);
    for (const char* text : {"", "42", "42 (a", "42 (a) ", "x (a) S 1 2", "42 (a) S 1 2 3", ")42("})
        EXPECT_FALSE(read_stat(text, 100, task)) << text;
}

TEST(ProcTexts, Syscall) {
    leash_task task{};
    ASSERT_TRUE(read_syscall("202 0x7f00 0x80 0x2 0x0 0x0 0xffffffffffffffff 0x7ffc 0x7f\n", task));
    EXPECT_EQ(task.sys_nr, 202);
    EXPECT_EQ(task.sys_arg[0], 0x7F00u);
    EXPECT_EQ(task.sys_arg[2], 2u);
    EXPECT_EQ(task.sys_arg[5], ~std::uint64_t{0});
    EXPECT_EQ(task.facts, LEASH_FACT_SYSCALL);
    for (const char* text : {"running\n", "-1 0x7ffc 0x7f\n"}) {
        ASSERT_TRUE(read_syscall(text, task)) << text;
        EXPECT_EQ(task.sys_nr, -1) << text;
    }
    for (const char* text : {"", "x", "202", "202 0x1 0x2", "202 1 2 3 4 5 z"})
        EXPECT_FALSE(read_syscall(text, task)) << text;
}

TEST(ProcTexts, SwitchesAndSchedstat) {
    leash_task task{};
    ASSERT_TRUE(read_switches("Name:\tx\nvoluntary_ctxt_switches:\t150\n"
                              "nonvoluntary_ctxt_switches:\t7\n", task));
    EXPECT_EQ(task.nvcsw, 150u);
    EXPECT_EQ(task.nivcsw, 7u);
    EXPECT_FALSE(read_switches("Name:\tx\n", task));
    ASSERT_TRUE(read_schedstat("123 45 6\n", task));
    EXPECT_EQ(task.runtime_ns, 123u);
    EXPECT_EQ(task.wait_ns, 45u);
    EXPECT_FALSE(read_schedstat("0", task));
}

TEST(ProcTexts, OwnThreads) {
    leash_task process{};
    process.tgid = ::getpid();
    process.start = 9;
    std::vector<taskview::Row> rows;
    add_threads(process, 1, rows);
    ASSERT_FALSE(rows.empty());
    EXPECT_EQ(rows[0].task.tid, ::getpid());
    EXPECT_EQ(rows[0].task.start, 9u);
    EXPECT_EQ(rows[0].task.state, 'R');
    process.tgid = -5;
    add_threads(process, 1, rows);
    EXPECT_EQ(rows.size(), 1u);
}

TEST(ProcTexts, Places) {
    const std::string maps = "00400000-00401000 r--p 00000000 08:01 11                      "
                             "/usr/bin/my app\n"
                             "00401000-00405000 r-xp 00001000 08:01 11                      "
                             "/usr/bin/my app\n"
                             "00405000-00407000 rw-p 00005000 08:01 11                      "
                             "/usr/bin/my app\n"
                             "00407000-00409000 rw-p 00000000 00:00 0 \n"
                             "01000000-01021000 rw-p 00000000 00:00 0                       [heap]\n"
                             "7f0000000000-7f0000010000 rw-p 00000000 00:00 0 \n"
                             "7f1000000000-7f1000001000 rw-s 00000000 00:1 5                "
                             "/dev/shm/x\n";
    const std::pair<std::uint64_t, const char*> rows[] = {
        {0x400010, "my app+0x10"}, {0x406008, "my app+0x6008"}, {0x408000, "my app+0x8000"},
        {0x1000040, "[heap]+0x40"}, {0x7f0000000100, "[anon]+0x100"},
        {0x7f1000000028, "/dev/shm/x+0x28"}, {0x10, ""}, {0x409000, ""}, {0x7fffffffffff, ""}};
    for (const auto& [address, place] : rows) EXPECT_EQ(place_in_maps(maps, address), place) << address;
    EXPECT_EQ(place_in_maps("garbage\n", 1), "");
}

TEST(ProcTexts, KernelStack) {
    EXPECT_EQ(innermost("[<0>] kernel_clone+0x3c0/0x410\n[<0>] __do_sys_vfork+0x3e/0x60\n"
                        "[<0>] do_syscall_64+0x59/0xb0\n[<0>] "
                        "entry_SYSCALL_64_after_hwframe+0x6e/0xd8\n"),
              "kernel_clone < __do_sys_vfork");
    EXPECT_EQ(innermost("[<0>] 0xffffffff81000000\n"), "");
    EXPECT_EQ(innermost(""), "");
}

TEST(RealReader, ReadsUpToWhatIsMissingAndKnowsWhoIsThere) {
    auto reader = make_reader();
    static const char text[] = "a word";
    Piece pieces[] = {{::getpid(), reinterpret_cast<std::uint64_t>(text), 6}, {::getpid(), 8, 6},
                      {-1, 8, 6}};
    EXPECT_EQ(reader->read(pieces), (std::vector<std::string>{"a word", "", ""}));
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), ::getpid());
    EXPECT_EQ(reader->thread_here(::getpid(), 0x3FFFFFF), 0);
    EXPECT_EQ(reader->same_memory(::getpid(), ::getpid()).value_or(true), true);
    EXPECT_NE(reader->place(::getpid(), reinterpret_cast<std::uint64_t>(text)), "");
}

int newest_child() {
    auto path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
    std::FILE* file = std::fopen(path.c_str(), "re");
    int child = 0;
    while (file != nullptr && std::fscanf(file, "%d", &child) == 1) {}
    if (file != nullptr) std::fclose(file);
    return child;
}

TEST(RealReader, AChildThatWasKilledIsReplaced) {
    auto reader = make_reader();
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), ::getpid());
    auto child = newest_child();
    if (child == 0) GTEST_SKIP() << "no list of children";
    ::kill(child, SIGKILL);
    ::usleep(20000);
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), ::getpid());
}

TEST(RealReader, AChildThatHangsIsGivenUp) {
    auto reader = make_reader(100);
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), ::getpid());
    auto child = newest_child();
    if (child == 0) GTEST_SKIP() << "no list of children";
    ::kill(child, SIGSTOP); // as if a page did not come
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), std::nullopt);
    EXPECT_EQ(reader->thread_here(::getpid(), ::getpid()), std::nullopt) << "put aside";
    EXPECT_EQ(reader->thread_here(::getppid(), ::getppid()), ::getppid()) << "others are not";
}

} // namespace
} // namespace leash::finder
