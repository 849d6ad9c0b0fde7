// SPDX-License-Identifier: MIT
#include "supervision.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kSoonestLook = 50;
constexpr std::int64_t kSoonestProbe = 20; // behind the end of the one before
constexpr std::int64_t kAskAgain = 10;
constexpr std::int64_t kLate = 50;         // PID 1 itself
constexpr std::int64_t kProberSlack = 1000;
constexpr std::int64_t kLookLimit = 1000;  // for a look by the prober

void earliest(std::int64_t& first, std::int64_t due) {
    if (due != kNever && (first == kNever || due < first)) first = due;
}

double seconds(std::int64_t ms) {
    return static_cast<double>(ms) / 1000;
}

} // namespace

bool Supervision::is_command(const WatchSpec& spec) {
    return std::strcmp(spec.probe, "command") == 0;
}

std::int64_t Supervision::look_interval(const Entry& entry) {
    auto limit = entry.timers[0].limit;
    if (entry.spec.source == Source::probe) return probe_interval(entry.spec);
    if (entry.spec.soft > 0) limit = std::min(limit, entry.spec.soft);
    return std::max(limit / (entry.spec.source == Source::progress ? 4 : 2), kSoonestLook);
}

std::int64_t Supervision::wish_limit(const Entry& entry) {
    if (entry.spec.source == Source::progress) return kLookLimit;
    return probe_timeout(entry.spec) + (is_command(entry.spec) ? 0 : kProberSlack);
}

bool Supervision::prober_owes(const Entry& entry) {
    return entry.asked && entry.spec.source == Source::probe && !is_command(entry.spec);
}

// ---- begin and end ------------------------------------------------------------------------------

void Supervision::begin(Entry& entry, Timer& timer, std::int64_t now, bool grace) {
    timer.last_sign = now;
    timer.plain_due = timer.due = now + std::max(timer.limit, grace ? entry.spec.grace : 0);
    timer.soft_due = kNever;
    if (entry.spec.soft > 0)
        timer.soft_due = now + std::max(entry.spec.soft, grace ? entry.spec.grace : 0);
    timer.reported = timer.excused = false;
}

void Supervision::watch(std::uint64_t start, const WatchSpec& spec, std::int32_t main_pid,
                        std::int64_t now) {
    auto [place, fresh] = entries_.try_emplace(start);
    Entry& entry = place->second;
    bool same_source = !fresh && entry.spec.source == spec.source;
    bool knew_all = entry.spec.timer_count > 0;
    Entry before = entry;
    entry.spec = spec;
    entry.main_pid = main_pid;
    entry.count = std::min(spec.timer_count, kMostTimers);
    for (std::size_t i = 0; i < entry.count; ++i) {
        Timer& timer = entry.timers[i];
        const auto& wanted = spec.timers[i];
        const Timer* old = nullptr;
        for (std::size_t j = 0; j < before.count && same_source; ++j)
            if (std::strcmp(before.timers[j].name, wanted.name) == 0 &&
                before.timers[j].limit == wanted.limit)
                old = &before.timers[j];
        int slot = i < before.count ? before.timers[i].slot : -1;
        if (old != nullptr) {
            timer = *old;
            if (!knew_all && spec.soft > 0 && !timer.reported && !timer.soft_said)
                timer.soft_due = timer.last_sign + spec.soft;
            timer.soft_said = false;
        } else {
            timer = Timer{};
            std::snprintf(timer.name, sizeof timer.name, "%s", wanted.name);
            timer.limit = wanted.limit;
            begin(entry, timer, now, fresh);
        }
        timer.slot = slot;
        keep(start, entry, timer);
    }
    for (std::size_t i = entry.count; i < before.count; ++i) let_go(before.timers[i]);
    bool looks = spec.source != Source::heartbeat;
    if (!looks) entry.look_due = kNever;
    else if (!same_source || !knew_all || entry.timers[0].limit != before.timers[0].limit) {
        entry.asked = false;
        entry.seen_any = false;
        entry.look_due = spec.source == Source::progress ? now : now + look_interval(entry);
    }
}

