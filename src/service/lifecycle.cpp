// SPDX-License-Identifier: MIT
#include "service/lifecycle.h"

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace leash {
namespace {

constexpr std::size_t kMaxStatusText = 256, kMaxErrorText = 47;

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
    bool can_stop = life_.state == State::done || listens() ||
                    (alive() && life_.state != State::stopping);
    return can_stop && !life_.wanted_up;
}

bool Service::going_down() const {
    bool by_request = life_.outcome == Outcome::stopped || life_.outcome == Outcome::again ||
                      life_.outcome == Outcome::step_back;
    return stop_pending() || (life_.state == State::stopping && by_request);
}

bool Service::settled() const {
    switch (life_.state) {
    case State::waiting: return life_.listens;
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
    for (const auto& trouble : *life_.troubles)
        if (trouble.pending || trouble.calming) first = std::min(first, trouble.due);
    return first;
}

void Service::shift_deadlines(Ms by) {
    for (Ms* each : {&life_.start_deadline, &life_.stop_deadline, &life_.again_at,
                     &life_.runtime_deadline, &life_.next_run, &life_.control.deadline}) {
        bool of_calendar = each == &life_.next_run && life_.timed; // the world's clock went on
        if (*each != kNever && !of_calendar) *each += by;
    }
    if (life_.troubles.is_set())
        for (auto& trouble : life_.troubles.edit()) trouble.due += by;
}

void Service::define(ServiceSettings settings) {
    if (settings.on_trouble != newest_->on_trouble || settings.on_kind != newest_->on_kind ||
        settings.on_memory != newest_->on_memory)
        life_.budgets.clear(); // they counted other steps
    bool open = life_.sockets == Sockets::asked || life_.sockets == Sockets::open;
    if (open && !same_sockets(*settings.listen, *newest_->listen)) {
        life_.sockets = Sockets::stale;
        life_.listens = false;
    }
    if (!settings.listen->on_demand()) life_.lazy = life_.listens = false;
    if (life_.timed && settings.calendar != newest_->calendar) {
        life_.next_run = kNever; // another time; whoever has read the file says which
        life_.timed = !settings.calendar->rules.empty();
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
    life_.extended = Ms{0};
    if (to == State::stopped || to == State::failed || to == State::done)
        end_trouble(turn, TroubleKind::crash_loop, fmt::format("it is {}", to_string(to)));
    if (to == State::stopped || to == State::failed)
        life_.wanted_up = life_.again = life_.stepped_back = false;
    if (to == State::waiting || to == State::done) life_.wanted_up = true, life_.again = false;
    life_.listens = false;
    if (to != State::backoff && to != State::stopping) life_.again_at = kNever;
    if (to != State::running && to != State::reloading) life_.runtime_deadline = kNever;
    auto start = life_.start != 0 ? life_.start : life_.last_start;
    bool well = to == State::backoff && ended_well();
    turn.out.push_back(action::StateChanged{name(), start, from, to, life_.reason, well});
    bool closes = (to == State::stopped || to == State::failed) && life_.sockets != Sockets::closed;
    if (!closes) return;
    life_.sockets = Sockets::closed;
    turn.out.push_back(action::Unlisten{name()});
}

void Service::tell(Turn& turn, action::Severity severity, std::string text) {
    turn.out.push_back(action::Tell{severity, name(), std::move(text)});
}

void Service::forget_counters(Turn& turn) {
    end_trouble(turn, TroubleKind::crash_loop, "asked to begin anew");
    life_.restarts = 0;
    life_.automatic = false;
    life_.backoff.clear();
    life_.exits.clear();
    life_.failures.clear();
    life_.slow_loop = false;
}

void Service::restart_asked(Turn& turn, std::string reason, bool lazy) {
    life_.lazy = lazy;
    forget_counters(turn);
    drop_troubles(turn, "its start ends");
    life_.stepped_back = false;
    enter(turn, State::waiting, std::move(reason));
}

// ---- requests -----------------------------------------------------------------------------------

void Service::want_up(Turn& turn, bool by_name) {
    switch (life_.state) {
    case State::stopped:
    case State::failed:
        restart_asked(turn, "start requested", !by_name && newest_->listen->on_demand());
        break;
    case State::backoff: restart_asked(turn); break;
    case State::done:
        if (by_name) restart_asked(turn);
        else life_.wanted_up = true, life_.again = life_.stepped_back = false;
        break;
    case State::stopping:
        if ((life_.outcome == Outcome::done || life_.outcome == Outcome::listen ||
             life_.outcome == Outcome::step_back) &&
            !by_name)
            break;
        life_.stepped_back = false;
        drop_troubles(turn, "its start ends");
        life_.wanted_up = true;
        life_.outcome = Outcome::again;
        life_.outcome_reason = "start requested";
        break;
    case State::waiting:
        if (stop_pending()) listen_on(turn);
        if (!by_name) break;
        forget_counters(turn);
        if (std::exchange(life_.lazy, false)) life_.reason = "start requested";
        life_.listens = false;
        break;
    case State::starting:
    case State::running:
    case State::reloading: // up, or stays so
        life_.wanted_up = true;
        life_.again = life_.stepped_back = false;
        break;
    }
}

void Service::want_down(Turn& turn, const std::string& reason, bool again) {
    // It waits already, or will, for a provider that has gone, and comes back when that does.
    bool waits = life_.state == State::waiting ||
                 (life_.state == State::stopping && life_.outcome == Outcome::step_back);
    if (again && life_.stepped_back && waits && !life_.listens) return;
    life_.stepped_back = false;
    switch (life_.state) {
    case State::stopped: break;
    case State::failed:
        if (!again) enter(turn, State::stopped, reason);
        break;
    case State::waiting:
        if (life_.listens) { // others may depend on it
            life_.wanted_up = false;
            life_.again = again;
            life_.outcome_reason = reason;
        } else if (!again) enter(turn, State::stopped, reason);
        else forget_counters(turn);
        break;
    case State::backoff:
        drop_troubles(turn, "its start ends");
        if (again) restart_asked(turn);
        else enter(turn, State::stopped, reason);
        break;
    case State::stopping:
        drop_troubles(turn, "its start ends");
        life_.wanted_up = again;
        life_.outcome = again ? Outcome::again : Outcome::stopped;
        life_.outcome_reason = reason;
        break;
    case State::starting:
    case State::running:
    case State::reloading:
    case State::done: // the manager calls stop_now when its dependants are gone
        drop_troubles(turn, "its start ends");
        life_.wanted_up = false;
        life_.again = again;
        life_.outcome_reason = reason;
        break;
    }
}

void Service::step_back(Turn& turn, const std::string& reason) {
    switch (life_.state) {
    case State::stopped:
    case State::failed:
    case State::waiting: break;
    case State::backoff: life_.stepped_back = true; break; // and then it waits
    case State::stopping:
        if (life_.outcome == Outcome::retry || life_.outcome == Outcome::hold)
            life_.stepped_back = true;
        break;
    case State::starting:
    case State::running:
    case State::reloading:
    case State::done:
        if (!life_.wanted_up) break; // it goes down already
        tell(turn, action::Severity::notice, reason + ": stopping it until that is back");
        drop_troubles(turn, "its start ends");
        life_.wanted_up = false;
        life_.again = life_.stepped_back = true;
        life_.outcome_reason = reason;
        break;
    }
}

void Service::wait_for_calendar(Turn& turn, bool came) {
    if (life_.timed || newest_->calendar->rules.empty()) return;
    life_.timed = true;
    life_.next_run = kNever;
    turn.out.push_back(action::AskNextRun{name(), came});
}

void Service::next_run(Ms at) {
    if (life_.timed) life_.next_run = at;
}

// ---- up -----------------------------------------------------------------------------------------

void Service::go(Turn& turn, StartId id) {
    in_force_ = newest_;
    life_.stepped_back = false;
    if (in_force_->type == ServiceType::target) return enter(turn, State::running, "reached");

    life_.start = id;
    life_.main_pid = 0;
    life_.spawned_at = turn.now;
    life_.main_moved = life_.main_exited = life_.end_asked = life_.emptied = false;
    life_.outcome = Outcome::undecided;
    life_.outcome_reason.clear();
    life_.status_text.clear();
    life_.error_text.clear();
    life_.error_number = 0;
    life_.said_exit.reset();
    life_.watchdog = life_.runtime_extended = life_.reload_asked = Ms{0};
    life_.reload_begun = life_.times_reloads = false;
    drop_troubles(turn, "its start ends");
    life_.control = {};
    life_.exit_seen = life_.cleaned = life_.silent = life_.traffic_left = false;
    life_.lazy = false;
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
    // Who tells when its reloads begin answers one with READY=1 after that.
    bool earlier = life_.reload_asked != Ms{0} && life_.times_reloads && !life_.reload_begun;
    if (life_.state == State::reloading && !earlier) come_up(turn);
    if (life_.state == State::starting && in_force_->notify.kind != NotifyKind::none) come_up(turn);
}

void Service::come_up(Turn& turn) {
    trouble_over(turn, TroubleKind::start_timeout);
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
    if (first) calm_down(turn);
}

void Service::reloading(Turn& turn, std::optional<Ms> began) {
    if (began) life_.times_reloads = true;
    if (life_.control.running) return; // its end leads on
    if (life_.state == State::running) {
        life_.reload_begun = true;
        enter_reload(turn, Ms{0});
    } else if (life_.state == State::reloading && (!began || *began >= life_.reload_asked)) {
        life_.reload_begun = true;
    }
}

void Service::enter_reload(Turn& turn, Ms asked) {
    life_.reload_asked = asked;
    if (in_force_->type != ServiceType::oneshot)
        life_.start_deadline = deadline_of(turn.now, in_force_->reload_timeout);
    enter(turn, State::reloading, "");
}

void Service::reload_asked(Turn& turn) {
    if (life_.state != State::running || life_.start == 0)
        return tell(turn, action::Severity::warning,
                    fmt::format("cannot reload: it is {}", to_string(life_.state)));
    // A job that told that it was ready, and then did what it had to.
    if (life_.main_exited || life_.control.running)
        return tell(turn, action::Severity::warning,
                    "cannot reload: its main process has ended");
    life_.reload_begun = false;
    enter_reload(turn, turn.now);
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

void Service::error_told(const event::ErrorTold& told) {
    if (told.number) life_.error_number = *told.number;
    if (told.exit_status) life_.said_exit = told.exit_status;
    if (told.error) life_.error_text = shortened(printable(*told.error), kMaxErrorText);
}

// The limit that runs in this phase, never to an earlier time.
void Service::time_asked(Turn& turn, Ms time) {
    Ms* deadline = nullptr;
    Ms* used = &life_.extended;
    if (life_.control.running) deadline = &life_.control.deadline;
    else if (life_.state == State::starting || life_.state == State::reloading)
        deadline = &life_.start_deadline;
    else if (life_.state == State::stopping) deadline = &life_.stop_deadline;
    else if (life_.state == State::running)
        deadline = &life_.runtime_deadline, used = &life_.runtime_extended;
    if (!deadline || *deadline == kNever || turn.now + time <= *deadline) return;
    Ms more = turn.now + time - *deadline;
    Ms left = std::max(in_force_->extend_limit - *used, Ms{0});
    if (more > left && left > Ms{0})
        tell(turn, action::Severity::warning,
             fmt::format("asks for more time than its extend-limit of {} allows",
                         format_duration(in_force_->extend_limit)));
    more = std::min(more, left);
    *deadline += more;
    *used += more;
}

// The limit of its exits stands: who can forgive himself could crash for ever.
void Service::restarts_forgiven(Turn& turn) {
    end_trouble(turn, TroubleKind::crash_loop, "it asks to forgive its restarts");
    life_.restarts = 0;
    life_.backoff.clear();
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
        auto limit = format_duration(in_force_->start_timeout + life_.extended);
        // A job that reloads still has the limit of its start.
        bool job = in_force_->type == ServiceType::oneshot;
        if (life_.state == State::reloading && !job) {
            tell(turn, action::Severity::warning,
                 fmt::format("did not say READY=1 within {} of its reload",
                             format_duration(in_force_->reload_timeout + life_.extended)));
            enter(turn, State::running, "reload timed out");
        } else {
            trouble_seen(turn, TroubleKind::start_timeout,
                         (job ? "still running after " : "not ready within ") + limit);
        }
    }
    if (life_.stop_deadline <= turn.now) {
        tell(turn, action::Severity::warning,
             fmt::format("did not stop within {}, killing it",
                         format_duration(in_force_->stop_timeout + life_.extended)));
        end_start(turn);
    }
    if (life_.runtime_deadline <= turn.now) {
        life_.runtime_deadline = kNever;
        trouble_seen(turn, TroubleKind::runtime_limit,
                     "running for " +
                         format_duration(in_force_->runtime_limit + life_.runtime_extended));
    }
    control_tick(turn);
    trouble_tick(turn);
    if (rests(life_.state) && life_.next_run <= turn.now) {
        life_.next_run = kNever;
        if (turn.shutting_down) return;
        if (std::exchange(life_.timed, false)) {
            wait_for_calendar(turn, true); // of the newest settings
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
