// SPDX-License-Identifier: MIT
#include "service/manager.h"

#include <algorithm>
#include <deque>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "service/dependencies.h"
#include "service/roster.h"

namespace leash {
namespace {

// Lives on, or would by itself: what a stop has to take along.
bool to_be_stopped(const Node& node) {
    auto state = node.service.state();
    return node.service.alive() || state == State::waiting || state == State::backoff;
}

// When it starts again without being asked to; 0: it does not.
Ms next_attempt(const Life& life) {
    if (life.state == State::backoff) return life.again_at;
    bool timer = !is_alive(life.state) && life.state != State::waiting && life.next_run != kNever;
    return timer ? life.next_run : Ms{0};
}

} // namespace

struct Manager::Impl {
    std::function<StartId()> new_start_id;
    Roster roster;
    std::unordered_map<StartId, Node*> starts;
    std::set<std::pair<Ms, std::string>> deadlines; // by time, then name: the same order each run
    std::deque<Node*> queue;                        // to be looked at again by settle()
    std::vector<TargetWatch> targets;
    int alive = 0;
    bool shutting_down = false, all_stopped_told = false, machine_end_asked = false;
    Ms shutdown_deadline = kNever;

    // ---- keeping the books ----

    void enqueue(Node& node) {
        if (!node.defined || std::exchange(node.queued, true)) return;
        queue.push_back(&node);
    }

    // To be called after anything was done to a service. Whoever may be waiting for what changed is
    // looked at again: those that start later, those that stop later, and itself.
    void note(Node& node) {
        const auto& life = node.service.life();
        Node::Seen now{life.state, life.wanted_up, life.start, node.service.next_deadline()};
        if (now == node.seen) return;
        auto before = std::exchange(node.seen, now);

        if (before.deadline != now.deadline) {
            if (before.deadline != kNever) deadlines.erase({before.deadline, node.service.name()});
            if (now.deadline != kNever) deadlines.insert({now.deadline, node.service.name()});
        }
        if (before.start != now.start) {
            if (before.start != 0) starts.erase(before.start);
            if (now.start != 0) starts[now.start] = &node;
        }
        alive += int{is_alive(now.state)} - int{is_alive(before.state)};
        if (before.state == now.state && before.wanted_up == now.wanted_up) return;
        enqueue(node);
        for (const auto& link : node.later) enqueue(*link.node);
        for (const auto& link : node.earlier) enqueue(*link.node);
    }

    // Starts what may start and stops what may stop, until nothing changes any more. It ends: each
    // step either sends a service on its way, which takes an event to come back from, or moves a
    // target or a failed one to where it stays.
    void settle(Turn& turn) {
        while (!queue.empty()) {
            Node& node = *queue.front();
            queue.pop_front();
            node.queued = false;
            if (node.service.state() == State::waiting) {
                auto clearance = may_start(node);
                if (clearance.refusal) {
                    node.service.give_up(turn, *clearance.refusal);
                } else if (clearance.waits_for.empty()) {
                    bool target = node.service.settings().type == ServiceType::target;
                    node.service.go(turn, target ? 0 : new_start_id());
                }
            } else if (node.service.stop_pending() && may_stop(node)) {
                node.service.stop_now(turn);
            }
            note(node);
        }
    }

    void forget(Node& node) {
        for (const auto& link : node.later) enqueue(*link.node);
        if (node.seen.deadline != kNever)
            deadlines.erase({node.seen.deadline, node.service.name()});
        for (auto& target : targets) target.forget(node);
        std::erase(queue, &node);
        node.queued = false;
        node.seen = {};
        roster.forget(node);
    }

    // ---- requests ----

    Node* find_or_tell(Turn& turn, const std::string& name) {
        if (auto* node = roster.find(name)) return node;
        auto close = roster.closest_name(name);
        turn.out.push_back(action::Tell{
            action::Severity::error, name,
            close.empty() ? fmt::format("there is no service {}", printable(name))
                          : fmt::format("there is no service {}: did you mean {}?",
                                        printable(name), close)});
        return nullptr;
    }

