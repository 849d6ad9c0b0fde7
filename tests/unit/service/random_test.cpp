// SPDX-License-Identifier: MIT
// Random events over a few services, against what has to hold whatever happens.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "core_harness.h"

using namespace leash;
using namespace leash::test;

namespace {

const Lines kNames{"base", "db", "job", "web", "proxy", "top", "rival", "nurse"};
constexpr int kHowMany = 8;
constexpr int kMostFailures = 5; // that restart-limit-long allows
const Lines kFacts{"net:eth0", "path:/x", "user:go"};

Condition condition(const std::string& text) { return *parse_condition(text); }

struct World {
    explicit World(unsigned seed) : random(seed) {}
    std::mt19937 random;
    Bench b;
    std::set<std::string> seen; // ways from state to state
    std::map<StartId, std::string> living; // begun and not yet over
    std::map<StartId, bool> spawned;       // Spawn asked
    std::set<StartId> ended, cleaned;      // EndStart asked; command-cleanup begun
    std::map<StartId, unsigned> control;   // serial of the command that runs
    std::map<StartId, bool> main_alive;
    std::set<StartId> signalled;
    std::map<std::string, bool> facts;
    std::set<std::string> asked, open, watched; // services: Listen not answered, answered; Watch
    int all_stopped = 0, events = 0;
    bool shutting_down = false;

