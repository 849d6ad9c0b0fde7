// SPDX-License-Identifier: MIT
#include "supervision.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kSoonestLook = 50;
constexpr std::int64_t kAskAgain = 100;

std::int64_t look_interval(std::int64_t limit) {
    return std::max(limit / 2, kSoonestLook);
}

Report over(std::uint64_t start) {
    Report report;
    report.start = start;
    report.over = true;
    return report;
}

double seconds(std::int64_t ms) {
    return static_cast<double>(ms) / 1000;
}

// Enough to tell a slot that a crash left half written.
std::uint16_t check_of(const SavedWatch& saved) {
    std::uint64_t sum = saved.start;
    for (std::int64_t each : {saved.limit, saved.last_sign, saved.due,
                              std::int64_t{saved.main_pid}, std::int64_t{saved.source},
                              std::int64_t{saved.reported}})
        sum = (sum ^ static_cast<std::uint64_t>(each)) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::uint16_t>(sum >> 48);
}

} // namespace

void Supervision::keep_in(std::span<SavedWatch> slots) {
    slots_ = slots;
    for (int i = static_cast<int>(slots.size()) - 1; i >= 0; --i) {
        const SavedWatch& saved = slots[static_cast<std::size_t>(i)];
        bool good = saved.start != 0 && saved.check == check_of(saved) && saved.limit > 0 &&
                    saved.source <= static_cast<std::uint8_t>(Source::tasks) &&
                    !entries_.contains(saved.start);
        if (!good) {
            free_.push_back(i);
            continue;
        }
        entries_[saved.start] = {saved.limit,     static_cast<Source>(saved.source),
                                 saved.main_pid,  saved.last_sign,
                                 saved.due,       saved.reported != 0,
                                 i};
    }
}

void Supervision::keep(std::uint64_t start, Entry& entry) {
    if (entry.slot < 0) {
        if (free_.empty()) return;
        entry.slot = free_.back();
        free_.pop_back();
    }
    SavedWatch saved{start,
                     entry.limit,
                     entry.last_sign,
                     entry.due,
                     entry.main_pid,
                     static_cast<std::uint8_t>(entry.source),
                     static_cast<std::uint8_t>(entry.reported),
                     0};
    saved.check = check_of(saved);
    slots_[static_cast<std::size_t>(entry.slot)] = saved;
}

void Supervision::watch(std::uint64_t start, std::int64_t limit_ms, Source source,
                        std::int32_t main_pid, std::int64_t now) {
    auto [place, fresh] = entries_.try_emplace(start);
    Entry& entry = place->second;
    bool same = !fresh && entry.limit == limit_ms && entry.source == source;
    entry.main_pid = main_pid;
    if (!same) {
        entry.limit = limit_ms;
        entry.source = source;
        entry.last_sign = now;
        entry.due = now + (source == Source::tasks ? look_interval(limit_ms) : limit_ms);
    }
    keep(start, entry);
}

void Supervision::forget(std::uint64_t start) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    if (int slot = found->second.slot; slot >= 0) {
        slots_[static_cast<std::size_t>(slot)] = {};
        free_.push_back(slot);
    }
    entries_.erase(found);
}

void Supervision::heartbeat(std::uint64_t start, std::int64_t now, std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (entry.source == Source::tasks) return; // welcome, but not what was agreed on
    entry.last_sign = now;
    entry.due = now + entry.limit;
    if (entry.reported) reports.push_back(over(start));
    entry.reported = false;
    keep(start, entry);
}

void Supervision::trigger(std::uint64_t start, std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found != entries_.end()) {
        if (found->second.reported) return;
        found->second.reported = true;
        keep(start, found->second);
    }
    Report report;
    report.start = start;
    std::snprintf(report.evidence, sizeof report.evidence, "it said so itself (WATCHDOG=trigger)");
    reports.push_back(report);
}

void Supervision::tick(std::int64_t now, TaskProbe& probe, std::vector<Report>& reports) {
    for (auto& [start, entry] : entries_) {
        if (entry.due == kNever || entry.due > now) continue;
        if (entry.source == Source::tasks) {
            look_at_tasks(start, entry, now, probe, reports);
            keep(start, entry);
            continue;
        }
        entry.due = kNever; // until it beats
        bool said = std::exchange(entry.reported, true);
        keep(start, entry);
        if (said) continue;
        Report report;
        report.start = start;
        std::snprintf(report.evidence, sizeof report.evidence,
                      "no heartbeat for %.1f s (limit %.1f s)", seconds(now - entry.last_sign),
                      seconds(entry.limit));
        reports.push_back(report);
    }
}

void Supervision::look_at_tasks(std::uint64_t start, Entry& entry, std::int64_t now,
                                TaskProbe& probe, std::vector<Report>& reports) {
    entry.due = now + look_interval(entry.limit);
    TaskCount tasks = probe.look(entry.main_pid);
    if (tasks.threads == 0) return;
    if (tasks.alive > 0) {
        entry.last_sign = now;
        if (entry.reported) reports.push_back(over(start));
        entry.reported = false;
        return;
    }
    if (entry.reported) return;
    if (now - entry.last_sign <= entry.limit) {
        // Look once more when the time is over, not half a time later.
        entry.due = std::min(entry.due, entry.last_sign + entry.limit + 1);
        return;
    }
    entry.reported = true;
    Report report;
    report.start = start;
    std::snprintf(report.evidence, sizeof report.evidence,
                  "all %u threads stopped or dead for %.1f s (limit %.1f s)", tasks.threads,
                  seconds(now - entry.last_sign), seconds(entry.limit));
    reports.push_back(report);
}

void Supervision::ask_again(std::uint64_t start, std::int64_t now) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    found->second.reported = false;
    found->second.due = now + kAskAgain;
    keep(start, found->second);
}

void Supervision::shift(std::int64_t ms) {
    for (auto& [start, entry] : entries_) {
        entry.last_sign += ms;
        if (entry.due != kNever) entry.due += ms;
        keep(start, entry);
    }
}

void Supervision::begin_anew(std::int64_t now) {
    for (auto& [start, entry] : entries_) {
        if (entry.reported) continue; // its trouble stands until it beats
        entry.last_sign = now;
        entry.due = now + (entry.source == Source::tasks ? look_interval(entry.limit) : entry.limit);
        keep(start, entry);
    }
}

std::int64_t Supervision::next() const {
    std::int64_t earliest = kNever;
    for (const auto& [start, entry] : entries_)
        if (entry.due != kNever && (earliest == kNever || entry.due < earliest))
            earliest = entry.due;
    return earliest;
}

std::size_t Supervision::silent() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(entries_, [](const auto& entry) { return entry.second.reported; }));
}

} // namespace leash_watchdog