    bool refuse_at_shutdown(Turn& turn, const std::string& name) {
        if (shutting_down)
            turn.out.push_back(action::Tell{action::Severity::warning, name,
                                            "refused: the machine is shutting down"});
        return shutting_down;
    }

    void want_up(Turn& turn, Node& wanted, bool by_name) {
        for (auto* node : Roster::pulled_in_by(wanted)) {
            if (!node->defined) continue;
            node->service.want_up(turn, by_name && node == &wanted);
            note(*node);
        }
    }

    void want_down(Turn& turn, Node& node, const std::string& reason, bool again) {
        node.service.want_down(turn, reason, again);
        note(node);
    }

    void on(Turn& turn, const event::StartRequested& event) {
        auto* node = find_or_tell(turn, event.service);
        if (!node || refuse_at_shutdown(turn, event.service)) return;
        want_up(turn, *node, true);
    }

    void on(Turn& turn, const event::StopRequested& event) {
        auto* node = find_or_tell(turn, event.service);
        if (!node) return;
        for (auto* dependant : Roster::dependants(*node))
            if (to_be_stopped(*dependant))
                want_down(turn, *dependant, "stop of " + event.service + " requested", false);
        want_down(turn, *node, "stop requested", false);
    }

    void on(Turn& turn, const event::RestartRequested& event) {
        auto* node = find_or_tell(turn, event.service);
        if (!node || refuse_at_shutdown(turn, event.service)) return;
        auto state = node->service.state();
        if (state == State::stopped || state == State::failed) return want_up(turn, *node, true);

        for (auto* needed : Roster::pulled_in_by(*node)) {
            if (!needed->defined || needed == node) continue;
            needed->service.want_up(turn, false);
            note(*needed);
        }
        for (auto* dependant : Roster::dependants(*node))
            if (to_be_stopped(*dependant) && !dependant->service.going_down())
                want_down(turn, *dependant, "restart of " + event.service + " requested", true);
        want_down(turn, *node, "restart requested", true);
    }

    void on(Turn& turn, const event::ReloadRequested& event) {
        auto* node = find_or_tell(turn, event.service);
        if (!node) return;
        node->service.reload_asked(turn);
        note(*node);
    }

    void on(Turn& turn, const event::TimerRequested& event) {
        auto* node = roster.find(event.service);
        if (!node || shutting_down) return;
        node->service.wait_for_calendar(turn);
        note(*node);
    }

    void on(Turn&, const event::NextRun& event) {
        auto* node = roster.find(event.service);
        if (!node || shutting_down) return;
        node->service.next_run(event.at);
        note(*node);
    }

    void on(Turn& turn, const event::TargetRequested& event) {
        if (refuse_at_shutdown(turn, event.target)) return;
        std::string target = event.target;
        if (target != "default" && target != "rescue" && !roster.find(target)) {
            turn.out.push_back(
                action::Tell{action::Severity::error, target,
                             fmt::format("there is no target {}, going on with default",
                                         printable(target))});
            target = "default";
        }
        Nodes wanted;
        for (auto* node : roster.all()) {
            const auto& settings = node->service.settings();
            if (target == "default" ? settings.start == StartMode::automatic
                : target == "rescue" ? settings.type == ServiceType::console
                                     : settings.name == target)
                wanted.push_back(node);
        }
        Nodes members;
        for (auto* node : wanted) {
            if (target == "default" && !node->service.settings().calendar.rules.empty()) {
                node->service.wait_for_calendar(turn);
                note(*node);
                continue;
            }
            want_up(turn, *node, false);
            auto pulled = Roster::pulled_in_by(*node);
            members.insert(members.end(), pulled.begin(), pulled.end());
        }
        std::erase_if(members, [](const Node* member) { return !member->defined; });
        targets.emplace_back(event.target, std::move(members));
    }

    // ---- shutdown ----

