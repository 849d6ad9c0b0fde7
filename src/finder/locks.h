// SPDX-License-Identifier: MIT
// From a futex to the thread that holds it: the layouts of glibc's and musl's locks. Pure: bytes in,
// an owner out. Whether the number is that of a thread of the process the caller has to check.
//
// glibc 2.25 and later, 64 bit: mutex {lock, count, owner, nusers, kind, spins, list}, with 32 bit
// pointers {lock, count, owner, kind, nusers, list}; a waiter sleeps at `lock`, which is 2 or, where
// the kernel has a part in it (robust, PI), the owner's number with a bit for "waited for". rwlock
// {readers, writers, wrphase_futex, writers_futex, pad, pad, cur_writer, shared, …}: who waits for a
// writer sleeps at one of the two futexes, which is 3. (Who waits for readers cannot be told whom he
// waits for: readers are only counted.) pthread_join sleeps at the word of the joined thread that
// the kernel clears when it ends; what stands behind it there proves it to be that word.
// musl: mutex {type, lock, waiters, …}: a waiter sleeps at `lock`, the owner's number with a bit; a
// normal mutex does not know its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <linux/leash.h>

namespace leash::finder {

struct FutexWait {
    std::uint64_t address = 0;
    std::uint32_t value = 0; // that the word had when the thread went to sleep; not with `pi`
    bool pi = false;         // in the kernel's own lock
    bool shared = false;     // other processes may wake it
    bool by_clock = false;   // FUTEX_CLOCK_REALTIME, without a time: how glibc waits in general
    bool operator==(const FutexWait&) const = default;
};

// What the thread sleeps for, without a time limit, at one futex: else nothing. A wait that ends by
// itself is no deadlock; one for several words is over when any of them changes.
[[nodiscard]] std::optional<FutexWait> futex_wait_of(const leash_task& thread);

// The memory about the word, as much of it as could be read.
inline constexpr std::uint32_t kBytesBefore = 48, kBytesAt = 56;
struct Surroundings {
    std::string_view before; // the bytes that end at the word: kBytesBefore, or as many as its page has
    std::string_view at;     // from the word on
};

struct Hold {
    std::string what;           // "mutex", "recursive mutex", "PI mutex", "rwlock", "end of the thread"
    std::uint64_t address = 0;  // where the lock begins
    std::int32_t owner = 0;     // as the number is where the process lives
    bool join = false;          // no lock: the owner has to end
    bool shared = false;        // between processes
    bool operator==(const Hold&) const = default;
};

[[nodiscard]] std::optional<Hold> hold_of(const FutexWait& wait, const Surroundings& memory);

// Is that a PI mutex of glibc's of the kind that puts a thread to sleep for ever if it must not wait
// for it? With its owner; see refused_lock.h.
[[nodiscard]] std::optional<Hold> hold_of_pi_mutex(std::uint64_t address, std::string_view bytes);

} // namespace leash::finder
