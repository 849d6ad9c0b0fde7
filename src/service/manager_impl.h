// SPDX-License-Identifier: MIT
// The inside of the manager: its books, and what it does when something happens. For manager.cpp and
// manager_requests.cpp alone.
#pragma once

#include <algorithm>
#include <deque>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "service/manager.h"

#include "base/text.h"
#include "service/dependencies.h"
#include "service/roster.h"
#include "service/view.h"

namespace leash {

// How often on-failure is answered: two services that start each other must not do so for ever.
inline constexpr RateLimit kFailureLimit{5, Ms{60'000}};

struct Manager::Impl {
    std::function<StartId()> new_start_id;
    Roster roster;
    std::unordered_map<StartId, Node*> starts;
    std::set<std::pair<Ms, std::string>> deadlines; // by time, then name: the same order each run
    std::deque<Node*> queue;                        // to be looked at again by settle()
    std::vector<TargetWatch> targets;
    Facts facts;
    std::set<std::string> changed;
    std::vector<std::pair<std::string, std::string>> troubled_ones; // whose dependents restart; why
    std::vector<std::string> failed; // have failed in this turn, on-failure is yet to be answered
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
        if (auto reason = node.service.take_dependents_reason(); !reason.empty())
            troubled_ones.emplace_back(node.service.name(), std::move(reason));
        const auto& life = node.service.life();
        Node::Seen now{life.state, life.wanted_up, life.again, life.stepped_back, life.start,
                       node.service.next_deadline(), life.sockets, life.lazy, life.listens};
        if (now == node.seen) return;
        changed.insert(node.service.name());
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
        now.start = before.start, now.deadline = before.deadline;
        if (before == now) return;
        enqueue(node);
        for (const auto& link : node.later) enqueue(*link.node);
        for (const auto& link : node.earlier) enqueue(*link.node);
        for (const auto& rival : node.rivals) enqueue(*rival.node);
        if (now.state != State::waiting) node.parked = false;
        if (now.state == State::failed && before.state != State::failed)
            failed.push_back(node.service.name());
        bool ended = now.state == State::stopped || now.state == State::done;
        if (ended && before.state != now.state) node.troubled.clear();
    }

    void park(Node& node, bool parked) {
        if (std::exchange(node.parked, parked) == parked) return;
        for (const auto& link : node.later) enqueue(*link.node);
    }

    // What conflicts with `node`, which is about to start, goes down. It waits until they have.
    void make_way(Turn& turn, Node& node, const Nodes& rivals) {
        auto reason = "conflicts with " + node.service.name() + ", which starts";
        for (auto* rival : rivals) {
            const auto& life = rival->service.life();
            bool for_good = rival->service.going_down() && !life.again && !life.wanted_up;
            if (!for_good) take_down(turn, *rival, reason);
        }
    }

    // With everything that needs it.
    void take_down(Turn& turn, Node& node, const std::string& reason) {
        for (auto* dependant : Roster::dependants(node))
            if (to_be_stopped(*dependant)) want_down(turn, *dependant, reason, false, true);
        want_down(turn, node, reason, false, true);
    }

    // True: something was started for it.
    bool answer_failures(Turn& turn) {
        bool any = false;
        for (const auto& name : std::exchange(failed, {})) {
            auto* node = roster.find(name);
            if (!node || shutting_down || node->service.settings().on_failure.empty()) continue;
            if (!node->failures.edit().take(kFailureLimit, turn.now)) {
                turn.out.push_back(action::Tell{action::Severity::warning, name,
                                                "has failed too often within a minute to start what "
                                                "its on-failure names"});
                continue;
            }
            auto reason = node->service.life().reason;
            for (const auto& other : node->service.settings().on_failure) {
                auto* wanted = roster.find(other);
                if (!wanted || wanted == node) continue;
                wanted->troubled = name;
                wanted->trouble = reason;
                want_up(turn, *wanted, true);
                any = true;
            }
        }
        return any;
    }

    // Starts what may start and stops what may stop, until nothing changes any more. It ends: each
    // step either sends a service on its way, which takes an event to come back from, or moves a
    // target or a failed one to where it stays.
    void settle(Turn& turn) {
        do {
            restart_dependents(turn);
            settle_queue(turn);
        } while (answer_failures(turn));
    }

    // The step restart-dependents: who requires it, directly or not, stops first and comes back with it.
    void restart_dependents(Turn& turn) {
        for (const auto& [name, reason] : std::exchange(troubled_ones, {})) {
            auto* node = roster.find(name);
            if (!node || shutting_down) continue;
            for (auto* dependant : Roster::dependants(*node)) {
                if (!to_be_stopped(*dependant)) continue;
                dependant->service.step_back(turn, reason);
                note(*dependant);
            }
        }
    }

    void settle_queue(Turn& turn) {
        while (!queue.empty()) {
            Node& node = *queue.front();
            queue.pop_front();
            node.queued = false;
            if (auto why = shutting_down ? "" : lost(node, facts); !why.empty())
                node.service.step_back(turn, why);
            // It listened while it waited for its dependants to stop, and a reload has ended that.
            const auto& life = node.service.life();
            if (life.state == State::waiting && !life.wanted_up && !life.listens)
                node.service.stop_now(turn);
            if (node.service.state() == State::waiting && !node.service.stop_pending()) {
                if (node.service.sockets_due()) node.service.make_sockets(turn);
                auto clearance = may_start(node, facts);
                bool lazy = node.service.life().lazy; // sends nobody away before its traffic comes
                if (clearance.only_rivals() && !lazy) {
                    make_way(turn, node, clearance.stops_first);
                    clearance = may_start(node, facts); // some were only about to start
                }
                park(node, clearance.parked);
                if (node.service.state() != State::waiting) {
                    // It needs what it conflicts with.
                } else if (clearance.refusal) {
                    node.service.give_up(turn, *clearance.refusal);
                } else if ((clearance.may() || (lazy && clearance.only_rivals())) &&
                           node.service.sockets_ready()) {
                    if (lazy) {
                        node.service.wait_for_traffic(turn);
                        note(node);
                        continue;
                    }
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
        for (const auto& rival : node.rivals) enqueue(*rival.node);
        if (node.seen.deadline != kNever)
            deadlines.erase({node.seen.deadline, node.service.name()});
        for (auto& target : targets) target.forget(node);
        std::erase(queue, &node);
        node.queued = false;
        node.seen = {};
        roster.forget(node);
    }

    // ---- requests: manager_requests.cpp ----

    Node* find_or_tell(Turn& turn, const std::string& name);
    bool refuse_at_shutdown(Turn& turn, const std::string& name);
    void want_up(Turn& turn, Node& wanted, bool by_name);
    // keep_timer: what stops it now is no reason not to run it at its time.
    void want_down(Turn& turn, Node& node, const std::string& reason, bool again,
                   bool keep_timer = false);
    void on(Turn& turn, const event::StartRequested& event);
    // What is asked for last wins: what conflicts with it and only waits for its own turn gives up. What
    // lives is stopped when its turn has come.
    void send_rivals_away(Turn& turn, Node& node);
    void on(Turn& turn, const event::StopRequested& event);
    void on(Turn& turn, const event::RestartRequested& event);
    void on(Turn& turn, const event::ReloadRequested& event);
    void on(Turn& turn, const event::TimerRequested& event);
    void on(Turn&, const event::NextRun& event);
    void on(Turn& turn, const event::TargetRequested& event);
    // Scopes are nobody's: whoever made one ends it. What fails or has failed is left to do so.
    Nodes stop_all_but(Turn& turn, const Nodes& members, const std::string& target);
    void on(Turn&, const event::ConditionChanged& event);
    void on(Turn& turn, const event::ShutdownRequested& event);
    void end_all(Turn& turn);
    bool keeps_one(Turn& turn);

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
        for_start(e.start, [&](Service& s) { s.emptied(turn, e.remains, e.traffic); });
    }

    // ---- events of sockets ----

    void on(Turn&, const event::Listening& e) {
        if (auto* node = roster.find(e.service)) node->service.sockets_open(), note(*node);
    }
    void on(Turn& turn, const event::ListenFailed& e) {
        if (auto* node = roster.find(e.service))
            node->service.sockets_failed(turn, e.reason), note(*node);
    }
    // As a start by its name, but that the counters go on.
    void on(Turn& turn, const event::Traffic& e) {
        auto* node = roster.find(e.service);
        if (!node || shutting_down || !node->service.listens() || !node->service.up()) return;
        node->service.traffic(turn, e.socket);
        note(*node);
        want_up(turn, *node, false);
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
        for_start(e.start, [&](Service& s) { s.reloading(turn, e.began); });
    }
    void on(Turn& turn, const event::Stopping& e) {
        for_start(e.start, [&](Service& s) { s.stopping(turn); });
    }
    void on(Turn&, const event::StatusText& e) {
        for_start(e.start, [&](Service& s) { s.status_text(e.text); });
    }
    void on(Turn&, const event::ErrorTold& e) {
        for_start(e.start, [&](Service& s) { s.error_told(e); });
    }
    void on(Turn& turn, const event::TimeAsked& e) {
        for_start(e.start, [&](Service& s) { s.time_asked(turn, e.time); });
    }
    void on(Turn&, const event::WatchdogAsked& e) {
        for_start(e.start, [&](Service& s) { s.watchdog_asked(e.limit); });
    }
    void on(Turn& turn, const event::RestartsForgiven& e) {
        for_start(e.start, [&](Service& s) { s.restarts_forgiven(turn); });
    }
    void on(Turn&, const event::SignalHeld& e) {
        for_start(e.start, [&](Service& s) { s.signal_held(e.until); });
    }
    void on(Turn& turn, const event::SignalSent& e) {
        for_start(e.start, [&](Service& s) { s.signal_sent(turn); });
    }
    void on(Turn& turn, const event::TroubleSeen& e) {
        for_start(e.start, [&](Service& s) { s.trouble_seen(turn, e.kind, e.evidence, e.percent); });
    }
    void on(Turn& turn, const event::EndRefused& e) {
        machine_end_asked = false; // the next one that asks may be heard
        for_start(e.start, [&](Service& s) { s.end_refused(turn, e.reason); });
    }
    void on(Turn& turn, const event::TroubleOver& e) {
        for_start(e.start, [&](Service& s) { s.trouble_over(turn, e.kind); });
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
            auto before = node.service.state();
            node.service.tick(turn);
            note(node);
            // A timer starts what it needs, as a request would.
            bool rested = before == State::stopped || before == State::failed || before == State::done;
            if (rested && node.service.state() == State::waiting) want_up(turn, node, false);
        }
    }

    // ---- at the end of each event ----

    void report(Turn& turn) {
        std::erase_if(targets, [&](TargetWatch& target) {
            if (!target.settled(facts)) return false;
            turn.out.push_back(action::TargetSettled{target.name(), target.failed()});
            return true;
        });
        std::erase_if(turn.out, [&](const Action& each) {
            return std::holds_alternative<action::EndMachine>(each) &&
                   (shutting_down || std::exchange(machine_end_asked, true));
        });
        if (!shutting_down) return;
        int kept = keeps_one(turn) ? 1 : 0;
        if (alive == kept && !std::exchange(all_stopped_told, true)) {
            shutdown_deadline = kNever;
            turn.out.push_back(action::AllStopped{});
        }
    }
};

} // namespace leash