    void on(Turn& turn, const event::ShutdownRequested& event) {
        shutting_down = turn.shutting_down = true;
        if (!all_stopped_told) shutdown_deadline = std::min(shutdown_deadline, event.deadline);
        targets.clear();
        for (auto* node : roster.all()) {
            node->service.stop_timer();
            if (node->service.state() != State::failed) want_down(turn, *node, "shutdown", false);
            note(*node);
        }
        if (shutdown_deadline <= turn.now) end_all(turn);
    }

    void end_all(Turn& turn) {
        shutdown_deadline = kNever;
        for (auto* node : roster.all()) {
            if (!node->service.alive()) continue;
            node->service.end_now(turn);
            note(*node);
        }
    }

    // ---- events of starts, and time ----

    template <class What> void for_start(StartId start, What what) {
        auto found = starts.find(start);
        if (found == starts.end()) return; // it is over
        Node& node = *found->second;
        what(node.service);
        note(node);
    }

    void on(Turn&, const event::Spawned& e) {
        for_start(e.start, [&](Service& s) { s.spawned(e.pid); });
    }
    void on(Turn& turn, const event::Executed& e) {
        for_start(e.start, [&](Service& s) { s.executed(turn); });
    }
    void on(Turn& turn, const event::SpawnFailed& e) {
        for_start(e.start, [&](Service& s) { s.spawn_failed(turn, e.reason); });
    }
    void on(Turn& turn, const event::MainExited& e) {
        for_start(e.start, [&](Service& s) { s.main_exited(turn, e.status); });
    }
    void on(Turn&, const event::MainChanged& e) {
        for_start(e.start, [&](Service& s) { s.main_changed(e.pid); });
    }
    void on(Turn& turn, const event::Emptied& e) {
        for_start(e.start, [&](Service& s) { s.emptied(turn, e.remains); });
    }
    void on(Turn&, const event::ControlSpawned& e) {
        for_start(e.start, [&](Service& s) { s.control_spawned(e.serial, e.pid); });
    }
    void on(Turn& turn, const event::ControlExited& e) {
        for_start(e.start, [&](Service& s) { s.control_exited(turn, e.serial, e.status); });
    }
    void on(Turn& turn, const event::ControlFailed& e) {
        for_start(e.start, [&](Service& s) { s.control_failed(turn, e.serial, e.reason); });
    }
    void on(Turn& turn, const event::Ready& e) {
        for_start(e.start, [&](Service& s) { s.ready(turn); });
    }
    void on(Turn& turn, const event::Reloading& e) {
        for_start(e.start, [&](Service& s) { s.reloading(turn); });
    }
    void on(Turn& turn, const event::Stopping& e) {
        for_start(e.start, [&](Service& s) { s.stopping(turn); });
    }
    void on(Turn&, const event::StatusText& e) {
        for_start(e.start, [&](Service& s) { s.status_text(e.text); });
    }
    void on(Turn& turn, const event::TroubleSeen& e) {
        for_start(e.start, [&](Service& s) { s.trouble_seen(turn, e.kind, e.evidence); });
    }
    void on(Turn&, const event::TroubleOver& e) {
        for_start(e.start, [&](Service& s) { s.trouble_over(e.kind); });
    }

    void on(Turn& turn, const event::Tick&) {
        if (shutdown_deadline <= turn.now) end_all(turn);
        std::vector<std::string> due;
        for (const auto& [when, name] : deadlines) {
            if (when > turn.now) break;
            due.push_back(name);
        }
        for (const auto& name : due) {
            Node& node = *roster.find(name);
            node.service.tick(turn);
            note(node);
        }
    }

    // ---- at the end of each event ----