void Supervision::forget(std::uint64_t start) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    for (std::size_t i = 0; i < found->second.count; ++i) let_go(found->second.timers[i]);
    entries_.erase(found);
}

bool Supervision::runs_command(std::uint64_t start) const {
    auto found = entries_.find(start);
    return found != entries_.end() && found->second.asked && is_command(found->second.spec);
}

// ---- signs of life ------------------------------------------------------------------------------

void Supervision::sign(std::uint64_t start, Entry& entry, Timer& timer, std::int64_t now,
                       std::vector<Report>& reports) {
    bool was = std::exchange(timer.reported, false);
    begin(entry, timer, now, false);
    // Grace is for the first silence alone, but what was promised stands.
    timer.due = std::max(timer.due, timer.promised);
    keep(start, entry, timer);
    bool others = false;
    for (std::size_t i = 0; i < entry.count; ++i) others = others || entry.timers[i].reported;
    if (!was || others) return;
    Report report;
    report.start = start;
    report.over = true;
    reports.push_back(report);
}

bool Supervision::heartbeat(std::uint64_t start, const char* name, std::int32_t sender,
                            std::int64_t now, std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return true;
    Entry& entry = found->second;
    if (entry.spec.source != Source::heartbeat) return true; // welcome, but not what was agreed on
    const char* wanted = name[0] == '\0' ? kMainTimer : name;
    Timer* timer = nullptr;
    for (std::size_t i = 0; i < entry.count; ++i)
        if (std::strcmp(entry.timers[i].name, wanted) == 0) timer = &entry.timers[i];
    if (timer == nullptr && name[0] == '\0' && entry.count == 1) timer = &entry.timers[0];
    if (timer == nullptr) return false;
    timer->sender = sender;
    sign(start, entry, *timer, now, reports);
    return true;
}

void Supervision::trigger(std::uint64_t start, std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found != entries_.end()) {
        Timer& timer = found->second.timers[0];
        if (timer.reported) return;
        timer.reported = true;
        keep(start, found->second, timer);
    }
    Report report;
    report.start = start;
    std::snprintf(report.evidence, sizeof report.evidence, "it said so itself (WATCHDOG=trigger)");
    reports.push_back(report);
}

void Supervision::extend(std::uint64_t start, std::int64_t time, std::int64_t now) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    for (std::size_t i = 0; i < entry.count; ++i) {
        Timer& timer = entry.timers[i];
        if (timer.reported) continue;
        auto until = std::min(now + time, timer.plain_due + entry.spec.extend);
        timer.promised = std::max(timer.promised, until);
        timer.due = std::max(timer.due, until);
        if (timer.soft_due != kNever) timer.soft_due = std::max(timer.soft_due, until);
        keep(start, entry, timer);
    }
}

// ---- late ---------------------------------------------------------------------------------------

