// SPDX-License-Identifier: MIT
// The part of a service's life-cycle in which a start ends, and what becomes of the service then.
#include "service/lifecycle.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <sys/wait.h>

#include "base/signal_name.h"
#include "base/units.h"

namespace leash {

std::string describe_exit(int status) {
    if (WIFEXITED(status)) return fmt::format("exited with status {}", WEXITSTATUS(status));
    if (WIFSIGNALED(status))
        return fmt::format("killed by signal {} ({})", WTERMSIG(status),
                           signal_name(WTERMSIG(status)));
    return fmt::format("ended with wait status {:#x}", status);
}

ExitKind classify_exit(int status, const ServiceSettings& settings) {
    const auto& success = *settings.success_exit_status;
    auto among = [](const std::vector<int>& list, int number) {
        return std::ranges::find(list, number) != list.end();
    };
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        return code == 0 || among(success.statuses, code) ? ExitKind::success : ExitKind::failure;
    }
    if (!WIFSIGNALED(status)) return ExitKind::abnormal;
    int signal = WTERMSIG(status);
    bool usual = signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE;
    if (usual && settings.type != ServiceType::oneshot) return ExitKind::success;
    return among(success.signals, signal) ? ExitKind::success : ExitKind::abnormal;
}

// Nobody asked it to, and nothing else is the reason: it was ready, and no policy has spoken.
bool Service::ended_well() const {
    if (life_.outcome != Outcome::retry || !life_.last_exit) return false;
    if (!WIFEXITED(*life_.last_exit)) return false;
    return classify_exit(*life_.last_exit, *in_force_) == ExitKind::success &&
           life_.outcome_reason == describe_exit(*life_.last_exit);
}

void Service::stop_now(Turn& turn) {
    bool again = life_.again;
    if (again && listens()) return listen_on(turn);
    if (life_.start == 0) { // done, or a target, or it listens
        if (!again) enter(turn, State::stopped, life_.outcome_reason);
        else if (life_.stepped_back) enter(turn, State::waiting, life_.outcome_reason);
        else restart_asked(turn);
        in_force_ = newest_;
        return;
    }
    begin_stop(turn, outcome_asked_for(), life_.outcome_reason);
    life_.wanted_up = again;
}

Outcome Service::outcome_asked_for() const {
    if (!life_.again) return Outcome::stopped;
    return life_.stepped_back ? Outcome::step_back : Outcome::again;
}

void Service::begin_stop(Turn& turn, Outcome outcome, const std::string& reason) {
    life_.outcome = outcome;
    life_.outcome_reason = reason;
    life_.again = false;
    life_.start_deadline = kNever;
    bool was_up = is_up(life_.state);
    drop_troubles(turn, "its start ends");
    drop_control(turn);
    enter(turn, State::stopping, reason);
    if (life_.main_exited) { // not there yet, or in the background, and its pid file never came
        life_.again_at = turn.now + life_.pause;
        return end_start(turn);
    }
    if (was_up && begin_control(turn, ControlKind::stop)) return;
    ask_to_stop(turn);
}

void Service::ask_to_stop(Turn& turn) {
    life_.extended = Ms{0};
    life_.stop_deadline = deadline_of(turn.now, in_force_->stop_timeout);
    turn.out.push_back(action::SignalStart{name(), life_.start, in_force_->stop_signal});
}

// The service cannot be late with what it was not told yet. Held anew: until the last one's end.
void Service::signal_held(Ms until) {
    if (life_.state != State::stopping || life_.stop_deadline == kNever) return;
    life_.stop_deadline = std::max(life_.stop_deadline, until + in_force_->stop_timeout);
}

// What it has asked for on top (EXTEND_TIMEOUT_USEC=) stays.
void Service::signal_sent(Turn& turn) {
    if (life_.state != State::stopping || life_.stop_deadline == kNever) return;
    if (life_.extended == Ms{0}) life_.stop_deadline = turn.now + in_force_->stop_timeout;
}

