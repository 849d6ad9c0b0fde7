// SPDX-License-Identifier: MIT
// What people and the machine ask of services, found out for whom it matters.
#include "service/manager_impl.h"

namespace leash {

Node* Manager::Impl::find_or_tell(Turn& turn, const std::string& name) {
    if (auto* node = roster.find(name)) return node;
    auto close = roster.closest_name(name);
    turn.out.push_back(action::Tell{
        action::Severity::error, name,
        close.empty() ? fmt::format("there is no service {}", printable(name))
                      : fmt::format("there is no service {}: did you mean {}?",
                                    printable(name), close)});
    return nullptr;
}

bool Manager::Impl::refuse_at_shutdown(Turn& turn, const std::string& name) {
    if (shutting_down)
        turn.out.push_back(action::Tell{action::Severity::warning, name,
                                        "refused: the machine is shutting down"});
    return shutting_down;
}

void Manager::Impl::want_up(Turn& turn, Node& wanted, bool by_name) {
    for (auto* node : Roster::pulled_in_by(wanted)) {
        if (!node->defined) continue;
        node->service.want_up(turn, by_name && node == &wanted);
        note(*node);
    }
}

void Manager::Impl::want_down(Turn& turn, Node& node, const std::string& reason, bool again,
                              bool keep_timer) {
    if (!again && !keep_timer) node.service.stop_timer();
    node.service.want_down(turn, reason, again);
    note(node);
}

void Manager::Impl::on(Turn& turn, const event::StartRequested& event) {
    auto* node = find_or_tell(turn, event.service);
    if (!node || refuse_at_shutdown(turn, event.service)) return;
    node->troubled.clear();
    send_rivals_away(turn, *node);
    want_up(turn, *node, event.by_name);
}

void Manager::Impl::send_rivals_away(Turn& turn, Node& node) {
    for (const auto& rival : node.rivals) {
        auto state = rival.node->service.state();
        bool stays = (state != State::waiting && state != State::backoff) ||
                     rival.node->service.life().lazy;
        if (!rival.node->defined || stays || &node == rival.node) continue;
        take_down(turn, *rival.node,
                  "conflicts with " + node.service.name() + ", which was asked for");
    }
}

void Manager::Impl::on(Turn& turn, const event::StopRequested& event) {
    auto* node = find_or_tell(turn, event.service);
    if (!node) return;
    for (auto* dependant : Roster::dependants(*node))
        if (to_be_stopped(*dependant))
            want_down(turn, *dependant, "stop of " + event.service + " requested", false);
    want_down(turn, *node, "stop requested", false);
}

void Manager::Impl::on(Turn& turn, const event::RestartRequested& event) {
    auto* node = find_or_tell(turn, event.service);
    if (!node || refuse_at_shutdown(turn, event.service)) return;
    auto state = node->service.state();
    send_rivals_away(turn, *node);
    bool rests = state == State::stopped || state == State::failed || node->service.life().lazy;
    if (rests) return want_up(turn, *node, true);

    for (auto* needed : Roster::pulled_in_by(*node)) {
        if (!needed->defined || needed == node) continue;
        needed->service.want_up(turn, false);
        note(*needed);
    }
    std::set<const Node*> restarted{node};
    auto dependants = Roster::dependants(*node);
    restarted.insert(dependants.begin(), dependants.end());
    for (auto* dependant : dependants) {
        if (!to_be_stopped(*dependant) || dependant->service.going_down()) continue;
        auto reason = "restart of " + event.service + " requested";
        bool bound = std::ranges::any_of(dependant->earlier, [&](const Link& link) {
            return link.binds && restarted.contains(link.node) &&
                   Roster::bound(*dependant, *link.node);
        });
        if (!bound) {
            want_down(turn, *dependant, reason, true);
            continue;
        }
        dependant->service.step_back(turn, reason);
        note(*dependant);
    }
    want_down(turn, *node, "restart requested", true);
}

void Manager::Impl::on(Turn& turn, const event::ReloadRequested& event) {
    auto* node = find_or_tell(turn, event.service);
    if (!node) return;
    node->service.reload_asked(turn);
    note(*node);
}

void Manager::Impl::on(Turn& turn, const event::TimerRequested& event) {
    auto* node = roster.find(event.service);
    if (!node || shutting_down) return;
    node->service.wait_for_calendar(turn);
    note(*node);
}

void Manager::Impl::on(Turn&, const event::NextRun& event) {
    auto* node = roster.find(event.service);
    if (!node || shutting_down) return;
    node->service.next_run(event.at);
    note(*node);
}

void Manager::Impl::on(Turn& turn, const event::TargetRequested& event) {
    if (refuse_at_shutdown(turn, event.target)) return;
    std::string target = event.target;
    if (!is_built_in_target(target) && !roster.find(target)) {
        bool fall_back = !event.isolate;
        turn.out.push_back(
            action::Tell{action::Severity::error, target,
                         fmt::format("there is no target {}{}", printable(target),
                                     fall_back ? ", going on with default" : "")});
        if (!fall_back) return;
        target = "default";
    }
    Nodes wanted;
    for (auto* node : roster.all()) {
        const auto& settings = node->service.settings();
        bool console = settings.type == ServiceType::console;
        if (target == "default"  ? settings.start == StartMode::automatic
            : target == "rescue" ? console
            : target == "safe"   ? console || settings.name == target
                                 : settings.name == target)
            wanted.push_back(node);
    }
    Nodes by_the_clock; // not now
    std::erase_if(wanted, [&](Node* node) {
        bool timed = target == "default" && !node->service.settings().calendar->rules.empty();
        if (timed) by_the_clock.push_back(node);
        return timed;
    });
    Nodes members;
    for (auto* node : wanted) {
        auto pulled = Roster::pulled_in_by(*node);
        members.insert(members.end(), pulled.begin(), pulled.end());
    }
    std::erase_if(members, [](const Node* member) { return !member->defined; });
    Nodes leaving;
    if (event.isolate) {
        auto needed = members;
        for (auto* node : by_the_clock) {
            auto state = node->service.state();
            bool runs = node->service.alive() || state == State::waiting || state == State::backoff;
            auto kept = runs ? Roster::pulled_in_by(*node) : Nodes{node};
            needed.insert(needed.end(), kept.begin(), kept.end());
        }
        leaving = stop_all_but(turn, needed, target);
    }
    for (auto* node : wanted) want_up(turn, *node, false);
    for (auto* node : by_the_clock) {
        node->service.wait_for_calendar(turn);
        note(*node);
    }
    targets.emplace_back(event.target, std::move(members), std::move(leaving));
}

Nodes Manager::Impl::stop_all_but(Turn& turn, const Nodes& members, const std::string& target) {
    targets.clear();
    Nodes leaving;
    std::set<const Node*> needed(members.begin(), members.end());
    auto reason = fmt::format("target {} does not need it", target);
    for (auto* node : roster.all()) {
        if (needed.contains(node) || node->service.settings().scope) continue;
        node->service.stop_timer();
        const auto& life = node->service.life();
        bool fails = life.state == State::failed ||
                     (life.state == State::stopping && life.outcome == Outcome::failed);
        if (!fails) want_down(turn, *node, reason, false);
        note(*node);
        if (node->service.alive() || node->service.stop_pending()) leaving.push_back(node);
    }
    return leaving;
}

void Manager::Impl::on(Turn&, const event::ConditionChanged& event) {
    if (!facts.set(event.condition, event.holds)) return;
    auto named = [&](const ServiceSettings& settings) {
        return std::ranges::any_of(settings.conditions, [&](const Condition& condition) {
            return condition.fact() == event.condition;
        });
    };
    for (auto* node : roster.all())
        if (named(node->service.settings()) || named(node->service.in_force())) enqueue(*node);
}

void Manager::Impl::on(Turn& turn, const event::ShutdownRequested& event) {
    shutting_down = turn.shutting_down = true;
    if (!all_stopped_told) shutdown_deadline = std::min(shutdown_deadline, event.deadline);
    targets.clear();
    for (auto* node : roster.all()) {
        node->service.stop_timer();
        node->kept = node->service.name() == event.keep && is_up(node->service.state());
        if (!node->kept && node->service.state() != State::failed)
            want_down(turn, *node, "shutdown", false);
        note(*node);
    }
    if (shutdown_deadline <= turn.now) end_all(turn);
}

void Manager::Impl::end_all(Turn& turn) {
    shutdown_deadline = kNever;
    for (auto* node : roster.all()) {
        if (!node->service.alive() || node->kept) continue;
        node->service.end_now(turn);
        note(*node);
    }
}

// What was to be kept has ended by itself: it does not come back.
bool Manager::Impl::keeps_one(Turn& turn) {
    bool kept = false;
    for (auto* node : roster.all()) {
        if (!node->kept) continue;
        kept = node->kept = is_up(node->service.state());
        if (!kept) want_down(turn, *node, "shutdown", false);
    }
    return kept;
}

} // namespace leash
