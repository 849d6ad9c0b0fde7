// SPDX-License-Identifier: MIT
#include "service/lifecycle.h"

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace leash {
namespace {

constexpr std::size_t kMaxStatusText = 256;

// Nothing goes on: what a timer can start.
bool rests(State state) {
    return state == State::stopped || state == State::done || state == State::failed;
}

// Cuts at the border of a character.
std::string shortened(std::string_view text, std::size_t most) {
    if (text.size() <= most) return std::string(text);
    auto end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return std::string(text.substr(0, end));
}

} // namespace

// ---- what others see ----------------------------------------------------------------------------

bool Service::stop_pending() const {
    bool can_stop = life_.state == State::done || (alive() && life_.state != State::stopping);
    return can_stop && !life_.wanted_up;
}

bool Service::going_down() const {
    bool by_request = life_.outcome == Outcome::stopped || life_.outcome == Outcome::again;
    return stop_pending() || (life_.state == State::stopping && by_request);
}

bool Service::settled() const {
    switch (life_.state) {
    case State::waiting:
    case State::starting:
    case State::stopping: return false;
    case State::running:
    case State::reloading:
    case State::done:
    case State::backoff:
    case State::failed:
    case State::stopped: return true;
    }
    return true;
}

Ms Service::next_deadline() const {
    Ms first = std::min(life_.start_deadline, life_.stop_deadline);
    if (life_.control.running) first = std::min(first, life_.control.deadline);
    first = std::min(first, life_.runtime_deadline);
    if (life_.state == State::backoff) first = std::min(first, life_.again_at);
    if (rests(life_.state)) first = std::min(first, life_.next_run);
    for (const auto& trouble : life_.troubles)
        if (trouble.pending) first = std::min(first, trouble.due);
    return first;
}

void Service::shift_deadlines(Ms by) {
    for (Ms* each : {&life_.start_deadline, &life_.stop_deadline, &life_.again_at,
                     &life_.runtime_deadline, &life_.next_run, &life_.control.deadline}) {
        bool of_calendar = each == &life_.next_run && life_.timed; // the world's clock went on
        if (*each != kNever && !of_calendar) *each += by;
    }
    for (auto& trouble : life_.troubles) trouble.due += by;
}

void Service::define(ServiceSettings settings) {
    if (settings.on_trouble != newest_->on_trouble || settings.on_kind != newest_->on_kind)
        life_.budgets.clear(); // they counted other steps
    if (life_.timed && settings.calendar != newest_->calendar) {
        life_.next_run = kNever; // another time; whoever has read the file says which
        life_.timed = !settings.calendar.rules.empty();
    }
    newest_ = std::make_shared<ServiceSettings>(std::move(settings));
    if (!alive()) in_force_ = newest_;
}

// ---- small parts --------------------------------------------------------------------------------

void Service::enter(Turn& turn, State to, std::string reason) {
    State from = life_.state;
    life_.state = to;
    life_.since = turn.now;
    life_.reason = std::move(reason);
    if (to == State::stopped || to == State::failed) life_.wanted_up = life_.again = false;
    if (to == State::waiting || to == State::done) life_.wanted_up = true, life_.again = false;
    if (to != State::backoff && to != State::stopping) life_.again_at = kNever;
    if (to != State::running && to != State::reloading) life_.runtime_deadline = kNever;
    auto start = life_.start != 0 ? life_.start : life_.last_start;
    turn.out.push_back(action::StateChanged{name(), start, from, to, life_.reason});
}

void Service::tell(Turn& turn, action::Severity severity, std::string text) {
    turn.out.push_back(action::Tell{severity, name(), std::move(text)});
}

void Service::forget_counters() {
    life_.restarts = 0;
    life_.automatic = false;
    life_.backoff.clear();
    life_.exits.clear();
}

void Service::drop_troubles() {
    for (auto& trouble : life_.troubles) trouble.pending = false;
}

void Service::restart_asked(Turn& turn, std::string reason) {
    forget_counters();
    drop_troubles();
    enter(turn, State::waiting, std::move(reason));
}

// ---- requests -----------------------------------------------------------------------------------

void Service::want_up(Turn& turn, bool by_name) {
    switch (life_.state) {
    case State::stopped:
    case State::failed:
    case State::backoff: restart_asked(turn); break;
    case State::done:
        if (by_name) restart_asked(turn);
        else life_.wanted_up = true, life_.again = false;
        break;
    case State::stopping:
        if (life_.outcome == Outcome::done && !by_name) break;
        drop_troubles();
        life_.wanted_up = true;
        life_.outcome = Outcome::again;
        life_.outcome_reason = "start requested";
        break;
    case State::waiting:
        if (by_name) forget_counters();
        break;
    case State::starting:
    case State::running:
    case State::reloading: life_.wanted_up = true, life_.again = false; break; // up, or stays so
    }
}

void Service::want_down(Turn& turn, const std::string& reason, bool again) {
    if (!again) stop_timer();
    switch (life_.state) {
    case State::stopped: break;
    case State::failed:
        if (!again) enter(turn, State::stopped, reason);
        break;
    case State::waiting:
        if (!again) enter(turn, State::stopped, reason);
        else forget_counters();
        break;
    case State::backoff:
        drop_troubles();
        if (again) restart_asked(turn);
        else enter(turn, State::stopped, reason);
        break;
    case State::stopping:
        drop_troubles();
        life_.wanted_up = again;
        life_.outcome = again ? Outcome::again : Outcome::stopped;
        life_.outcome_reason = reason;
        break;
    case State::starting:
    case State::running:
    case State::reloading:
    case State::done: // the manager calls stop_now when its dependants are gone
        drop_troubles();
        life_.wanted_up = false;
        life_.again = again;
        life_.outcome_reason = reason;
        break;
    }
}

void Service::wait_for_calendar(Turn& turn) {
    if (life_.timed || newest_->calendar.rules.empty()) return;
    life_.timed = true;
    life_.next_run = kNever;
    turn.out.push_back(action::AskNextRun{name()});
}

void Service::next_run(Ms at) {
    if (life_.timed) life_.next_run = at;
}

// ---- up -----------------------------------------------------------------------------------------

void Service::go(Turn& turn, StartId id) {
    in_force_ = newest_;
    if (in_force_->type == ServiceType::target) return enter(turn, State::running, "reached");

    life_.start = id;
    life_.main_pid = 0;
    life_.spawned_at = turn.now;
    life_.main_moved = life_.main_exited = life_.end_asked = life_.emptied = false;
    life_.outcome = Outcome::undecided;
    life_.outcome_reason.clear();
    life_.status_text.clear();
    for (auto& trouble : life_.troubles) trouble = {};
    life_.control = {};
    life_.exit_seen = life_.cleaned = life_.silent = false;
    life_.start_deadline = life_.stop_deadline = kNever;
    bool timer = in_force_->type == ServiceType::oneshot && in_force_->interval > 0ms;
    if (!life_.timed) life_.next_run = timer ? turn.now + in_force_->interval : kNever;
    wait_for_calendar(turn);
    if (std::exchange(life_.automatic, false)) ++life_.restarts;
    enter(turn, State::starting,
          life_.restarts == 0 ? "" : fmt::format("restart {}", life_.restarts));
    life_.main_exited = true; // there is none yet
    if (!begin_control(turn, ControlKind::pre)) spawn_main(turn);
}

void Service::give_up(Turn& turn, const std::string& reason) { enter(turn, State::failed, reason); }

void Service::spawned(int pid) {
    if (!life_.main_exited) life_.main_pid = pid;
}

void Service::executed(Turn& turn) {
    if (life_.state == State::starting && !life_.control.running && !life_.main_exited &&
        in_force_->notify.kind == NotifyKind::none && in_force_->type != ServiceType::oneshot)
        come_up(turn);
}

void Service::ready(Turn& turn) {
    if (life_.control.running) return; // its end leads on
    if (life_.state == State::reloading) come_up(turn);
    if (life_.state == State::starting && in_force_->notify.kind != NotifyKind::none) come_up(turn);
}

void Service::come_up(Turn& turn) {
    trouble_over(TroubleKind::start_timeout);
    bool first = life_.state == State::starting;
    if (in_force_->type != ServiceType::oneshot) {
        life_.start_deadline = kNever;
        if (first && begin_control(turn, ControlKind::post)) return;
    }
    go_running(turn, first ? "" : "reloaded");
}

void Service::go_running(Turn& turn, std::string reason) {
    bool first = life_.state == State::starting;
    if (in_force_->type != ServiceType::oneshot) life_.start_deadline = kNever;
    enter(turn, State::running, std::move(reason));
    if (first) life_.runtime_deadline = deadline_of(turn.now, in_force_->runtime_limit);
}

void Service::reloading(Turn& turn) {
    if (life_.state != State::running) return;
    if (in_force_->type != ServiceType::oneshot)
        life_.start_deadline = deadline_of(turn.now, in_force_->reload_timeout);
    enter(turn, State::reloading, "");
}

void Service::reload_asked(Turn& turn) {
    if (life_.state != State::running || life_.start == 0)
        return tell(turn, action::Severity::warning,
                    fmt::format("cannot reload: it is {}", to_string(life_.state)));
    reloading(turn);
    bool by_command = !commands_of(*in_force_, ControlKind::reload).empty();
    if (by_command) {
        if (in_force_->type != ServiceType::oneshot)
            life_.start_deadline = kNever; // each command has its own
        begin_control(turn, ControlKind::reload);
        return;
    }
    turn.out.push_back(action::ReloadMain{name(), life_.start});
    // Nobody else would tell when it is through.
    if (in_force_->notify.kind != NotifyKind::systemd) come_up(turn);
}

void Service::status_text(std::string_view text) {
    life_.status_text = shortened(printable(shortened(text, kMaxStatusText)), kMaxStatusText);
}

void Service::main_changed(int pid) {
    if (life_.end_asked || (life_.state == State::stopping && life_.main_exited)) return;
    if (life_.cleaned || runs(ControlKind::pre)) return; // there can be none
    life_.main_pid = pid;
    life_.main_moved = true;
    life_.main_exited = false;
}

// ---- time ---------------------------------------------------------------------------------------

void Service::tick(Turn& turn) {
    if (life_.start_deadline <= turn.now) {
        life_.start_deadline = kNever;
        auto limit = format_duration(in_force_->start_timeout);
        if (life_.state == State::reloading) {
            tell(turn, action::Severity::warning,
                 fmt::format("did not say READY=1 within {} of its reload",
                             format_duration(in_force_->reload_timeout)));
            enter(turn, State::running, "reload timed out");
        } else {
            bool job = in_force_->type == ServiceType::oneshot;
            trouble_seen(turn, TroubleKind::start_timeout,
                         (job ? "still running after " : "not ready within ") + limit);
        }
    }
    if (life_.stop_deadline <= turn.now) {
        tell(turn, action::Severity::warning,
             fmt::format("did not stop within {}, killing it",
                         format_duration(in_force_->stop_timeout)));
        end_start(turn);
    }
    if (life_.runtime_deadline <= turn.now) {
        life_.runtime_deadline = kNever;
        trouble_seen(turn, TroubleKind::runtime_limit,
                     "running for " + format_duration(in_force_->runtime_limit));
    }
    control_tick(turn);
    trouble_tick(turn);
    if (rests(life_.state) && life_.next_run <= turn.now) {
        life_.next_run = kNever;
        if (turn.shutting_down) return;
        if (std::exchange(life_.timed, false)) {
            wait_for_calendar(turn); // of the newest settings
            if (life_.timed) restart_asked(turn, "its time has come");
            return;
        }
        // From the newest settings: it may have lost its interval, or get no further than waiting.
        life_.next_run = deadline_of(turn.now, newest_->interval);
        restart_asked(turn, "interval has passed");
    }
    if (life_.state == State::backoff && life_.again_at <= turn.now)
        enter(turn, State::waiting, "the pause is over");
}

} // namespace leash