// It goes down before it was its turn: what was asked of it holds all the same.
void Service::take_outcome_of_request() {
    life_.outcome = Outcome::undecided;
    if (!stop_pending()) return;
    life_.outcome = outcome_asked_for();
    life_.wanted_up = life_.again;
}

void Service::stopping(Turn& turn) {
    if (!alive() || life_.state == State::stopping) return;
    if (runs(ControlKind::pre)) return; // nobody is there to say so
    take_outcome_of_request();
    life_.start_deadline = kNever;
    life_.stop_deadline = deadline_of(turn.now, in_force_->stop_timeout);
    drop_troubles(turn, "its start ends");
    drop_control(turn);
    enter(turn, State::stopping, "stops by itself");
    // Without a limit nobody would ever tell that it has: its main process is not known.
    if (life_.main_exited && life_.stop_deadline == kNever) end_start(turn);
}

void Service::end_start(Turn& turn) {
    life_.stop_deadline = life_.start_deadline = kNever;
    drop_control(turn);
    if (std::exchange(life_.end_asked, true)) return;
    turn.out.push_back(action::EndStart{name(), life_.start, turn.shutting_down});
}

void Service::end_now(Turn& turn) {
    if (life_.start == 0) return stop_now(turn);
    life_.cleaned = true; // no time for that
    if (life_.state != State::stopping) {
        life_.outcome = Outcome::stopped;
        drop_troubles(turn, "its start ends");
        enter(turn, State::stopping, life_.outcome_reason);
    }
    end_start(turn);
}

void Service::spawn_failed(Turn& turn, const std::string& reason) {
    if (life_.main_exited) return;
    life_.last_exit.reset();
    main_gone(turn, ExitKind::failure, "cannot start: " + reason);
}

void Service::main_exited(Turn& turn, int status) {
    if (life_.main_exited) return;
    life_.last_exit = status;
    life_.exit_seen = true;
    auto exit = classify_exit(status, *in_force_);
    bool oneshot = in_force_->type == ServiceType::oneshot;
    // A daemon that puts itself into the background: the pid file will name its main process.
    bool backgrounds = in_force_->notify.kind == NotifyKind::pidfile &&
                       !oneshot;
    if (exit == ExitKind::success && backgrounds && !life_.main_moved &&
        life_.state == State::starting) {
        life_.main_pid = 0;
        life_.main_exited = true;
        return;
    }
    // A job is ready when it is done.
    if (oneshot && exit == ExitKind::success && life_.state != State::stopping && !stop_pending() &&
        !commands_of(*in_force_, ControlKind::post).empty()) {
        life_.main_pid = 0;
        life_.main_exited = true;
        life_.start_deadline = kNever;
        drop_troubles(turn, "its start ends");
        drop_control(turn);
        begin_control(turn, ControlKind::post);
        return;
    }
    main_gone(turn, exit, describe_exit(status));
}

void Service::main_gone(Turn& turn, ExitKind exit, const std::string& reason) {
    bool early = life_.state == State::starting && in_force_->notify.kind != NotifyKind::none &&
                 in_force_->type != ServiceType::oneshot;
    early = early && !reason.starts_with("cannot") && !reason.starts_with("command-");
    std::string why = early ? reason + " before it was ready" : reason;
    life_.main_pid = 0;
    life_.main_exited = true;
    if (life_.state != State::stopping) {
        take_outcome_of_request();
        drop_troubles(turn, "its start ends");
        enter(turn, State::stopping, why);
    }
    life_.start_deadline = kNever;
    if (life_.outcome == Outcome::undecided) decide(turn, exit, why);
    if (life_.outcome == Outcome::retry) life_.again_at = turn.now + life_.pause;
    if (runs(ControlKind::stop)) return; // what it has begun it may finish
    end_start(turn);
    finish_if_over(turn);
}

