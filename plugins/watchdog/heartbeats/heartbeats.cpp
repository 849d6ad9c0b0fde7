// SPDX-License-Identifier: MIT
#include "heartbeats.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include <sys/wait.h>

#include "../cookies.h"
#include "../say.h"

namespace leash_watchdog {

namespace {

constexpr std::int64_t kStall = 2000; // LEASH_EVENT_LOOP comes once a second at least
constexpr const char* kMissedHeartbeat = "missed-heartbeat";

std::int64_t boottime_ms() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

} // namespace

void Heartbeats::start(const leash_host* host, std::int64_t now) {
    host_ = host;
    last_event_ = now;
    table_.open(host);
    supervision_.keep_in(table_.slots());
    // While nobody listened, nobody was late.
    if (table_.noted() > 0 && now > table_.noted()) supervision_.shift(now - table_.noted());
    table_.note(now);
    suspend_.note(now, boottime_ms());
    prober_.start(host, &table_, [this] { supervision_.prober_lost(last_event_); });
    act(now);
}

void Heartbeats::note_time(std::int64_t now) {
    std::int64_t gap = now - last_event_;
    last_event_ = now;
    table_.note(now);
    if (auto slept = suspend_.note(now, boottime_ms()); slept > 0) {
        supervision_.resumed(now);
        say(host_, LEASH_NOTICE, "the machine was suspended for %.1f s: heartbeats have a second more",
            static_cast<double>(slept) / 1000);
    }
    if (gap <= kStall) return;
    supervision_.shift(gap);
    say(host_, LEASH_WARNING, "PID 1's loop stood still for %.1f s: all heartbeat deadlines move by it",
        static_cast<double>(gap) / 1000);
}

bool Heartbeats::event(const leash_event& event) {
    std::int64_t now = event.now_ms;
    switch (event.type) {
    case LEASH_EVENT_SERVICE_STATE:
        service_state(event);
        return true;
    case LEASH_EVENT_HEARTBEAT:
        heartbeat(event);
        return true;
    case LEASH_EVENT_HEARTBEAT_TRIGGER:
        supervision_.trigger(event.start, reports_);
        return true;
    case LEASH_EVENT_TIME_ASKED:
        supervision_.extend(event.start, event.watchdog_ms, now);
        return true;
    case LEASH_EVENT_PROBE_EXIT:
        probe_exited(event);
        return true;
    case LEASH_EVENT_TIMER:
        if (event.cookie != kTimerSupervision) return false;
        supervision_.tick(now, probe_, reports_, wishes_);
        return true;
    case LEASH_EVENT_READABLE:
        if (event.cookie != kFdProber) return false;
        prober_.read([this](const ProbeTold& message) { told(message); }, now);
        return true;
    case LEASH_EVENT_HELPER_EXIT:
        if (event.cookie != kHelperProber) return false;
        prober_.exited(event.main_pid, event.status, now);
        return true;
    default:
        return false;
    }
}

void Heartbeats::service_state(const leash_event& event) {
    bool up = event.state == LEASH_RUNNING || event.state == LEASH_RELOADING;
    if (event.start == 0) return;
    bool known = event.source >= LEASH_SOURCE_HEARTBEAT && event.source <= LEASH_SOURCE_PROBE;
    if (!up || !known || event.watchdog_ms <= 0) {
        if (supervision_.runs_command(event.start)) host_->kill_probe(event.start);
        supervision_.forget(event.start);
        watched_.erase(event.start);
        return;
    }
    auto source = static_cast<Source>(event.source);
    WatchSpec spec;
    if (!parse_watch(event.text, spec)) spec = plain_watch(source, event.watchdog_ms);
    spec.source = source;
    watched_[event.start].service = event.name;
    supervision_.watch(event.start, spec, event.main_pid, event.now_ms);
}

void Heartbeats::heartbeat(const leash_event& event) {
    if (supervision_.heartbeat(event.start, event.kind, event.main_pid, event.now_ms, reports_))
        return;
    auto known = watched_.find(event.start);
    if (known == watched_.end() || std::exchange(known->second.no_such_timer_said, true)) return;
    if (event.kind[0] == '\0')
        say(host_, LEASH_WARNING,
            "%s: WATCHDOG=1 without WATCHDOG_TIMER= feeds none of its timers: none is called main",
            event.name);
    else
        say(host_, LEASH_WARNING,
            "%s: a heartbeat of process %d is for the timer %s, which it does not have", event.name,
            event.main_pid, event.kind);
}

void Heartbeats::probe_exited(const leash_event& event) {
    int status = event.status;
    char why[160];
    if (status == -1) std::snprintf(why, sizeof why, "it cannot be run: %s", event.text);
    else if (WIFSIGNALED(status))
        std::snprintf(why, sizeof why, "killed by signal %d", WTERMSIG(status));
    else std::snprintf(why, sizeof why, "exit status %d", WEXITSTATUS(status));
    supervision_.probed(event.start, 0, status == 0, why, event.now_ms, reports_);
}

void Heartbeats::told(const ProbeTold& told) {
    // One that is connected to and one whose progress is read: the table knows which it asked for.
    supervision_.probed(told.id, told.serial, told.good != 0, told.why, last_event_, reports_);
    supervision_.progressed(told.id, told.serial, told.good != 0, told.progress, last_event_, probe_,
                            reports_);
}

void Heartbeats::carry_out(const Wish& wish, std::int64_t now) {
    switch (wish.kind) {
    case Wish::Kind::command: {
        int error = host_->run_probe(wish.start);
        if (error == -ESRCH) supervision_.forget(wish.start); // its end will be told
        else if (error < 0)
            supervision_.probed(wish.start, 0, false, std::strerror(-error), now, reports_);
        return;
    }
    case Wish::Kind::kill_command:
        host_->kill_probe(wish.start);
        return;
    case Wish::Kind::prober_is_stuck:
        prober_.replace("it does not answer in time", now);
        return;
    case Wish::Kind::connect:
    case Wish::Kind::progress:
        break;
    }
    ProbeAsk ask;
    ask.kind = wish.kind == Wish::Kind::connect ? ProbeKind::connect : ProbeKind::progress;
    ask.id = wish.start;
    ask.serial = wish.serial;
    ask.limit = wish.limit;
    ask.pid = wish.main_pid;
    if (wish.kind == Wish::Kind::connect)
        std::snprintf(ask.target, sizeof ask.target, "%s", wish.target);
    prober_.ask(ask, now);
}

void Heartbeats::tell(const Report& report, std::int64_t now) {
    if (report.over) {
        host_->trouble_over(report.start, kMissedHeartbeat);
        return;
    }
    if (report.soft) {
        auto known = watched_.find(report.start);
        if (known == watched_.end()) return;
        say(host_, LEASH_WARNING, "%s: watchdog-soft: %s", known->second.service.c_str(),
            report.evidence);
        return;
    }
    int error = host_->trouble(report.start, kMissedHeartbeat, report.evidence);
    if (error == -ESRCH) {
        supervision_.forget(report.start);
        watched_.erase(report.start);
    }
    if (error == -EAGAIN) supervision_.ask_again(report.start, report.timer, now);
}

void Heartbeats::act(std::int64_t now) {
    for (int round = 0; round < 2; ++round) { // what cannot be asked answers at once
        for (const Wish& wish : std::exchange(wishes_, {})) carry_out(wish, now);
        for (const Report& report : std::exchange(reports_, {}))
            if (enabled_ || report.over) tell(report, now);
    }
    host_->set_timer(kTimerSupervision, enabled_ ? supervision_.next() : kNever); // kNever cancels
}

void Heartbeats::set_enabled(bool enabled, std::int64_t now) {
    if (enabled && !enabled_) supervision_.begin_anew(now);
    enabled_ = enabled;
    act(now);
}

std::size_t Heartbeats::timers(std::uint64_t start, leash_timer* timers, std::size_t most) const {
    Supervision::TimerView views[kMostTimers];
    std::size_t count = std::min(supervision_.timers(start, host_->now_ms(), views), most);
    for (std::size_t i = 0; i < count; ++i) {
        std::snprintf(timers[i].name, sizeof timers[i].name, "%s", views[i].name);
        timers[i].limit_ms = views[i].limit;
        timers[i].left_ms = views[i].left;
    }
    return count;
}

} // namespace leash_watchdog
