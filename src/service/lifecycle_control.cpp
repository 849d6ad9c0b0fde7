// SPDX-License-Identifier: MIT
// The part of a service's life-cycle that runs commands beside the main process: one at a time, each
// under a time limit of its own.
#include "service/lifecycle.h"

#include <sys/wait.h>

#include "base/units.h"

namespace leash {
namespace {

Ms limit_of(const ServiceSettings& settings, ControlKind kind) {
    switch (kind) {
    case ControlKind::pre:
    case ControlKind::post: return settings.start_timeout;
    case ControlKind::reload: return settings.reload_timeout;
    case ControlKind::stop:
    case ControlKind::cleanup: return settings.stop_timeout;
    }
    return settings.stop_timeout;
}

} // namespace

void Service::spawn_main(Turn& turn) {
    life_.main_exited = false;
    life_.extended = Ms{0};
    life_.start_deadline = deadline_of(turn.now, in_force_->start_timeout);
    turn.out.push_back(action::Spawn{name(), life_.start});
}

bool Service::begin_control(Turn& turn, ControlKind kind) {
    if (commands_of(*in_force_, kind).empty()) return false;
    life_.control.running = true;
    life_.control.kind = kind;
    life_.control.index = 0;
    run_control(turn);
    return true;
}

void Service::run_control(Turn& turn) {
    auto& control = life_.control;
    ++control.serial;
    control.pid = 0;
    life_.extended = Ms{0};
    control.deadline = deadline_of(turn.now, limit_of(*in_force_, control.kind));
    auto exit = life_.exit_seen ? life_.last_exit : std::nullopt;
    turn.out.push_back(action::RunControl{name(), life_.start, control.serial, control.kind,
                                          commands_of(*in_force_, control.kind)[control.index].command,
                                          life_.main_pid, exit});
}

void Service::drop_control(Turn& turn) {
    if (!life_.control.running) return;
    life_.control.running = false;
    life_.control.deadline = kNever;
    turn.out.push_back(action::KillControl{name(), life_.start, life_.control.serial});
}

void Service::control_spawned(unsigned serial, int pid) {
    if (life_.control.running && life_.control.serial == serial) life_.control.pid = pid;
}

void Service::control_exited(Turn& turn, unsigned serial, int status) {
    if (!life_.control.running || life_.control.serial != serial) return;
    bool success = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    control_ended(turn,
                  success             ? ExitKind::success
                  : WIFEXITED(status) ? ExitKind::failure
                                      : ExitKind::abnormal,
                  describe_exit(status));
}

void Service::control_failed(Turn& turn, unsigned serial, const std::string& reason) {
    if (!life_.control.running || life_.control.serial != serial) return;
    control_ended(turn, ExitKind::failure, "cannot run: " + reason);
}

void Service::control_ended(Turn& turn, ExitKind exit, const std::string& reason) {
    auto& control = life_.control;
    const auto& commands = commands_of(*in_force_, control.kind);
    // A record of another build, or of other settings, may name one that is no more.
    bool known = control.index < commands.size();
    auto text = fmt::format("{} {}: {}", to_string(control.kind),
                            known ? commands[control.index].command.front() : "?", reason);
    bool counts = exit != ExitKind::success && !(known && commands[control.index].may_fail);
    if (exit != ExitKind::success)
        tell(turn, counts ? action::Severity::error : action::Severity::notice, text);
    // Cleaning up goes on whatever fails.
    bool stops = counts && control.kind != ControlKind::cleanup;
    if (!stops && control.index + 1 < commands.size()) {
        ++control.index;
        return run_control(turn);
    }
    control.running = false;
    control.deadline = kNever;
    control_through(turn, control.kind, counts ? exit : ExitKind::success, text);
}

// All commands of a kind have ended well enough, or one of them has failed.
void Service::control_through(Turn& turn, ControlKind kind, ExitKind exit,
                              const std::string& reason) {
    bool success = exit == ExitKind::success;
    switch (kind) {
    case ControlKind::pre:
        if (success) spawn_main(turn);
        else main_gone(turn, exit, reason);
        break;
    case ControlKind::post:
        if (in_force_->type == ServiceType::oneshot)
            return main_gone(turn, exit, success ? describe_exit(*life_.last_exit) : reason);
        if (success) return go_running(turn, "");
        take_outcome_of_request();
        drop_troubles(turn, "its start ends");
        enter(turn, State::stopping, reason);
        if (life_.outcome == Outcome::undecided) decide(turn, exit, reason);
        if (!life_.main_exited) return ask_to_stop(turn);
        // In the background, under a number that nobody told.
        if (life_.outcome == Outcome::retry) life_.again_at = turn.now + life_.pause;
        end_start(turn);
        break;
    case ControlKind::reload:
        go_running(turn, success ? "reloaded" : "reload failed: " + reason);
        break;
    case ControlKind::stop:
        if (life_.main_exited) {
            end_start(turn);
            finish_if_over(turn);
        } else if (success) {
            life_.extended = Ms{0};
            life_.stop_deadline = deadline_of(turn.now, in_force_->stop_timeout);
        } else {
            ask_to_stop(turn);
        }
        break;
    case ControlKind::cleanup:
        end_start(turn);
        break;
    }
}

void Service::control_tick(Turn& turn) {
    if (!life_.control.running || life_.control.deadline > turn.now) return;
    auto kind = life_.control.kind;
    auto reason = fmt::format("did not end within {}, killed",
                              format_duration(limit_of(*in_force_, kind) + life_.extended));
    turn.out.push_back(action::KillControl{name(), life_.start, life_.control.serial});
    if (kind != ControlKind::stop) return control_ended(turn, ExitKind::abnormal, reason);
    // What could not even ask it to stop has used up its time.
    life_.control.running = false;
    life_.control.deadline = kNever;
    tell(turn, action::Severity::warning,
         fmt::format("{} {}, killing the service", to_string(kind), reason));
    end_start(turn);
    finish_if_over(turn);
}

} // namespace leash