// The main process is gone, nobody asked for it: what now?
void Service::decide(Turn& turn, ExitKind exit, const std::string& reason) {
    life_.outcome_reason = reason;
    bool success = exit == ExitKind::success;
    bool restart = false;
    switch (in_force_->restart) {
    case RestartWhen::always: restart = true; break;
    case RestartWhen::on_failure: restart = !success || life_.silent; break;
    case RestartWhen::on_abnormal: restart = exit == ExitKind::abnormal || life_.silent; break;
    case RestartWhen::on_watchdog: restart = life_.silent; break;
    case RestartWhen::no: break;
    }
    if (in_force_->type == ServiceType::oneshot && success) life_.outcome = Outcome::done;
    else if (newest_->listen->on_demand() && success && !life_.silent) life_.outcome = Outcome::listen;
    else if (restart) restart_by_policy_of_exits(turn, reason);
    else life_.outcome = success ? Outcome::stopped : Outcome::failed;
}

void Service::restart_by_policy_of_exits(Turn& turn, const std::string& reason) {
    const auto& soon = in_force_->restart_limit;
    const auto& late = in_force_->restart_limit_long;
    life_.outcome = Outcome::retry;
    life_.pause = life_.backoff.next(turn.now - life_.spawned_at, *in_force_);
    // Who ends well time and again, by his own choice, may do so for years.
    bool failure = !ended_well() || life_.silent;
    bool many_soon = soon.count > 0 && !life_.exits.edit().take(soon, turn.now);
    bool many_late = failure && late.count > 0 && !life_.failures.edit().take(late, turn.now);
    if (!many_soon && !many_late) return;

    // A crash loop. What the policy does not decide: on, a quick one with the longest pause. The
    // counts begin anew, so that a policy's budget counts crash loops, not exits; but no slow one
    // takes its exits from a quick one, which would not be seen then.
    const auto& limit = many_soon ? soon : late;
    life_.slow_loop = !many_soon;
    life_.failures.clear();
    if (many_soon) {
        life_.pause = in_force_->restart_delay_max;
        life_.exits.clear();
        life_.backoff.clear();
    }
    answer(turn, TroubleKind::crash_loop, 0, false,
           fmt::format("{} exits in {}, the last one {}", limit.count + 1,
                       format_duration(limit.window), reason));
}

void Service::emptied(Turn& turn, int remains, bool traffic) {
    if (!life_.end_asked) return; // nobody asked, so it answers nothing
    life_.emptied = true;
    life_.remains = remains;
    life_.traffic_left = traffic;
    finish_if_over(turn);
}

void Service::finish_if_over(Turn& turn) {
    if (!life_.emptied || !life_.main_exited || life_.control.running) return;
    if (!std::exchange(life_.cleaned, true) && begin_control(turn, ControlKind::cleanup)) {
        life_.end_asked = life_.emptied = false; // for what it may leave
        return;
    }
    refuse_busy_loop(turn);
    life_.last_start = std::exchange(life_.start, 0);
    life_.main_pid = 0;
    life_.stop_deadline = life_.start_deadline = kNever;
    bool remain = in_force_->remain_after_exit;
    in_force_ = newest_;
    auto reason = life_.outcome_reason;

    switch (life_.outcome) {
    case Outcome::undecided:
    case Outcome::stopped: return enter(turn, State::stopped, reason);
    case Outcome::again: return restart_asked(turn);
    case Outcome::step_back: return enter(turn, State::waiting, reason);
    case Outcome::failed: return enter(turn, State::failed, reason);
    case Outcome::done: return enter(turn, remain ? State::done : State::stopped, reason);
    case Outcome::hold: return enter(turn, State::backoff, reason);
    case Outcome::listen: return listen_again(turn, reason);
    case Outcome::retry:
        life_.automatic = true;
        if (life_.again_at <= turn.now) return enter(turn, State::waiting, reason);
        return enter(turn, State::backoff,
                     fmt::format("{}, starts again in {}", reason,
                                 format_duration(life_.again_at - turn.now)));
    }
}

} // namespace leash
