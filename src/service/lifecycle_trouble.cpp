// SPDX-License-Identifier: MIT
// The part of a service's life-cycle that answers trouble.
#include "service/lifecycle.h"

#include <algorithm>

namespace leash {
namespace {

std::optional<action::MachineEnd> machine_end(StepKind kind) {
    switch (kind) {
    case StepKind::reboot: return action::MachineEnd::reboot;
    case StepKind::poweroff: return action::MachineEnd::poweroff;
    case StepKind::halt: return action::MachineEnd::halt;
    default: return std::nullopt;
    }
}

} // namespace

// While it stops, no trouble matters any more; while a step of the same kind waits, a second report
// of it says nothing new.
void Service::trouble_seen(Turn& turn, TroubleKind kind, const std::string& evidence,
                           std::optional<int> percent) {
    if (kind == TroubleKind::missed_heartbeat) life_.silent = true;
    if (!alive() || life_.start == 0 || life_.state == State::stopping || stop_pending()) return;
    const auto& known = (*life_.troubles)[static_cast<std::size_t>(kind)];
    if (!percent) {
        if (!known.pending) answer(turn, kind, 0, false, evidence);
        return;
    }
    // Each step once as the level rises; what waits for a lower level goes on waiting.
    Levels levels{known.answered, std::min(*percent, 100)};
    if (levels.level <= levels.below) return;
    life_.troubles.edit()[static_cast<std::size_t>(kind)].answered = levels.level;
    answer(turn, kind, 0, false, evidence, levels);
}

void Service::end_refused(Turn& turn, const std::string& reason) {
    if (alive() && life_.state != State::stopping) conclude(turn, Outcome::failed, 0ms, reason);
}

void Service::trouble_over(Turn& turn, TroubleKind kind) {
    if (kind == TroubleKind::missed_heartbeat) life_.silent = false;
    end_trouble(turn, kind, "it is over");
}

void Service::end_trouble(Turn& turn, TroubleKind kind, std::string why) {
    if (!life_.troubles.is_set()) return;
    auto& trouble = life_.troubles.edit()[static_cast<std::size_t>(kind)];
    bool stood = trouble.standing;
    trouble = {};
    if (!stood) return;
    turn.out.push_back(action::TroubleNoted{action::TroubleNoted::What::over, name(), life_.start, kind,
                                            0, std::move(why), "", "", Ms{0}});
}

// The start ends. A crash loop is no trouble of one start.
void Service::drop_troubles(Turn& turn, std::string_view why) {
    if (!life_.troubles.is_set()) return;
    for (int i = 0; i < kTroubleKinds; ++i)
        if (auto kind = static_cast<TroubleKind>(i); kind != TroubleKind::crash_loop)
            end_trouble(turn, kind, std::string(why));
    auto loop = (*life_.troubles)[static_cast<std::size_t>(TroubleKind::crash_loop)];
    life_.troubles.clear();
    if (!loop.standing) return;
    loop.pending = loop.calming = false;
    life_.troubles.edit()[static_cast<std::size_t>(TroubleKind::crash_loop)] = std::move(loop);
}

// It is up. If that lasts for as long as the limit that was exceeded looks back, the loop is over.
void Service::calm_down(Turn& turn) {
    constexpr auto kLoop = static_cast<std::size_t>(TroubleKind::crash_loop);
    if (!(*life_.troubles)[kLoop].standing) return;
    auto& loop = life_.troubles.edit()[kLoop];
    loop.calming = true;
    const auto& limit = life_.slow_loop ? in_force_->restart_limit_long : in_force_->restart_limit;
    loop.due = turn.now + limit.window;
}

void Service::trouble_tick(Turn& turn) {
    if (!life_.troubles.is_set()) return;
    for (std::size_t i = 0; i < life_.troubles->size(); ++i) {
        auto& trouble = life_.troubles.edit()[i];
        if (trouble.calming && trouble.due <= turn.now)
            end_trouble(turn, static_cast<TroubleKind>(i), "it has been up for long enough");
        if (!trouble.pending || trouble.due > turn.now) continue;
        trouble.pending = false;
        answer(turn, static_cast<TroubleKind>(i), trouble.next, true,
               std::string(trouble.evidence), trouble.waiting);
    }
}

// The crash loop differs: it is seen when its start has ended. A step that waits then holds the
// service in backoff.
void Service::answer(Turn& turn, TroubleKind kind, std::size_t from, bool waited,
                     const std::string& evidence, Levels levels) {
    bool ended = life_.state == State::stopping || life_.state == State::backoff;
    auto policy = policy_for(*in_force_, kind, life_.slow_loop);
    // Nothing for this level: nobody wants to know.
    if (std::ranges::none_of(policy, [&](const Step& step) { return levels.hold(step); })) return;
    auto next = next_steps(policy, from, waited, life_.budgets, policy_line(*in_force_, kind),
                           turn.now, levels);
    auto why = fmt::format("{}: {}", to_string(kind), evidence);
    if (kind == TroubleKind::crash_loop)
        why = fmt::format("crash loop: {}", evidence);
    tell(turn, action::Severity::error,
         fmt::format("trouble: {}: {}; answer: {}", to_string(kind), evidence,
                     describe(next, policy)));
    using What = action::TroubleNoted::What;
    auto waits = next.next ? policy[*next.next] : Step{};
    waits.after = 0ms; // `due` says it
    turn.out.push_back(action::TroubleNoted{
        waited ? What::step : What::seen, name(), life_.start, kind,
        has_level(kind) ? levels.level : 0, evidence, describe(next, policy),
        next.next ? to_string(waits) : std::string(), next.due});
    auto& standing = life_.troubles.edit()[static_cast<std::size_t>(kind)];
    if (!std::exchange(standing.standing, true)) standing.since = turn.now;
    if (!standing.pending) standing.evidence = evidence; // a step that waits keeps its own
    standing.calming = false;
    for (const auto& step : next.steps) take(turn, step, kind, why);
    if (next.is_final()) return;

    if (next.next) {
        auto& waiting = life_.troubles.edit()[static_cast<std::size_t>(kind)];
        waiting.pending = true;
        waiting.next = *next.next;
        waiting.due = next.due;
        waiting.evidence = evidence;
        waiting.waiting = levels;
        if (ended) {
            life_.outcome = Outcome::hold;
            life_.outcome_reason = why;
            life_.again_at = next.due;
        }
    } else if (next.exhausted) {
        tell(turn, action::Severity::error, "policy exhausted, stopping it");
        conclude(turn, Outcome::failed, 0ms, why + " (policy exhausted)");
    } else if (life_.state == State::backoff) {
        conclude(turn, Outcome::retry, 0ms, why);
    } else if (ended) {
        conclude(turn, Outcome::retry, life_.pause, why);
    }
}

void Service::take(Turn& turn, const Step& step, TroubleKind kind, const std::string& why) {
    bool ended = life_.state == State::stopping || life_.state == State::backoff;
    switch (step.kind) {
    case StepKind::report: break; // told already
    case StepKind::signal:
        if (!ended)
            turn.out.push_back(action::SignalStart{name(), life_.start, step.signal});
        break;
    case StepKind::exec: {
        auto start = life_.start != 0 ? life_.start : life_.last_start;
        turn.out.push_back(action::RunHook{name(), start, step.command, why});
        break;
    }
    case StepKind::limit:
        if (!ended)
            turn.out.push_back(action::LimitStart{name(), life_.start, kind, step.limit});
        break;
    case StepKind::freeze:
        if (!ended) turn.out.push_back(action::FreezeStart{name(), life_.start});
        break;
    case StepKind::dump:
        if (!ended) turn.out.push_back(action::DumpStart{name(), life_.start, kind, why});
        break;
    case StepKind::restart_dependents:
        dependents_reason_ = name() + " is restarted by its policy";
        [[fallthrough]];
    case StepKind::restart:
        conclude(turn, Outcome::retry,
                 ended ? in_force_->restart_delay_max : in_force_->restart_delay, why);
        break;
    case StepKind::stop: conclude(turn, Outcome::failed, 0ms, why); break;
    case StepKind::safe:
        turn.out.push_back(action::EnterTarget{"safe", name(), why});
        conclude(turn, Outcome::failed, 0ms, why); // the target decides whether it comes back
        break;
    case StepKind::reboot:
    case StepKind::poweroff:
    case StepKind::halt:
        turn.out.push_back(action::EndMachine{*machine_end(step.kind), name(), why,
                                              std::string(to_string(kind))});
        if (ended) conclude(turn, Outcome::failed, 0ms, why);
        break;
    }
}

// How a policy ends the present start (or the pause after it).
void Service::conclude(Turn& turn, Outcome outcome, Ms pause, const std::string& reason) {
    switch (life_.state) {
    case State::stopping:
        life_.outcome = outcome;
        life_.outcome_reason = reason;
        life_.pause = pause;
        if (life_.main_exited) life_.again_at = turn.now + pause;
        break;
    case State::backoff: // a step of a crash loop has waited long enough
        life_.automatic = true;
        if (outcome == Outcome::failed) enter(turn, State::failed, reason);
        else enter(turn, State::waiting, reason);
        break;
    default:
        life_.pause = pause;
        begin_stop(turn, outcome, reason);
        break;
    }
}

} // namespace leash