void Supervision::explain(const Entry& entry, const Timer& timer, std::int64_t now,
                          TaskProbe& probe, char* text, std::size_t size) const {
    auto silence = seconds(now - timer.last_sign);
    auto limit = seconds(timer.limit);
    char name[kTimerName + 10] = "";
    if (entry.count > 1 || std::strcmp(timer.name, kMainTimer) != 0)
        std::snprintf(name, sizeof name, "timer %s: ", timer.name);
    int used = 0;
    switch (entry.spec.source) {
    case Source::heartbeat:
        used = std::snprintf(text, size, "%sno heartbeat for %.1f s (limit %.1f s)", name, silence,
                             limit);
        break;
    case Source::tasks: {
        auto count = probe.look(entry.main_pid).threads;
        used = std::snprintf(text, size, "all %u threads stopped or dead for %.1f s (limit %.1f s)",
                             count, silence, limit);
        break;
    }
    case Source::progress: {
        auto cpu = seconds(static_cast<std::int64_t>(entry.seen.cpu_ms - entry.cpu_at_sign));
        const char* what = entry.seen.moving == 0 && entry.seen.threads > 0 ? "stopped or dead"
                           : cpu * 10 > silence                            ? "spins"
                                                                           : "stuck";
        used = std::snprintf(text, size, "no progress for %.1f s (limit %.1f s): %s, %.1f s of CPU time",
                             silence, limit, what, std::max(cpu, 0.0));
        break;
    }
    case Source::probe:
        used = std::snprintf(text, size, "no probe has ended well for %.1f s (limit %.1f s), %s",
                             silence, limit, is_command(entry.spec) ? "command" : entry.spec.probe);
        if (entry.failures > 0 && used > 0 && static_cast<std::size_t>(used) < size)
            used += std::snprintf(text + used, size - static_cast<std::size_t>(used), ", %u failed: %s",
                                  entry.failures, entry.why);
        else if (entry.asked && used > 0 && static_cast<std::size_t>(used) < size)
            used += std::snprintf(text + used, size - static_cast<std::size_t>(used), ", no answer");
        break;
    }
    auto pid = entry.main_pid;
    char tasks[160] = "";
    if (timer.sender > 0 && timer.sender != entry.main_pid) {
        probe.describe(timer.sender, tasks, sizeof tasks);
        if (tasks[0] != '\0') pid = timer.sender;
    }
    if (tasks[0] == '\0') probe.describe(pid, tasks, sizeof tasks);
    if (tasks[0] == '\0' || used < 0 || static_cast<std::size_t>(used) >= size) return;
    std::snprintf(text + used, size - static_cast<std::size_t>(used), "; %s %d: %s",
                  pid == entry.main_pid ? "main process" : "it last came from process", pid, tasks);
}

void Supervision::late(std::uint64_t start, Entry& entry, Timer& timer, bool soft,
                       std::int64_t now, TaskProbe& probe, std::vector<Report>& reports) {
    timer.soft_due = kNever;
    bool said = timer.reported;
    if (!soft) timer.reported = true;
    keep(start, entry, timer);
    if (said) return;
    Report report;
    report.start = start;
    report.soft = soft;
    report.timer = static_cast<std::uint8_t>(&timer - entry.timers);
    explain(entry, timer, now, probe, report.evidence, sizeof report.evidence);
    reports.push_back(report);
}

// Heartbeats and probes: the deadline itself tells.
void Supervision::judge(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
                        std::vector<Report>& reports) {
    for (std::size_t i = 0; i < entry.count; ++i) {
        Timer& timer = entry.timers[i];
        if (timer.reported) continue;
        if (timer.due <= now && prober_owes(entry)) continue; // its answer comes now, or it is stuck
        if (timer.due <= now) {
            auto behind = now - timer.due;
            // Who was not heard is not late yet; once per silence.
            if (behind > kLate && !timer.excused) {
                timer.excused = true;
                timer.due = now + behind;
                keep(start, entry, timer);
            } else {
                late(start, entry, timer, false, now, probe, reports);
            }
        } else if (timer.soft_due != kNever && timer.soft_due <= now) {
            late(start, entry, timer, true, now, probe, reports);
        }
    }
}

// A look has found none.
void Supervision::no_sign(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
                          std::vector<Report>& reports) {
    Timer& timer = entry.timers[0];
    if (timer.reported) return;
    if (timer.soft_due != kNever && now >= timer.soft_due && now <= timer.due)
        late(start, entry, timer, true, now, probe, reports);
    if (now > timer.due) {
        late(start, entry, timer, false, now, probe, reports);
        return;
    }
    // Look once more when the time is over, not half a time later.
    entry.look_due = std::min(entry.look_due, timer.due + 1);
}

void Supervision::look_at_tasks(std::uint64_t start, Entry& entry, std::int64_t now,
                                TaskProbe& probe, std::vector<Report>& reports) {
    entry.look_due = now + look_interval(entry);
    TaskCount tasks = probe.look(entry.main_pid);
    if (tasks.threads == 0) return;
    if (tasks.alive > 0) sign(start, entry, entry.timers[0], now, reports);
    else no_sign(start, entry, now, probe, reports);
}

// ---- wishes and answers -------------------------------------------------------------------------

