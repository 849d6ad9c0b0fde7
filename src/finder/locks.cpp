// SPDX-License-Identifier: MIT
#include "finder/locks.h"

#include <cstring>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace leash::finder {
namespace {

constexpr bool kWide = sizeof(void*) == 8;

// glibc's kinds of mutexes: the type, and what else it is.
constexpr std::uint32_t kType = 3, kRecursive = 1, kErrorCheck = 2;
constexpr std::uint32_t kRobust = 0x10, kInherit = 0x20, kProtect = 0x40, kShared = 0x80, kElision = 0x300;
constexpr std::uint32_t kKnownKinds = kType | kRobust | kInherit | kProtect | kShared | kElision;
constexpr std::uint32_t kCeilingMask = 0xFFF80000; // of the lock word with kProtect
constexpr std::uint32_t kMostUsers = 1U << 20;

// musl's.
constexpr std::uint32_t kMuslType = 3, kMuslRobust = 4, kMuslInherit = 8, kMuslShared = 128;

// The first four words of a rwlock of glibc's.
constexpr std::uint32_t kWritePhase = 1, kWriteLocked = 2, kFutexUsed = 2;

template <class T> std::optional<T> value_at(std::string_view bytes, std::size_t offset) {
    T value{};
    if (offset + sizeof value > bytes.size()) return std::nullopt;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::uint32_t word(std::string_view bytes, std::size_t offset) {
    return value_at<std::uint32_t>(bytes, offset).value_or(0);
}

std::string mutex_name(std::uint32_t kind) {
    std::string name;
    // glibc makes every robust one shared, for the kernel's sake.
    if ((kind & kShared) && !(kind & kRobust)) name += "shared ";
    if (kind & kRobust) name += "robust ";
    if (kind & kInherit) name += "PI ";
    switch (kind & kType) {
    case kRecursive: name += "recursive "; break;
    case kErrorCheck: name += "error-checking "; break;
    default: break;
    }
    return name + "mutex";
}

struct Mutex {
    std::uint32_t lock, count, owner, users, kind;
};

// The words of a glibc mutex that somebody holds; nothing if they cannot be one's.
std::optional<Mutex> glibc_mutex(std::string_view bytes) {
    if (bytes.size() < (kWide ? 40 : 24)) return std::nullopt;
    Mutex mutex{.lock = word(bytes, 0), .count = word(bytes, 4), .owner = word(bytes, 8),
                .users = word(bytes, kWide ? 12 : 16), .kind = word(bytes, kWide ? 16 : 12)};
    if (mutex.kind & ~kKnownKinds) return std::nullopt;
    if (mutex.owner == 0 || mutex.owner > FUTEX_TID_MASK) return std::nullopt;
    bool recursive = (mutex.kind & kType) == kRecursive;
    // Of the kinds that do not count, those with the kernel's help write 1 all the same.
    if (recursive ? mutex.count == 0 || mutex.count > kMostUsers : mutex.count > 1)
        return std::nullopt;
    if (mutex.users == 0 || mutex.users > kMostUsers) return std::nullopt;
    if (kWide && !(mutex.kind & kRobust)) // the list is of robust ones alone
        for (std::size_t offset = 24; offset < 40; offset += 4)
            if (word(bytes, offset) != 0) return std::nullopt;
    return mutex;
}

std::optional<Hold> as_glibc_mutex(const FutexWait& wait, std::string_view bytes) {
    auto mutex = glibc_mutex(bytes);
    if (!mutex) return std::nullopt;
    bool kernels = mutex->kind & (kRobust | kInherit);
    auto owned = mutex->owner | FUTEX_WAITERS;
    if (kernels ? mutex->lock != owned
                : (mutex->kind & kProtect ? mutex->lock & ~kCeilingMask : mutex->lock) != 2)
        return std::nullopt;
    if (((mutex->kind & kInherit) != 0) != wait.pi) return std::nullopt;
    return Hold{.what = mutex_name(mutex->kind), .address = wait.address,
                .owner = static_cast<std::int32_t>(mutex->owner),
                .shared = (mutex->kind & kShared) != 0};
}

std::optional<Hold> as_musl_mutex(const FutexWait& wait, const Surroundings& memory) {
    if (memory.before.size() < 4 || memory.at.size() < 8) return std::nullopt;
    auto type = word(memory.before, memory.before.size() - 4);
    auto lock = word(memory.at, 0), waiters = word(memory.at, 4);
    if (type & ~(kMuslType | kMuslRobust | kMuslInherit | kMuslShared)) return std::nullopt;
    // A normal one has no owner's number in its word, but EBUSY.
    if (!(type & (kMuslType | kMuslRobust | kMuslInherit)) || (type & kMuslType) == 3)
        return std::nullopt;
    if (!(lock & FUTEX_WAITERS) || (lock & FUTEX_OWNER_DIED)) return std::nullopt;
    if (((type & kMuslInherit) != 0) != wait.pi) return std::nullopt;
    if (!wait.pi && (waiters == 0 || waiters > kMostUsers)) return std::nullopt;
    std::uint32_t kind = (type & kMuslType) | (type & kMuslRobust ? kRobust : 0) |
                         (type & kMuslInherit ? kInherit : 0) | (type & kMuslShared ? kShared : 0);
    return Hold{.what = mutex_name(kind), .address = wait.address - 4,
                .owner = static_cast<std::int32_t>(lock & FUTEX_TID_MASK),
                .shared = (type & kMuslShared) != 0};
}

// `base` of the lock is so many bytes before the word: those of either futex in it.
std::optional<Hold> as_rwlock(const FutexWait& wait, const Surroundings& memory, std::size_t base) {
    if (!kWide || wait.pi || memory.before.size() < base) return std::nullopt;
    std::string bytes(memory.before.substr(memory.before.size() - base));
    bytes += memory.at;
    if (bytes.size() < 52 || wait.value != (1 | kFutexUsed)) return std::nullopt;
    auto readers = word(bytes, 0), writer = word(bytes, 24), shared = word(bytes, 28);
    if ((readers & (kWritePhase | kWriteLocked)) != (kWritePhase | kWriteLocked)) return std::nullopt;
    if (word(bytes, 16) != 0 || word(bytes, 20) != 0 || shared > 1) return std::nullopt;
    if (word(bytes, 40) != 0 || word(bytes, 44) != 0 || word(bytes, 48) > 2) return std::nullopt;
    if (writer == 0 || writer > FUTEX_TID_MASK) return std::nullopt;
    return Hold{.what = shared ? "shared rwlock" : "rwlock", .address = wait.address - base,
                .owner = static_cast<std::int32_t>(writer), .shared = shared != 0};
}

// The word of a thread that the kernel clears: {tid, -, robust_prev, {list, futex_offset, …}}. The
// offset is the distance of a mutex' word from its list.
std::optional<Hold> as_join(const FutexWait& wait, std::string_view bytes) {
    if (!kWide || wait.pi || !wait.shared) return std::nullopt;
    auto tid = word(bytes, 0);
    if (tid == 0 || tid > FUTEX_TID_MASK) return std::nullopt;
    if (value_at<std::int64_t>(bytes, 24).value_or(0) != -32) return std::nullopt;
    return Hold{.what = "end of the thread", .address = wait.address,
                .owner = static_cast<std::int32_t>(tid), .join = true};
}

} // namespace

std::optional<FutexWait> futex_wait_of(const leash_task& thread) {
    if (!(thread.facts & LEASH_FACT_SYSCALL)) return std::nullopt;
    bool is_futex = thread.sys_nr == SYS_futex;
#if defined(SYS_futex_time64) && SYS_futex_time64 != SYS_futex
    is_futex = is_futex || thread.sys_nr == SYS_futex_time64;
#endif
    if (!is_futex || (thread.state != 'S' && thread.state != 'D')) return std::nullopt;
    if (thread.sys_arg[3] != 0) return std::nullopt; // a time limit
    auto op = static_cast<unsigned>(thread.sys_arg[1]);
    FutexWait wait{.address = thread.sys_arg[0],
                   .value = static_cast<std::uint32_t>(thread.sys_arg[2]),
                   .shared = (op & FUTEX_PRIVATE_FLAG) == 0,
                   .by_clock = (op & FUTEX_CLOCK_REALTIME) != 0};
    switch (op & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: break;
    case FUTEX_LOCK_PI:
    case 13: // FUTEX_LOCK_PI2, of Linux 5.14
        wait.pi = true;
        wait.value = 0;
        break;
    default: return std::nullopt; // a condition variable with PI
    }
    if (wait.address == 0 || wait.address % 4 != 0) return std::nullopt;
    return wait;
}

std::optional<Hold> hold_of(const FutexWait& wait, const Surroundings& memory) {
    auto now = value_at<std::uint32_t>(memory.at, 0);
    if (!now) return std::nullopt;
    if (wait.pi) {
        if (auto hold = as_glibc_mutex(wait, memory.at)) return hold;
        if (auto hold = as_musl_mutex(wait, memory)) return hold;
        // The owner's number is the kernel's business there, whoever made the lock.
        auto owner = *now & FUTEX_TID_MASK;
        if (owner == 0 || (*now & FUTEX_OWNER_DIED)) return std::nullopt;
        return Hold{.what = "PI lock", .address = wait.address,
                    .owner = static_cast<std::int32_t>(owner), .shared = wait.shared};
    }
    // A word that is not as it was: the thread is about to be woken.
    if (*now != wait.value) return std::nullopt;
    if (auto hold = as_glibc_mutex(wait, memory.at)) return hold;
    if (auto hold = as_rwlock(wait, memory, 8)) return hold;
    if (auto hold = as_rwlock(wait, memory, 12)) return hold;
    if (auto hold = as_join(wait, memory.at)) return hold;
    return as_musl_mutex(wait, memory);
}

std::optional<Hold> hold_of_pi_mutex(std::uint64_t address, std::string_view bytes) {
    auto mutex = glibc_mutex(bytes);
    if (!mutex || !(mutex->kind & kInherit)) return std::nullopt;
    auto type = mutex->kind & kType;
    if (type == kRecursive || type == kErrorCheck) return std::nullopt; // these get the error
    if ((mutex->lock & FUTEX_TID_MASK) != mutex->owner) return std::nullopt;
    return Hold{.what = mutex_name(mutex->kind), .address = address,
                .owner = static_cast<std::int32_t>(mutex->owner),
                .shared = (mutex->kind & kShared) != 0};
}

} // namespace leash::finder
