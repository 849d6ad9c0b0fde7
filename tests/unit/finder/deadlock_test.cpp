// SPDX-License-Identifier: MIT
#include <functional>
#include <map>

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "finder/deadlock.h"
#include "looks.h"

namespace leash::finder {
namespace {

class FakeReader : public Reader {
  public:
    std::map<std::pair<pid_t, std::uint64_t>, std::string> memory;
    std::map<pid_t, pid_t> numbers; // of foreign namespaces; else as they are
    std::optional<bool> same;
    std::set<pid_t> ended;
    int reads = 0;
    int budget = -1; // readings of a look; -1: no limit
    [[nodiscard]] bool out_of_time() const override { return budget == 0; }

    std::vector<std::string> read(std::span<const Piece> pieces) override {
        std::vector<std::string> texts;
        for (const auto& piece : pieces) {
            auto found = memory.find({piece.pid, piece.address});
            texts.push_back(found == memory.end() || out_of_time() ? "" : found->second);
            if (budget > 0) --budget;
            ++reads;
        }
        return texts;
    }
    std::optional<bool> same_memory(pid_t, pid_t) override { return same; }
    std::optional<pid_t> thread_here(pid_t, pid_t tid) override {
        if (ended.contains(tid)) return 0;
        auto found = numbers.find(tid);
        return found == numbers.end() ? tid : found->second;
    }
    std::string place(pid_t, std::uint64_t) override { return ""; }
    std::string kernel_place(pid_t, pid_t) override { return ""; }

    void mutex(pid_t pid, std::uint64_t address, std::int32_t owner, std::uint32_t kind = 0) {
        std::uint32_t words[14] = {2, 0, static_cast<std::uint32_t>(owner), 1, kind};
        memory[{pid, address}] = {reinterpret_cast<const char*>(words), sizeof words};
    }
};

taskview::Row waiter(std::int32_t tid, std::int32_t tgid, std::uint64_t address, unsigned flags = 128,
                     std::uint64_t start = 1) {
    auto row = task_row(tid, tgid, 'S', start);
    row.task.sys_nr = SYS_futex;
    row.task.sys_arg[0] = address;
    row.task.sys_arg[1] = FUTEX_WAIT | flags;
    row.task.sys_arg[2] = 2;
    return row;
}

struct DeadlockTest : ::testing::Test, Stage {
    FakeReader reader;
    Deadlock detector{reader};
    DeadlockTest() { subjects.push_back(subject_of(1, "deadlock", "3000")); }
    void abba() {
        threads.rows = {waiter(10, 10, 0xA000), waiter(11, 10, 0xB000)};
        reader.mutex(10, 0xA000, 11);
        reader.mutex(10, 0xB000, 10);
    }
};

TEST_F(DeadlockTest, TheCircleIsNamedAfterItsTime) {
    abba();
    EXPECT_TRUE(looks(detector, 4).empty()); // 0, 1, 2, 3 s: seen in one look
    EXPECT_GT(reader.reads, 0);
    auto found = look(detector);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].start, 1u);
    EXPECT_EQ(found[0].kind, "deadlock");
    EXPECT_EQ(found[0].evidence, "thread 10 (t10) waits for mutex 0xa000 held by 11 (t11), "
                                 "which waits for "
                                 "mutex 0xb000 held by 10 (t10); for 4 s");
    EXPECT_EQ(found[0].tids, (std::vector<std::int32_t>{10, 11}));
    reader.mutex(10, 0xB000, 12); // somebody has helped
    EXPECT_TRUE(look(detector).empty());
}

TEST_F(DeadlockTest, NobodyIsReadBeforeHisTime) {
    abba();
    looks(detector, 3);
    EXPECT_EQ(reader.reads, 0);
}

TEST_F(DeadlockTest, WhereNoFileAsksNothingIsRead) {
    abba();
    subjects[0].settings.clear();
    EXPECT_TRUE(looks(detector, 20).empty());
    EXPECT_EQ(reader.reads, 0);
}

TEST_F(DeadlockTest, WhatIsNoLockIsReadOnce) {
    threads.rows = {waiter(10, 10, 0xA000)};
    looks(detector, 20);
    EXPECT_EQ(reader.reads, 2);
    threads.rows[0].task.nvcsw = 5; // woken, and asleep again
    looks(detector, 5);
    EXPECT_EQ(reader.reads, 2);
    looks(detector, 2);
    EXPECT_EQ(reader.reads, 4);
}

TEST_F(DeadlockTest, WhoIsWokenAllTheTimeTakesLongerAndIsFound) {
    abba();
    std::vector<Finding> found;
    int count = 0;
    for (; count < 40 && found.empty(); ++count) {
        threads.rows[0].task.nvcsw += 7;
        found = look(detector);
    }
    EXPECT_GE(count, 10);
    EXPECT_LE(count, 22);
    ASSERT_EQ(found.size(), 1u);
}

TEST_F(DeadlockTest, AContendedMutexIsNone) {
    threads.rows = {waiter(10, 10, 0xA000), waiter(11, 10, 0xA000), task_row(12, 10)};
    for (int i = 0; i < 60; ++i) {
        reader.mutex(10, 0xA000, 10 + i % 3);
        for (auto& row : threads.rows) row.task.nvcsw += 3;
        EXPECT_TRUE(look(detector).empty());
    }
}

TEST_F(DeadlockTest, AnOwnerThatSleepsElsewhereIsHealthy) {
    threads.rows = {waiter(10, 10, 0xA000), task_row(11, 10)};
    reader.mutex(10, 0xA000, 11);
    EXPECT_TRUE(looks(detector, 30).empty());
}

