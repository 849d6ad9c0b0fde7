// SPDX-License-Identifier: MIT
#include <cstring>

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "finder/refused_lock.h"

namespace leash::finder {
namespace {

constexpr std::uint64_t kWord = 0x1000;
constexpr unsigned kPrivate = FUTEX_PRIVATE_FLAG;

std::string words(std::initializer_list<std::uint32_t> values, std::size_t size = 56) {
    std::string bytes;
    for (auto value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    bytes.resize(size);
    return bytes;
}

leash_task sleeping(unsigned op, std::uint32_t value = 2, std::uint64_t time_limit = 0) {
    leash_task task{};
    task.facts = LEASH_FACT_SYSCALL;
    task.state = 'S';
    task.sys_nr = SYS_futex;
    task.sys_arg[0] = kWord;
    task.sys_arg[1] = op;
    task.sys_arg[2] = value;
    task.sys_arg[3] = time_limit;
    return task;
}

TEST(FutexWait, OnlyOfWhoSleepsForEver) {
    auto mutex = futex_wait_of(sleeping(FUTEX_WAIT | kPrivate));
    ASSERT_TRUE(mutex);
    EXPECT_EQ(*mutex, (FutexWait{.address = kWord, .value = 2}));
    EXPECT_TRUE(futex_wait_of(sleeping(FUTEX_WAIT))->shared);
    EXPECT_TRUE(futex_wait_of(sleeping(FUTEX_LOCK_PI | kPrivate))->pi);
    EXPECT_TRUE(futex_wait_of(sleeping(13 | kPrivate))->pi);
    EXPECT_TRUE(futex_wait_of(sleeping(FUTEX_WAIT_BITSET | kPrivate | FUTEX_CLOCK_REALTIME))->by_clock);
    EXPECT_FALSE(futex_wait_of(sleeping(FUTEX_WAIT | kPrivate, 2, 0x7000))); // a time limit
    EXPECT_FALSE(futex_wait_of(sleeping(FUTEX_WAIT_REQUEUE_PI)));
    EXPECT_FALSE(futex_wait_of(sleeping(FUTEX_WAKE)));
    for (auto change : {+[](leash_task& t) { t.state = 'R'; }, +[](leash_task& t) { t.sys_nr = 0; },
                        +[](leash_task& t) { t.facts = 0; }, +[](leash_task& t) { t.sys_arg[0] = 0; },
                        +[](leash_task& t) { t.sys_arg[0] = 3; }}) {
        auto task = sleeping(FUTEX_WAIT);
        change(task);
        EXPECT_FALSE(futex_wait_of(task));
    }
}

struct Row {
    const char* name;
    FutexWait wait;
    std::string before, at;
    const char* what; // null: no lock
    std::int32_t owner = 0;
    std::uint64_t address = kWord;
};

const FutexWait kPlain{.address = kWord, .value = 2};
const FutexWait kPi{.address = kWord, .pi = true};
constexpr std::uint32_t kTid = 1234, kWaited = kTid | FUTEX_WAITERS;

FutexWait waiting(std::uint32_t value, bool shared = false) {
    return {.address = kWord, .value = value, .shared = shared};
}
std::string before(std::uint32_t last) { return std::string(44, '\0') + words({last}, 4); }

TEST(Hold, OfWhatStandsInMemory) {
    const Row rows[] = {
        {"mutex", kPlain, "", words({2, 0, kTid, 1, 0}), "mutex", kTid},
        {"adaptive", kPlain, "", words({2, 0, kTid, 1, 3, 7}), "mutex", kTid},
        {"no elision", kPlain, "", words({2, 0, kTid, 1, 0x200}), "mutex", kTid},
        {"recursive", kPlain, "", words({2, 3, kTid, 1, 1}), "recursive mutex", kTid},
        {"error-checking", kPlain, "", words({2, 0, kTid, 1, 2}), "error-checking mutex", kTid},
        {"shared", waiting(2, true), "", words({2, 0, kTid, 1, 0x80}), "shared mutex", kTid},
        {"robust", waiting(kWaited, true), "", words({kWaited, 1, kTid, 1, 0x90, 0, 8, 9, 8, 9}),
         "robust mutex", kTid},
        // Not what it slept for.
        {"ceiling", kPlain, "", words({2 | 5 << 19, 0, kTid, 1, 0x40}), nullptr},
        {"ceiling, as it was", waiting(2 | 5 << 19), "", words({2 | 5 << 19, 0, kTid, 1, 0x40}), "mutex",
         kTid},
        {"PI", kPi, "", words({kWaited, 1, kTid, 1, 0x20}), "PI mutex", kTid},
        {"PI of no known library", kPi, "", words({kWaited, 77, 77, 77, 77}), "PI lock", kTid},
        {"PI, the owner dead", kPi, "", words({kWaited | FUTEX_OWNER_DIED, 7, 7, 7, 7}), nullptr},
        {"unlocked meanwhile", kPlain, "", words({0, 0, 0, 0, 0}), nullptr},
        {"taken meanwhile, no one waits", kPlain, "", words({1, 0, kTid, 1, 0}), nullptr},
        {"no owner", kPlain, "", words({2, 0, 0, 1, 0}), nullptr},
        {"no users", kPlain, "", words({2, 0, kTid, 0, 0}), nullptr},
        {"counts, but is not recursive", kPlain, "", words({2, 9, kTid, 1, 0}), nullptr},
        {"unknown kind", kPlain, "", words({2, 0, kTid, 1, 0x1000}), nullptr},
        {"a list where none is", kPlain, "", words({2, 0, kTid, 1, 0, 0, 1}), nullptr},
        {"cut off", kPlain, "", words({2, 0, kTid, 1, 0}, 20), nullptr},
        {"not readable", kPlain, "", "", nullptr},
        // {signals[1]} of a condition variable, and right behind it its mutex, locked and waited
        // for.
        {"condition, a mutex behind", kPlain, "", words({2, 2, 0, kTid, 1, 0}), nullptr},
        {"semaphore", waiting(0), "", words({0, 1, 0, 0}), nullptr},
        // {readers, writers, wrphase, writers_futex, 0, 0, writer, shared, 0, 0, 0, 0, flags}
        {"rwlock, a reader", waiting(3), words({11, 0}, 8), words({3, 1, 0, 0, kTid, 0, 0, 0, 0, 0, 0}),
         "rwlock", kTid, kWord - 8},
        {"rwlock, a second writer", waiting(3), words({3, 0, 1}, 12),
         words({3, 0, 0, kTid, 0, 0, 0, 0, 0, 0}), "rwlock", kTid, kWord - 12},
        {"rwlock, held by readers", waiting(2), words({8 | 2, 0}, 8),
         words({2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}), nullptr},
        {"join", waiting(kTid, true), "", words({kTid, 99, 5, 6, 7, 8, 0xFFFFFFE0, 0xFFFFFFFF}),
         "end of the thread", kTid},
        {"a word that is a thread's number", waiting(kTid, true), "", words({kTid, 9, 5, 6, 7, 8, 0, 0}),
         nullptr},
        {"musl, recursive", waiting(kWaited), before(1), words({kWaited, 2}), "recursive mutex", kTid,
         kWord - 4},
        {"musl, PI", kPi, before(8), words({kWaited, 0}), "PI mutex", kTid, kWord - 4},
        {"musl, normal: EBUSY and no owner", waiting(16 | FUTEX_WAITERS), before(0),
         words({16 | FUTEX_WAITERS, 1}), nullptr},
        {"musl, nobody waits", waiting(kWaited), before(1), words({kWaited, 0}), nullptr},
        {"no lock of musl's", waiting(kWaited), before(0x5000), words({kWaited, 1}), nullptr},
    };
    for (const auto& row : rows) {
        auto hold = hold_of(row.wait, {row.before, row.at});
        ASSERT_EQ(hold.has_value(), row.what != nullptr) << row.name;
        if (!hold) continue;
        EXPECT_EQ(hold->what, row.what) << row.name;
        EXPECT_EQ(hold->owner, row.owner) << row.name;
        EXPECT_EQ(hold->address, row.address) << row.name;
    }
    EXPECT_TRUE(hold_of(waiting(2, true), {"", words({2, 0, kTid, 1, 0x80})})->shared);
    EXPECT_TRUE(hold_of(waiting(kTid, true),
                        {"", words({kTid, 99, 5, 6, 7, 8, 0xFFFFFFE0, 0xFFFFFFFF})})->join);
}

TEST(RefusedLock, IsNeitherSemaphoreNorCondition) {
    const FutexWait asleep{.address = kWord + 4, .value = 0, .by_clock = true};
    const FutexWait aligned{.address = kWord, .value = 0, .by_clock = true};
    auto wide = [](std::initializer_list<std::uint32_t> last) { // the last words before
        return std::string(kBytesBefore - 4 * last.size(), '\0') + words(last, 4 * last.size());
    };
    auto zero = words({0, 0xE7E90000, 0x16D2});
    EXPECT_TRUE(may_be_refused(asleep, {wide({kTid, 24}), zero}));
    EXPECT_TRUE(may_be_refused(aligned, {wide({0, 0}), zero}));
    EXPECT_FALSE(may_be_refused(aligned, {wide({0, 0}), words({0, 1})})) << "a semaphore";
    EXPECT_FALSE(may_be_refused(asleep, {wide({2, 2, 0, 0, 0, 8, 0}), zero})) << "a condition";
    EXPECT_FALSE(may_be_refused(asleep, {wide({4, 0, 0, 0, 0, 0, 0, 8, 0}), zero})) << "... of 2.41";
    EXPECT_FALSE(may_be_refused(asleep, {"", zero}));
    EXPECT_FALSE(may_be_refused(asleep, {wide({0}), words({1})}));
    EXPECT_FALSE(may_be_refused({.address = kWord, .value = 0}, {wide({0}), zero}));
    EXPECT_FALSE(may_be_refused({.address = kWord, .value = 0, .shared = true, .by_clock = true},
                                {wide({0}), zero}));
}

TEST(RefusedLock, PointersOnTheStackThatLeadToAPiMutex) {
    std::string stack(64, '\0');
    std::uint64_t pointers[] = {0x7F0000001000, 3, 0x7F0000001000, 0xFFFF800000000000, 0x5558};
    std::memcpy(stack.data(), pointers, sizeof pointers);
    EXPECT_EQ(pointers_in(stack), (std::vector<std::uint64_t>{0x7F0000001000, 0x5558}));
    EXPECT_EQ(hold_of_pi_mutex(0x5558, words({kWaited, 1, kTid, 1, 0x20}))->owner, int(kTid));
    EXPECT_FALSE(hold_of_pi_mutex(0x5558, words({kWaited, 1, kTid, 1, 0x21}))) << "gets the error";
    EXPECT_FALSE(hold_of_pi_mutex(0x5558, words({2, 0, kTid, 1, 0})));
}

} // namespace
} // namespace leash::finder
