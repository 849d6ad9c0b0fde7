// SPDX-License-Identifier: MIT
// The part of a service's life-cycle in which a start ends, and what becomes of the service then.
#include "service/lifecycle.h"

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

void Service::stop_now(Turn& turn) {
    bool again = life_.again;
    if (life_.start == 0) { // done, or a target
        if (again) restart_asked(turn);
        else enter(turn, State::stopped, life_.outcome_reason);
        in_force_ = newest_;
        return;
    }
    begin_stop(turn, again ? Outcome::again : Outcome::stopped, life_.outcome_reason);
    life_.wanted_up = again;
}

void Service::begin_stop(Turn& turn, Outcome outcome, const std::string& reason) {
    life_.outcome = outcome;
    life_.outcome_reason = reason;
    life_.again = false;
    life_.start_deadline = kNever;
    life_.stop_deadline = turn.now + in_force_->stop_timeout;
    drop_troubles();
    enter(turn, State::stopping, reason);
    if (life_.main_exited) { // it went into the background, and its pid file never came
        life_.again_at = turn.now + life_.pause;
        return end_start(turn);
    }
    turn.out.push_back(action::SignalStart{name(), life_.start, in_force_->stop_signal});
}

// It goes down before it was its turn: what was asked of it holds all the same.
void Service::take_outcome_of_request() {
    life_.outcome = Outcome::undecided;
    if (!stop_pending()) return;
    life_.outcome = life_.again ? Outcome::again : Outcome::stopped;
    life_.wanted_up = life_.again;
}

void Service::stopping(Turn& turn) {
    if (!alive() || life_.state == State::stopping) return;
    take_outcome_of_request();
    life_.start_deadline = kNever;
    life_.stop_deadline = turn.now + in_force_->stop_timeout;
    drop_troubles();
    enter(turn, State::stopping, "stops by itself");
}

void Service::end_start(Turn& turn) {
    life_.stop_deadline = life_.start_deadline = kNever;
    if (std::exchange(life_.end_asked, true)) return;
    turn.out.push_back(action::EndStart{name(), life_.start, turn.shutting_down});
}

void Service::end_now(Turn& turn) {
    if (life_.start == 0) return stop_now(turn);
    if (life_.state != State::stopping) {
        life_.outcome = Outcome::stopped;
        drop_troubles();
        enter(turn, State::stopping, life_.outcome_reason);
    }
    end_start(turn);
}

void Service::spawn_failed(Turn& turn, const std::string& reason) {
    if (life_.main_exited) return;
    life_.last_exit.reset();
    main_gone(turn, false, "cannot start: " + reason);
}

void Service::main_exited(Turn& turn, int status) {
    if (life_.main_exited) return;
    life_.last_exit = status;
    bool success = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    // A daemon that puts itself into the background: the pid file will name its main process.
    bool backgrounds = in_force_->notify.kind == NotifyKind::pidfile &&
                       in_force_->type != ServiceType::oneshot;
    if (success && backgrounds && !life_.main_moved && life_.state == State::starting) {
        life_.main_pid = 0;
        life_.main_exited = true;
        return;
    }
    main_gone(turn, success, describe_exit(status));
}

void Service::main_gone(Turn& turn, bool success, const std::string& reason) {
    bool early = life_.state == State::starting && in_force_->notify.kind != NotifyKind::none &&
                 in_force_->type != ServiceType::oneshot;
    std::string why = early && !reason.starts_with("cannot") ? reason + " before it was ready"
                                                             : reason;
    life_.main_pid = 0;
    life_.main_exited = true;
    if (life_.state != State::stopping) {
        take_outcome_of_request();
        drop_troubles();
        enter(turn, State::stopping, why);
    }
    life_.start_deadline = kNever;
    if (life_.outcome == Outcome::undecided) decide(turn, success, why);
    if (life_.outcome == Outcome::retry) life_.again_at = turn.now + life_.pause;
    end_start(turn);
    finish_if_over(turn);
}

// The main process is gone, nobody asked for it: what now?
void Service::decide(Turn& turn, bool success, const std::string& reason) {
    life_.outcome_reason = reason;
    bool restart = in_force_->restart == RestartWhen::always ||
                   (in_force_->restart == RestartWhen::on_failure && !success);
    if (in_force_->type == ServiceType::oneshot && success) life_.outcome = Outcome::done;
    else if (restart) restart_by_policy_of_exits(turn, reason);
    else life_.outcome = success ? Outcome::stopped : Outcome::failed;
}

void Service::restart_by_policy_of_exits(Turn& turn, const std::string& reason) {
    const auto& limit = in_force_->restart_limit;
    life_.outcome = Outcome::retry;
    life_.pause = life_.backoff.next(turn.now - life_.spawned_at, *in_force_);
    if (limit.count == 0 || life_.exits.take(limit, turn.now)) return;

    // A crash loop. What the policy does not decide: on with the longest pause. The count begins
    // anew, so that a policy's budget counts crash loops, not exits.
    life_.pause = in_force_->restart_delay_max;
    life_.exits.clear();
    life_.backoff.clear();
    answer(turn, TroubleKind::crash_loop, 0, false,
           fmt::format("{} exits in {}, the last one {}", limit.count + 1,
                       format_duration(limit.window), reason));
}

void Service::emptied(Turn& turn, int remains) {
    if (!life_.end_asked) return; // nobody asked, so it answers nothing
    life_.emptied = true;
    life_.remains = remains;
    finish_if_over(turn);
}

void Service::finish_if_over(Turn& turn) {
    if (!life_.emptied || !life_.main_exited) return;
    life_.last_start = std::exchange(life_.start, 0);
    life_.main_pid = 0;
    life_.stop_deadline = life_.start_deadline = kNever;
    in_force_ = newest_;
    auto reason = life_.outcome_reason;

    switch (life_.outcome) {
    case Outcome::undecided:
    case Outcome::stopped: return enter(turn, State::stopped, reason);
    case Outcome::again: return restart_asked(turn);
    case Outcome::failed: return enter(turn, State::failed, reason);
    case Outcome::done: return enter(turn, State::done, reason);
    case Outcome::hold: return enter(turn, State::backoff, reason);
    case Outcome::retry:
        life_.automatic = true;
        if (life_.again_at <= turn.now) return enter(turn, State::waiting, reason);
        return enter(turn, State::backoff,
                     fmt::format("{}, starts again in {}", reason,
                                 format_duration(life_.again_at - turn.now)));
    }
}

} // namespace leash