TEST_F(DeadlockTest, AnOwnerThatHasEnded) {
    threads.rows = {waiter(10, 10, 0xA000), waiter(13, 10, 0xA000)};
    reader.mutex(10, 0xA000, 11);
    reader.ended = {11};
    auto found = looks(detector, 5);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence,
              "thread 10 (t10) waits for mutex 0xa000 held by 11, which has ended; 1 more "
              "waits behind it; "
              "for 4 s");
    // Another thread has got its number: it began after the wait.
    reader.ended.clear();
    threads.rows.push_back(task_row(11, 10));
    threads.rows.back().task.start_ns = now_ns + 10 * kSec;
    EXPECT_EQ(look(detector).size(), 1u);
    threads.rows.back().task.start_ns = 1;
    EXPECT_TRUE(look(detector).empty());
}

TEST_F(DeadlockTest, AnOwnerInTheProcessThatItWasForkedFrom) {
    threads.rows = {waiter(20, 20, 0xA000), task_row(10, 10)};
    reader.mutex(20, 0xA000, 10);
    EXPECT_TRUE(looks(detector, 6).empty()) << "it cannot be told whether memory is shared";
    reader.same = true;
    EXPECT_TRUE(looks(detector, 6).empty()) << "vfork";
    reader.same = false;
    EXPECT_TRUE(looks(detector, 40).size() == 1u);
}

TEST_F(DeadlockTest, AcrossProcessesAndServices) {
    subjects.push_back(subject_of(2, "deadlock", "60000"));
    threads.rows = {waiter(10, 10, 0xA000, 0), waiter(20, 20, 0xB000, 0, 2)};
    reader.mutex(10, 0xA000, 20, 0x80);
    reader.mutex(20, 0xB000, 10, 0x80);
    auto found = looks(detector, 6);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].start, 1u);
    EXPECT_TRUE(found[0].evidence.starts_with("thread 10 (t10) of process 10 waits for "
                                              "shared mutex 0xa000 "
                                              "held by 20 (t20) of process 20"));
    EXPECT_EQ(looks(detector, 60).size(), 2u);
    // The same numbers in locks that are not shared mean nothing.
    FakeReader other;
    Deadlock second(other);
    other.same = std::nullopt;
    threads.rows = {waiter(10, 10, 0xA000), waiter(20, 20, 0xB000, 128, 2)};
    other.mutex(10, 0xA000, 20);
    other.mutex(20, 0xB000, 10);
    EXPECT_TRUE(looks(second, 10).empty());
}

TEST_F(DeadlockTest, NumbersOfAnotherNamespaceAreTranslated) {
    threads.rows = {waiter(10, 10, 0xA000), waiter(11, 10, 0xB000)};
    reader.mutex(10, 0xA000, 2);
    reader.mutex(10, 0xB000, 1);
    reader.numbers = {{1, 10}, {2, 11}};
    EXPECT_EQ(looks(detector, 5).size(), 1u);
}

TEST_F(DeadlockTest, ALongCircleIsCutShort) {
    for (int i = 0; i < 40; ++i) {
        threads.rows.push_back(waiter(10 + i, 10, 0xA000 + 64u * static_cast<unsigned>(i)));
        reader.mutex(10, 0xA000 + 64u * static_cast<unsigned>(i), 10 + (i + 1) % 40);
    }
    auto found = looks(detector, 5);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_LE(found[0].evidence.size(), 400u);
    EXPECT_TRUE(found[0].evidence.contains("and so on over")) << found[0].evidence;
    EXPECT_EQ(found[0].tids.size(), 40u);
}

// Many processes that hang at once: what there is no time for has its turn at a later look.
TEST_F(DeadlockTest, WhatALookHasNoTimeForIsReadLater) {
    constexpr std::int32_t kPairs = 40;
    for (std::int32_t i = 0; i < kPairs; ++i) {
        auto tid = 100 + 2 * i;
        auto address = static_cast<std::uint64_t>(tid) * 0x1000;
        threads.rows.push_back(waiter(tid, tid, address));
        threads.rows.push_back(waiter(tid + 1, tid, address + 0x800));
        reader.mutex(tid, address, tid + 1);
        reader.mutex(tid, address + 0x800, tid);
    }
    std::set<std::int32_t> told;
    auto look_with = [&](int budget) {
        reader.budget = budget;
        reader.reads = 0;
        std::set<std::int32_t> now;
        for (const auto& finding : look(detector)) now.insert(finding.tids.front());
        EXPECT_LE(reader.reads, budget + 1);
        return now;
    };
    for (int i = 0; i < 30; ++i) {
        auto now = look_with(40); // ten of the circles
        for (auto tid : told) EXPECT_TRUE(now.contains(tid)) << "told once, and it still is so: " << tid;
        told = std::move(now);
    }
    EXPECT_EQ(told.size(), static_cast<std::size_t>(kPairs));
    EXPECT_EQ(look_with(0), told) << "no time at all changes nothing";
    reader.mutex(100, 100 * 0x1000 + 0x800, 4711); // one is solved: that shows when it is read again
    threads.rows[1].task.nvcsw += 1;
    std::set<std::int32_t> now;
    told.erase(100);
    for (int i = 0; i < 12; ++i) {
        now = look_with(41);
        for (auto tid : told) EXPECT_TRUE(now.contains(tid)) << tid << " in look " << i;
    }
    EXPECT_FALSE(now.contains(100));
}

TEST_F(DeadlockTest, WithoutThreadsThereIsNothingToSay) {
    std::vector<Finding> found;
    detector.look({.now_ns = 1, .processes = &processes, .subjects = subjects}, found);
    EXPECT_TRUE(found.empty());
}

} // namespace
} // namespace leash::finder