    int pick(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

    void define(const std::string& name) {
        const char* policies[] = {"restart", "report", "signal USR1, restart 1/5s, stop 1/1m",
                                  "restart after 2s", "exec:/bin/x, restart 2/10s", "reboot",
                                  "safe"};
        b.define(name, [&](ServiceSettings& s) {
            s.type = name == "top"   ? ServiceType::target
                     : name == "job" ? ServiceType::oneshot
                                     : ServiceType::daemon;
            if (name == "db" || name == "job") s.needs = {"base"};
            if (name == "web") s.needs = {"db"}, s.wants = {"job"};
            if (name == "proxy") s.after = {"web", "job"}, s.needs = {"base"};
            if (name == "top") s.needs = {"web"}, s.wants = {"proxy", "nothing"};
            if (name == "job") s.before = {"db"};
            if (name == "web" && pick(2)) s.binds = {"db"};
            if (name == "db" && pick(2)) s.binds = {"base"};
            if (name == "top" && pick(3) == 0) s.binds = {"proxy"};
            if (name == "rival") s.conflicts = {"proxy"}, s.after = {"db"};
            if (name == "job" && pick(3) == 0) s.conflicts = {"rival"};
            if (pick(3) == 0) s.on_failure = {"nurse"};
            if (name == "nurse") s.on_failure = {"rival"}; // and back
            const char* conditions[] = {"net:eth0", "!net:eth0", "path:/x", "user:go"};
            if (pick(4) == 0) s.conditions = {condition(conditions[pick(4)])};
            if (pick(8) == 0) s.conditions.push_back(condition("user:go"));
            s.condition_lost = static_cast<ConditionLost>(pick(3));
            s.start = pick(3) ? StartMode::automatic : StartMode::manual;
            s.restart = static_cast<RestartWhen>(pick(5));
            for (auto& commands : s.control.edit())
                for (int n = pick(2) * pick(3); n > 0; --n)
                    commands.push_back({{"/bin/c"}, pick(3) == 0});
            s.reload_timeout = Ms{1000 * pick(5)};
            s.runtime_limit = Ms{pick(3) ? 0 : 2000 * (1 + pick(5))};
            if (s.type == ServiceType::daemon && pick(3) == 0) {
                s.listen.edit().start = static_cast<ListenStart>(pick(2));
                for (int n = pick(3); n > 0; --n)
                    s.listen.edit().sockets.push_back(
                        {"", ListenKind::stream, fmt::format("/run/{}", n)});
            }
            s.remain_after_exit = pick(3) != 0;
            s.interval = Ms{pick(3) ? 0 : 1000 * (1 + pick(5))};
            s.restart_limit = {pick(4), Ms{1000 * (1 + pick(10))}};
            s.restart_limit_long = {pick(kMostFailures + 1), Ms{1000 * (1 + pick(60))}};
            s.notify.kind = static_cast<NotifyKind>(pick(4));
            s.start_timeout = Ms{1000 * pick(5)};
            s.stop_timeout = Ms{500 * pick(5)};
            s.extend_limit = Ms{1000 * pick(4)};
            if (pick(2)) s.on_trouble = *parse_policy(policies[pick(7)]);
        });
    }

    void handle(const Event& event) {
        if (testing::Test::HasFatalFailure()) return;
        for (const auto& action : b.manager.handle(event, b.now)) act(action);
        if (++events % 3 == 0) check();
    }

    void act(const Action& action) {
        if (const auto* spawn = std::get_if<action::Spawn>(&action)) {
            ASSERT_FALSE(shutting_down && !living.contains(spawn->start));
            ASSERT_FALSE(control.contains(spawn->start)) << "beside command-pre";
            ASSERT_FALSE(spawned[spawn->start]) << "spawned twice";
            bool listens = !b.manager.settings_of(spawn->start)->listen->sockets.empty();
            ASSERT_EQ(open.contains(spawn->service), listens) << spawn->service;
            watched.erase(spawn->service);
            spawned[spawn->start] = true;
            begin(spawn->start, spawn->service);
        } else if (const auto* listen = std::get_if<action::Listen>(&action)) {
            ASSERT_FALSE(shutting_down);
            asked.insert(listen->service);
            open.erase(listen->service);
            watched.erase(listen->service);
        } else if (const auto* unlisten = std::get_if<action::Unlisten>(&action)) {
            bool there = asked.erase(unlisten->service) + open.erase(unlisten->service) > 0;
            ASSERT_TRUE(there) << "closed twice";
            watched.erase(unlisten->service);
        } else if (const auto* watch = std::get_if<action::Watch>(&action)) {
            ASSERT_TRUE(open.contains(watch->service));
            watched.insert(watch->service);
        } else if (const auto* run = std::get_if<action::RunControl>(&action)) {
            ASSERT_FALSE(control.contains(run->start)) << "two at once";
            if (run->kind == ControlKind::pre) begin(run->start, run->service);
            ASSERT_TRUE(living.contains(run->start));
            if (run->kind == ControlKind::cleanup && cleaned.insert(run->start).second) {
                ASSERT_TRUE(ended.erase(run->start)) << "cleanup before the end";
            } else {
                ASSERT_FALSE(ended.contains(run->start));
            }
            control[run->start] = run->serial;
        } else if (const auto* kill = std::get_if<action::KillControl>(&action)) {
            ASSERT_EQ(control[kill->start], kill->serial);
            control.erase(kill->start);
        } else if (const auto* end = std::get_if<action::EndStart>(&action)) {
            ASSERT_TRUE(living.contains(end->start));
            ASSERT_TRUE(ended.insert(end->start).second) << "ended twice";
            ASSERT_EQ(end->everything, shutting_down);
        } else if (const auto* signal = std::get_if<action::SignalStart>(&action)) {
            ASSERT_TRUE(living.contains(signal->start));
            ASSERT_FALSE(ended.contains(signal->start));
            signalled.insert(signal->start);
        } else if (const auto* change = std::get_if<action::StateChanged>(&action)) {
            seen.insert(fmt::format("{} > {}", to_string(change->from), to_string(change->to)));
            ASSERT_NE(change->from, change->to) << change->service << " " << change->reason;
            if (!is_alive(change->to)) {
                living.erase(change->start);
                ASSERT_FALSE(control.contains(change->start)) << "a command outlives its start";
            }
        } else if (std::holds_alternative<action::AllStopped>(action)) {
            ++all_stopped;
            ASSERT_TRUE(shutting_down);
            ASSERT_TRUE(living.empty());
        }
    }

    void begin(StartId start, const std::string& service) {
        if (living.contains(start)) return;
        ASSERT_FALSE(shutting_down);
        for (const auto& [id, name] : living) {
            ASSERT_NE(name, service) << "two lives";
            for (const auto& other : b.manager.settings(service)->conflicts) ASSERT_NE(name, other);
            for (const auto& other : b.manager.settings(name)->conflicts) ASSERT_NE(service, other);
        }
        for (const auto& each : b.manager.settings(service)->conditions) {
            auto known = facts.find(each.fact());
            ASSERT_TRUE(known != facts.end() && known->second != each.negated) << each.text();
        }
        living[start] = service;
    }

    // Stale serials are for the core to ignore.
    void control_ends(StartId id, int how, int status) {
        auto running = control.find(id);
        unsigned serial = running == control.end() ? 1 : running->second;
        if (running != control.end() && how % 8 == 0) --serial;
        else control.erase(id);
        if (how % 3 == 0) handle(event::ControlFailed{id, serial, "no"});
        else handle(event::ControlExited{id, serial, status});
    }

    void check() {
        std::size_t starts = 0;
        for (const auto& name : b.manager.names()) {
            auto view = *b.manager.view(name);
            bool obstacles = !view.waiting_for.empty() || !view.unmet.empty();
            if (view.state == State::waiting && name == "top") { ASSERT_TRUE(obstacles); }
            ASSERT_NO_FATAL_FAILURE(check_bounds(name, view));
            if (name == "top") continue;
            ASSERT_EQ(is_alive(view.state), view.start != 0) << name;
            starts += view.start != 0;
            if (view.start != 0) {
                ASSERT_EQ(b.manager.service_of(view.start), name);
                ASSERT_TRUE(living.contains(view.start));
                ASSERT_NE(b.manager.settings_of(view.start), nullptr);
            }
            if (view.state == State::backoff) { ASSERT_TRUE(b.manager.next_deadline()); }
            // One more than the limit is the trouble, and the count begins anew.
            const auto& failures = b.manager.life(name)->failures;
            ASSERT_LE(failures->used({0, 1000h}, b.now), kMostFailures) << name;
            if (view.state == State::waiting) {
                const auto& life = *b.manager.life(name);
                bool watches = life.listens && (watched.contains(name) || !life.wanted_up);
                ASSERT_EQ(life.listens, watches) << name;
                ASSERT_TRUE(asked.contains(name) || watches || obstacles) << name;
            }
            if (view.state == State::stopped || view.state == State::failed) {
                ASSERT_FALSE(asked.contains(name) || open.contains(name)) << name;
            }
            if (b.manager.life(name)->sockets != Sockets::stale) {
                ASSERT_EQ(view.listens_on.empty(), !open.contains(name)) << name;
            }
        }
        ASSERT_EQ(starts, living.size());
        ASSERT_LE(all_stopped, 1);
    }

    // What is up and stays up has all that it is bound to, and its conditions.
    void check_bounds(const std::string& name, const ServiceView& view) {
        const auto& life = *b.manager.life(name);
        if (!is_up(view.state) || !life.wanted_up || shutting_down) return;
        const auto* settings = view.start ? b.manager.settings_of(view.start) : nullptr;
        if (!settings) return;
        const auto& newest = b.manager.settings(name)->binds;
        for (const auto& provider : settings->binds) {
            if (std::ranges::find(newest, provider) == newest.end()) continue; // reloaded: let go of
            auto other = b.manager.view(provider);
            const auto* its = other && other->start ? b.manager.settings_of(other->start)
                                                    : b.manager.settings(provider);
            if (its && its->listen->on_demand()) continue; // comes and goes with its traffic
            ASSERT_TRUE(other && is_up(other->state) && b.manager.life(provider)->wanted_up)
                << name << " without " << provider;
        }
        for (const auto& each : settings->conditions) {
            if (!stops_when_lost(*settings, each)) continue;
            ASSERT_NE(facts[each.fact()], each.negated) << name << " without " << each.text();
        }
    }

    void tell(const std::string& fact, bool holds) {
        facts[fact] = holds;
        handle(event::ConditionChanged{fact, holds});
    }

    StartId some_start() {
        if (living.empty() || pick(20) == 0) return b.last_id > 3 ? b.last_id - 3 : 1; // maybe stale
        auto it = living.begin();
        std::advance(it, pick(static_cast<int>(living.size())));
        return it->first;
    }

    void step() {
        auto id = some_start();
        const auto& name = kNames[static_cast<std::size_t>(pick(kHowMany))];
        int statuses[] = {0, exit_status(1), killed_by(SIGSEGV), killed_by(SIGTERM)};
        auto kind = static_cast<TroubleKind>(pick(kTroubleKinds));
        if (pick(12) == 0) return sockets_answer(name, pick(10));
        switch (pick(34)) {
        case 0: return handle(event::StartRequested{name});
        case 1: return handle(event::StopRequested{name});
        case 2: return handle(event::RestartRequested{name});
        case 3: {
            const char* targets[] = {"default", "default", "rescue", "safe"};
            auto target = pick(2) ? targets[pick(4)] : name;
            return handle(event::TargetRequested{target, pick(3) == 0});
        }
        case 4: return handle(event::SpawnFailed{id, "no"});
        case 5: return handle(event::MainExited{id, statuses[pick(4)]});
        case 6: return handle(event::MainChanged{id, 7});
        case 7: return handle(event::Stopping{id});
        case 8: return handle(event::TroubleSeen{id, kind, "x"});
        case 9: return handle(event::TroubleOver{id, kind});
        case 10: return handle(event::Reloading{id});
        case 11: return handle(event::StatusText{id, "busy"});
        case 12:
            if (pick(10) == 0) define(name);
            return;
        case 13:
            if (pick(50) == 0 && b.manager.forget(name)) {
                for (auto* names : {&asked, &open, &watched}) names->erase(name);
                handle(event::Tick{});
                define(name);
                handle(event::Tick{});
            }
            return;
        case 14: return handle(event::Emptied{id, 0}); // perhaps unasked
        case 15: case 16:
            b.now += Ms{pick(1500)};
            return handle(event::Tick{});
        case 17: return handle(event::Ready{id});
        case 18: return handle(event::ReloadRequested{name});
        case 19: return handle(event::ControlSpawned{id, control.contains(id) ? control[id] : 1, 9});
        case 20: case 21: case 22:
            if (control.contains(id)) control_ends(id, pick(24), statuses[pick(4)]);
            return;
        case 23: return says(id);
        case 24: case 25: return tell(kFacts[static_cast<std::size_t>(pick(3))], pick(3) != 0);
        default: return answer(id);
        }
    }

    void says(StartId id) {
        switch (pick(7)) {
        case 5: return handle(event::SignalHeld{id, b.now + Ms{pick(5'000)}});
        case 6: return handle(event::SignalSent{id});
        case 0: return handle(event::TimeAsked{id, Ms{pick(20'000)}});
        case 1: return handle(event::Reloading{id, b.now - Ms{pick(3) - 1}});
        case 2: return handle(event::WatchdogAsked{id, Ms{100 + pick(5000)}});
        case 3: return handle(event::RestartsForgiven{id});
        default: return handle(event::ErrorTold{id, pick(100), pick(256), "x.Error"});
        }
    }

    // Also where nobody has asked any more.
    void sockets_answer(const std::string& name, int how) {
        if (watched.erase(name)) return handle(event::Traffic{name, "x"});
        bool fails = how == 0;
        if (asked.erase(name) && !fails) open.insert(name);
        if (fails) handle(event::ListenFailed{name, "no"});
        else if (open.contains(name)) handle(event::Listening{name});
    }

    // As the real world would.
    void answer_all() {
        for (const auto& name : std::set(asked)) sockets_answer(name, 1);
        for (const auto& name : std::set(watched)) sockets_answer(name, 1);
        for (const auto& [id, name] : std::map(living)) answer(id);
    }
    void answer(StartId id) {
        if (!living.contains(id)) return;
        if (control.contains(id) && !ended.contains(id)) return control_ends(id, 1, 0);
        if (!spawned[id] && !ended.contains(id)) return;
        if (!main_alive.contains(id)) {
            main_alive[id] = true;
            handle(event::Spawned{id, 5});
            handle(event::Executed{id});
        } else if (ended.contains(id)) {
            handle(event::MainExited{id, killed_by(SIGKILL)});
            handle(event::Emptied{id, 0, pick(2) == 0});
        } else if (b.state(living[id]) == State::stopping && pick(2)) { // asked, however
            handle(event::MainExited{id, killed_by(SIGTERM)});
        } else if (living[id] == "job") {
            handle(event::MainExited{id, 0});
        } else {
            handle(event::Ready{id});
        }
    }

    void shut_down() {
        shutting_down = true;
        handle(event::ShutdownRequested{b.now + Ms{pick(10'000)}});
        for (int i = 0; i < 200 && all_stopped == 0; ++i) {
            if (pick(3) == 0)
                handle(event::StartRequested{kNames[static_cast<std::size_t>(pick(kHowMany))]});
            auto now_living = living;
            for (const auto& [id, name] : now_living)
                if (pick(2)) answer(id);
            if (auto due = b.manager.next_deadline(); due && pick(2)) {
                b.now = std::max(b.now, *due);
                handle(event::Tick{});
            }
        }
        ASSERT_EQ(all_stopped, 1) << "stuck";
        for (const auto& name : b.manager.names())
            ASSERT_FALSE(is_alive(b.manager.view(name)->state)) << name;
        ASSERT_FALSE(b.manager.next_deadline());
    }
};

// The table of the life-cycle in lifecycle.h and in leash.service(5).
const std::set<std::string> kWays = {
    "stopped > waiting",    "failed > waiting",   "done > waiting",      "waiting > starting",
    "waiting > running",    "waiting > failed",   "waiting > stopped",   "starting > running",
    "starting > stopping",  "running > reloading", "running > stopping", "running > stopped",
    "running > waiting",    "reloading > running", "reloading > stopping", "stopping > stopped",
    "stopping > waiting",   "stopping > backoff", "stopping > failed",   "stopping > done",
    "backoff > waiting",    "backoff > stopped",  "failed > stopped",    "done > stopped",
};

} // namespace

// Over a million events; no other way from state to state than those, and each of them.
TEST(Random, WhateverHappens) {
    std::set<std::string> seen;
    for (unsigned seed = 1; seed <= 1700; ++seed) {
        World world(seed);
        for (const auto& name : kNames) world.define(name);
        world.handle(event::Tick{});
        for (int i = 0; i < 600 && !testing::Test::HasFatalFailure(); ++i) world.step();
        world.shut_down();
        seen.insert(world.seen.begin(), world.seen.end());
        ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
    }
    EXPECT_EQ(seen, kWays);
}

// From wherever it has got to, a stop ends, and so does a start, if the world does its part.
TEST(Random, StartAndStopEnd) {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        World world(seed);
        for (const auto& name : kNames) world.define(name);
        for (int i = 0; i < 300; ++i) world.step();
        auto until = [&](const std::string& name, const std::set<State>& wanted) {
            for (int round = 0; round < 100; ++round) {
                for (int i = 0; i < 12; ++i) {
                    if (wanted.contains(world.b.state(name))) return true;
                    world.answer_all();
                }
                if (auto due = world.b.manager.next_deadline()) {
                    world.b.now = std::max(world.b.now, *due);
                    world.handle(event::Tick{});
                }
            }
            return false;
        };
        for (const auto& fact : kFacts) world.tell(fact, true);
        for (const auto& name : kNames) {
            world.handle(event::StopRequested{name});
            ASSERT_TRUE(until(name, {State::stopped, State::failed})) << name << ", seed " << seed;
            world.handle(event::StartRequested{name});
            ASSERT_TRUE(until(name, {State::running, State::done, State::failed, State::backoff,
                                     State::stopped}) ||
                        world.b.manager.view(name)->parked) << name << ", seed " << seed;
            ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
        }
    }
}

// A kind world: nobody is left waiting for ever for something that can come up.
TEST(Random, NobodyIsStuck) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        World world(seed);
        for (const auto& name : kNames) world.define(name);
        for (int i = 0; i < 200; ++i) world.step();
        for (const auto& fact : kFacts) world.tell(fact, true);
        // Timers and limits go on for ever: waiting at times is no harm, never getting on is.
        std::set<std::string> got_on;
        auto look = [&] {
            for (const auto& name : kNames)
                if (world.b.state(name) != State::waiting || world.b.manager.view(name)->parked)
                    got_on.insert(name);
        };
        for (int round = 0; round < 120; ++round) {
            // Answers within every deadline. Who runs for a while only has done so by the next one.
            for (int i = 0; i < 12; ++i) {
                world.answer_all();
                if (round > 60) look();
            }
            if (auto due = world.b.manager.next_deadline()) {
                world.b.now = std::max(world.b.now, *due);
                world.handle(event::Tick{});
            }
            ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
        }
        for (const auto& name : kNames)
            EXPECT_TRUE(got_on.contains(name))
                << name << ", seed " << seed << ": " << world.b.reason(name);
    }
}