void Supervision::wish(std::uint64_t start, Entry& entry, std::int64_t now,
                       std::vector<Wish>& wishes) {
    if (entry.spec.source == Source::probe && entry.spec.probe[0] == '\0') { // not told yet
        entry.look_due = kNever;
        return;
    }
    Wish wish;
    wish.start = start;
    wish.main_pid = entry.main_pid;
    wish.kind = entry.spec.source == Source::progress ? Wish::Kind::progress
                : is_command(entry.spec)              ? Wish::Kind::command
                                                      : Wish::Kind::connect;
    if (++serial_ == 0) ++serial_;
    wish.serial = entry.serial = serial_;
    wish.target = entry.spec.probe;
    wish.limit = probe_timeout(entry.spec);
    entry.asked = true;
    entry.asked_at = now;
    entry.look_due = now + wish_limit(entry);
    const Timer& timer = entry.timers[0];
    if (wish.kind == Wish::Kind::connect && !timer.reported && timer.due > now) {
        wish.limit = std::min(wish.limit, timer.due - now); // the answer is there by the deadline
        entry.look_due = now + wish.limit + kProberSlack;
    }
    wishes.push_back(wish);
}

// look_due has come, and no answer has.
void Supervision::watch_over_wish(std::uint64_t start, Entry& entry, std::int64_t now,
                                  std::vector<Wish>& wishes) {
    Wish wish;
    wish.start = start;
    wish.kind = is_command(entry.spec) ? Wish::Kind::kill_command : Wish::Kind::prober_is_stuck;
    wishes.push_back(wish);
    entry.asked = false;
    if (!is_command(entry.spec)) {
        forgive_loss(start, entry, now);
        entry.look_due = now + kSoonestProbe;
        return;
    }
    ++entry.failures;
    std::snprintf(entry.why, sizeof entry.why, "it took longer than %.1f s and was killed",
                  seconds(probe_timeout(entry.spec)));
    entry.look_due = std::max(entry.asked_at + look_interval(entry), now + kSoonestProbe);
}

void Supervision::probed(std::uint64_t start, std::uint32_t serial, bool good, const char* why,
                         std::int64_t now, std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (!entry.asked || entry.spec.source != Source::probe) return;
    if (serial != entry.serial && !(serial == 0 && is_command(entry.spec))) return;
    entry.asked = false;
    entry.losses = 0;
    entry.look_due = std::max(entry.asked_at + look_interval(entry), now + kSoonestProbe);
    if (!good) {
        ++entry.failures;
        std::snprintf(entry.why, sizeof entry.why, "%s", why);
        return;
    }
    entry.failures = 0;
    sign(start, entry, entry.timers[0], now, reports);
}

void Supervision::progressed(std::uint64_t start, std::uint32_t serial, bool known,
                             const Progress& progress, std::int64_t now, TaskProbe& probe,
                             std::vector<Report>& reports) {
    auto found = entries_.find(start);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (!entry.asked || entry.spec.source != Source::progress || serial != entry.serial) return;
    entry.asked = false;
    entry.losses = 0;
    entry.look_due = now + look_interval(entry);
    if (!known) return; // no judgement
    bool first = !std::exchange(entry.seen_any, true);
    bool moved = progress.waits != entry.seen.waits || progress.io != entry.seen.io;
    bool stopped = progress.threads > 0 && progress.moving == 0;
    entry.seen = progress;
    if (first) entry.cpu_at_sign = progress.cpu_ms;
    if (moved && !first && !stopped) {
        entry.cpu_at_sign = progress.cpu_ms;
        sign(start, entry, entry.timers[0], now, reports);
    } else {
        no_sign(start, entry, now, probe, reports);
    }
}

void Supervision::prober_lost(std::int64_t now) {
    for (auto& [start, entry] : entries_) {
        if (entry.spec.source == Source::heartbeat || entry.spec.source == Source::tasks) continue;
        if (is_command(entry.spec) || !entry.asked) continue;
        entry.asked = false;
        entry.look_due = now + kSoonestProbe;
        forgive_loss(start, entry, now);
    }
}

void Supervision::forgive_loss(std::uint64_t start, Entry& entry, std::int64_t now) {
    Timer& timer = entry.timers[0];
    std::snprintf(entry.why, sizeof entry.why, "the prober was lost %u times in a row", ++entry.losses);
    if (timer.reported) return;
    if (entry.losses > kForgiven) ++entry.failures;
    else timer.due = std::max(timer.due, now + timer.limit);
    keep(start, entry, timer);
}

