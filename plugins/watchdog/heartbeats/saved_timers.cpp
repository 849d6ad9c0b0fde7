// SPDX-License-Identifier: MIT
// The part of the table that outlives PID 1: each timer has a slot of shared memory.
#include "supervision.h"

#include <algorithm>
#include <cstring>

namespace leash_watchdog {

namespace {

// Enough to tell a slot that a crash left half written.
std::uint16_t check_of(const SavedWatch& saved) {
    std::uint64_t sum = saved.start;
    auto add = [&](std::int64_t each) {
        sum = (sum ^ static_cast<std::uint64_t>(each)) * 0x9E3779B97F4A7C15ULL;
    };
    for (std::int64_t each : {saved.limit, saved.last_sign, saved.due, saved.plain_due, saved.promised,
                              std::int64_t{saved.main_pid}, std::int64_t{saved.sender},
                              std::int64_t{saved.source}, std::int64_t{saved.flags},
                              std::int64_t{saved.index}})
        add(each);
    for (char c : saved.name) add(c);
    return static_cast<std::uint16_t>(sum >> 48);
}

bool good(const SavedWatch& saved) {
    return saved.start != 0 && saved.check == check_of(saved) && saved.limit > 0 &&
           saved.source <= static_cast<std::uint8_t>(Source::probe) && saved.index < kMostTimers &&
           saved.name[0] != '\0' && saved.name[sizeof saved.name - 1] == '\0';
}

constexpr std::uint8_t kReported = 1, kSoftSaid = 2;

} // namespace

void Supervision::keep_in(std::span<SavedWatch> slots) {
    slots_ = slots;
    for (int i = static_cast<int>(slots.size()) - 1; i >= 0; --i) {
        const SavedWatch& saved = slots[static_cast<std::size_t>(i)];
        if (!good(saved)) {
            free_.push_back(i);
            continue;
        }
        Entry& entry = entries_[saved.start];
        Timer& timer = entry.timers[saved.index];
        if (timer.limit != 0) { // a slot of that index is there already
            free_.push_back(i);
            continue;
        }
        entry.spec.source = static_cast<Source>(saved.source);
        entry.main_pid = saved.main_pid;
        entry.count = std::max<std::size_t>(entry.count, saved.index + 1U);
        std::memcpy(timer.name, saved.name, sizeof timer.name);
        timer.limit = saved.limit;
        timer.last_sign = saved.last_sign;
        timer.due = saved.due;
        timer.plain_due = saved.plain_due;
        timer.promised = saved.promised;
        timer.soft_said = (saved.flags & kSoftSaid) != 0;
        timer.sender = saved.sender;
        timer.reported = (saved.flags & kReported) != 0;
        timer.slot = i;
    }
    // One of several may be lost: it begins anew, with what watch() tells.
    for (auto& [start, entry] : entries_)
        for (std::size_t i = 0; i < entry.count; ++i)
            if (entry.timers[i].limit == 0) entry.timers[i].reported = true;
}

void Supervision::keep(std::uint64_t start, Entry& entry, Timer& timer) {
    if (timer.slot < 0) {
        if (free_.empty()) return;
        timer.slot = free_.back();
        free_.pop_back();
    }
    SavedWatch saved;
    saved.start = start;
    saved.limit = timer.limit;
    saved.last_sign = timer.last_sign;
    saved.due = timer.due;
    saved.plain_due = timer.plain_due;
    saved.promised = timer.promised;
    saved.main_pid = entry.main_pid;
    saved.sender = timer.sender;
    saved.source = static_cast<std::uint8_t>(entry.spec.source);
    saved.flags = static_cast<std::uint8_t>((timer.reported ? kReported : 0) |
                                            (timer.soft_due == kNever ? kSoftSaid : 0));
    saved.index = static_cast<std::uint8_t>(&timer - entry.timers);
    std::memcpy(saved.name, timer.name, sizeof saved.name);
    saved.check = check_of(saved);
    slots_[static_cast<std::size_t>(timer.slot)] = saved;
}

void Supervision::let_go(Timer& timer) {
    if (timer.slot < 0) return;
    slots_[static_cast<std::size_t>(timer.slot)] = {};
    free_.push_back(timer.slot);
    timer.slot = -1;
}

} // namespace leash_watchdog