    void report(Turn& turn) {
        std::erase_if(targets, [&](TargetWatch& target) {
            if (!target.settled()) return false;
            turn.out.push_back(action::TargetSettled{target.name(), target.failed()});
            return true;
        });
        std::erase_if(turn.out, [&](const Action& each) {
            return std::holds_alternative<action::EndMachine>(each) &&
                   (shutting_down || std::exchange(machine_end_asked, true));
        });
        if (shutting_down && alive == 0 && !std::exchange(all_stopped_told, true)) {
            shutdown_deadline = kNever;
            turn.out.push_back(action::AllStopped{});
        }
    }
};

Manager::Manager(std::function<StartId()> new_start_id) : impl_(std::make_unique<Impl>()) {
    impl_->new_start_id = std::move(new_start_id);
}
Manager::~Manager() = default;

void Manager::define(ServiceSettings settings) {
    Node& node = impl_->roster.define(std::move(settings));
    impl_->note(node);
    impl_->enqueue(node); // what it waits for, or who waits for it, may have changed
    for (const auto& link : node.later) impl_->enqueue(*link.node);
}

bool Manager::forget(std::string_view name) {
    auto* node = impl_->roster.find(name);
    if (!node || node->service.alive()) return false;
    impl_->forget(*node);
    return true;
}

const Life* Manager::life(std::string_view name) const {
    auto* node = impl_->roster.find(name);
    return node ? &node->service.life() : nullptr;
}

void Manager::resume(std::string_view name, const Life& life) {
    auto* node = impl_->roster.find(name);
    if (!node) return;
    node->service.resume(life);
    impl_->note(*node);
}

Actions Manager::handle(const Event& event, Ms now) {
    Actions out;
    Turn turn{now, out, impl_->shutting_down};
    std::visit([&](const auto& each) { impl_->on(turn, each); }, event);
    impl_->settle(turn);
    impl_->report(turn);
    return out;
}

std::optional<Ms> Manager::next_deadline() const {
    Ms first = impl_->shutdown_deadline;
    if (!impl_->deadlines.empty()) first = std::min(first, impl_->deadlines.begin()->first);
    if (!impl_->queue.empty()) first = Ms{0}; // define() or forget() left something to settle
    return first == kNever ? std::nullopt : std::optional(first);
}

void Manager::shift_deadlines(Ms by) {
    if (impl_->shutdown_deadline != kNever) impl_->shutdown_deadline += by;
    for (auto* node : impl_->roster.all()) {
        node->service.shift_deadlines(by);
        impl_->note(*node);
    }
}

std::vector<std::string> Manager::names() const {
    std::vector<std::string> names;
    for (const auto* node : impl_->roster.all()) names.push_back(node->service.name());
    return names;
}

std::optional<ServiceView> Manager::view(std::string_view name) const {
    const auto* node = impl_->roster.find(name);
    if (!node) return std::nullopt;
    const auto& life = node->service.life();
    ServiceView view{.name = std::string(name), .state = life.state, .start = life.start,
                     .last_start = life.last_start, .main_pid = life.main_pid,
                     .restarts = life.restarts, .since = life.since, .last_exit = life.last_exit,
                     .reason = life.reason, .status_text = life.status_text, .waiting_for = {},
                     .next_attempt = next_attempt(life),
                     .remains = life.remains};
    if (life.state == State::waiting) {
        for (const auto* other : may_start(*node).waits_for)
            view.waiting_for.push_back(other->service.name());
        std::ranges::sort(view.waiting_for);
        auto twice = std::ranges::unique(view.waiting_for);
        view.waiting_for.erase(twice.begin(), twice.end());
        if (!view.waiting_for.empty()) view.reason = "waits for " + join(view.waiting_for, ", ");
    }
    return view;
}

const ServiceSettings* Manager::settings(std::string_view name) const {
    const auto* node = impl_->roster.find(name);
    return node ? &node->service.settings() : nullptr;
}

const ServiceSettings* Manager::settings_of(StartId start) const {
    auto found = impl_->starts.find(start);
    return found == impl_->starts.end() ? nullptr : &found->second->service.in_force();
}

std::string Manager::service_of(StartId start) const {
    auto found = impl_->starts.find(start);
    return found == impl_->starts.end() ? "" : found->second->service.name();
}

std::vector<std::string> Manager::dependants(std::string_view name) const {
    std::vector<std::string> names;
    if (auto* node = impl_->roster.find(name))
        for (const auto* dependant : Roster::dependants(*node))
            if (to_be_stopped(*dependant)) names.push_back(dependant->service.name());
    return names;
}

} // namespace leash