// ---- time ---------------------------------------------------------------------------------------

void Supervision::tick(std::int64_t now, TaskProbe& probe, std::vector<Report>& reports,
                       std::vector<Wish>& wishes) {
    for (auto& [start, entry] : entries_) {
        auto source = entry.spec.source;
        bool unseen = source == Source::progress && entry.losses > kForgiven; // it may never be seen
        if (source == Source::heartbeat || source == Source::probe || unseen)
            judge(start, entry, now, probe, reports);
        if (entry.look_due == kNever || entry.look_due > now) continue;
        if (source == Source::tasks) look_at_tasks(start, entry, now, probe, reports);
        else if (entry.asked) watch_over_wish(start, entry, now, wishes);
        else if (source != Source::heartbeat) wish(start, entry, now, wishes);
    }
}

void Supervision::ask_again(std::uint64_t start, std::uint8_t index, std::int64_t now) {
    auto found = entries_.find(start);
    if (found == entries_.end() || index >= found->second.count) return;
    Timer& timer = found->second.timers[index];
    if (!timer.reported) return; // it has been heard meanwhile
    timer.reported = false;
    timer.due = now + kAskAgain;
    keep(start, found->second, timer);
}

void Supervision::begin_anew(std::int64_t now) {
    for (auto& [start, entry] : entries_) {
        if (entry.look_due != kNever) entry.look_due = now + look_interval(entry);
        for (std::size_t i = 0; i < entry.count; ++i) {
            Timer& timer = entry.timers[i];
            if (timer.reported) continue; // its trouble stands until it beats
            begin(entry, timer, now, false);
            keep(start, entry, timer);
        }
    }
}

void Supervision::shift(std::int64_t ms) {
    for (auto& [start, entry] : entries_) {
        if (entry.look_due != kNever) entry.look_due += ms;
        for (std::size_t i = 0; i < entry.count; ++i) {
            Timer& timer = entry.timers[i];
            timer.last_sign += ms;
            timer.due += ms;
            timer.plain_due += ms;
            timer.promised += ms;
            if (timer.soft_due != kNever) timer.soft_due += ms;
            keep(start, entry, timer);
        }
    }
}

void Supervision::resumed(std::int64_t now) {
    for (auto& [start, entry] : entries_) {
        for (std::size_t i = 0; i < entry.count; ++i) {
            Timer& timer = entry.timers[i];
            auto time = std::min(timer.limit, kAfterResume);
            if (!timer.reported) timer.due = std::max(timer.due, now + time);
            if (timer.soft_due != kNever) timer.soft_due = std::max(timer.soft_due, now + time);
            keep(start, entry, timer);
        }
    }
}

std::int64_t Supervision::next() const {
    std::int64_t first = kNever;
    for (const auto& [start, entry] : entries_) {
        earliest(first, entry.look_due);
        if (entry.spec.source == Source::tasks ||
            (entry.spec.source == Source::progress && entry.losses <= kForgiven))
            continue;
        for (std::size_t i = 0; i < entry.count; ++i) {
            const Timer& timer = entry.timers[i];
            if (timer.reported) continue;
            if (!prober_owes(entry)) earliest(first, timer.due);
            earliest(first, timer.soft_due);
        }
    }
    return first;
}

std::size_t Supervision::silent() const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const auto& pair) {
        const Entry& entry = pair.second;
        return std::any_of(entry.timers, entry.timers + entry.count,
                           [](const Timer& timer) { return timer.reported; });
    }));
}

std::size_t Supervision::timers(std::uint64_t start, std::int64_t now, TimerView* views) const {
    auto found = entries_.find(start);
    if (found == entries_.end()) return 0;
    for (std::size_t i = 0; i < found->second.count; ++i) {
        const Timer& timer = found->second.timers[i];
        views[i] = {timer.name, timer.limit, timer.reported ? std::min(timer.due - now, std::int64_t{0})
                                                            : timer.due - now};
    }
    return found->second.count;
}

} // namespace leash_watchdog
