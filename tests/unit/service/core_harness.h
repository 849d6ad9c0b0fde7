// SPDX-License-Identifier: MIT
// The functional core on a test bench: services by a few words, events in, actions out as text.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "service/lifecycle.h"
#include "service/manager.h"

namespace leash::test {

inline int exit_status(int code) { return code << 8; } // as of waitpid(2)
inline int killed_by(int signal) { return signal; }

template <class... Ts> struct Overloaded : Ts... { using Ts::operator()...; };

// Start 7 of service a is "a#7". State changes read "a: waiting>starting".
inline std::string text_of(const Action& action, bool reasons = false) {
    auto at = [](const auto& a) { return fmt::format("{}#{}", a.service, a.start); };
    return std::visit(
        Overloaded{
            [&](const action::Spawn& a) { return "spawn " + at(a); },
            [&](const action::Listen& a) { return "listen " + a.service; },
            [&](const action::Unlisten& a) { return "unlisten " + a.service; },
            [&](const action::Watch& a) { return "watch " + a.service; },
            [&](const action::SignalStart& a) { return fmt::format("signal {} {}", at(a), a.signal); },
            [&](const action::EndStart& a) {
                return (a.everything ? "end everything " : "end ") + at(a);
            },
            [&](const action::ReloadMain& a) { return "reload " + at(a); },
            [&](const action::RunControl& a) {
                return fmt::format("run {} {} {}", at(a), to_string(a.kind), a.command.front());
            },
            [&](const action::KillControl& a) { return "kill control " + at(a); },
            [&](const action::RunHook& a) {
                return fmt::format("hook {} {} ({})", at(a), a.command.front(), a.reason);
            },
            [&](const action::StateChanged& a) {
                auto text = fmt::format("{}: {}>{}", a.service, to_string(a.from), to_string(a.to));
                return reasons ? fmt::format("{} ({})", text, a.reason) : text;
            },
            [&](const action::Tell& a) { return fmt::format("tell {}: {}", a.service, a.text); },
            [&](const action::TroubleNoted& a) {
                return fmt::format("noted {} {}", a.service, to_string(a.kind));
            },
            [&](const action::EndMachine& a) {
                const char* ends[] = {"reboot", "poweroff", "halt"};
                return fmt::format("{} for {}: {}", ends[static_cast<int>(a.end)], a.service, a.reason);
            },
            [&](const action::EnterTarget& a) {
                return fmt::format("enter {} for {}: {}", a.target, a.service, a.reason);
            },
            [&](const action::TargetSettled& a) {
                return fmt::format("settled {} {}", a.target, a.failed);
            },
            [&](const action::LimitStart& a) {
                return fmt::format("limit {}#{} {} {}", a.service, a.start, to_string(a.kind),
                                   a.value ? a.value->number : 0);
            },
            [&](const action::FreezeStart& a) {
                return fmt::format("freeze {}#{}", a.service, a.start);
            },
            [&](const action::DumpStart& a) {
                return fmt::format("dump {}#{} ({})", a.service, a.start, a.evidence);
            },
            [&](const action::AskNextRun& a) {
                return (a.came ? "came, ask next run of " : "ask next run of ") + a.service;
            },
            [&](const action::AllStopped&) { return std::string("all stopped"); }},
        action);
}

using Lines = std::vector<std::string>;

struct Bench {
    StartId last_id = 0;
    Manager manager{[this] { return ++last_id; }};
    Ms now{1'000'000};

    // A daemon that is not restarted, notify = none, unless `change` says otherwise.
    void define(const std::string& name, const std::function<void(ServiceSettings&)>& change = {}) {
        ServiceSettings settings;
        settings.name = name;
        settings.command = {"/bin/" + name};
        settings.restart = RestartWhen::no;
        if (change) change(settings);
        manager.define(settings);
    }

    Lines all(const Event& event, bool reasons = false) {
        Lines lines;
        for (const auto& action : manager.handle(event, now))
            if (!std::holds_alternative<action::TroubleNoted>(action))
                lines.push_back(text_of(action, reasons));
        return lines;
    }
    // What has to be done: everything but state changes.
    Lines send(const Event& event) {
        Lines lines;
        for (const auto& action : manager.handle(event, now))
            if (!std::holds_alternative<action::StateChanged>(action) &&
                !std::holds_alternative<action::TroubleNoted>(action))
                lines.push_back(text_of(action));
        return lines;
    }
    // Lets time pass up to `later`, answering each deadline on the way.
    Lines pass(Ms later) {
        Lines lines;
        Ms until = now + later;
        for (auto due = manager.next_deadline(); due && *due <= until; due = manager.next_deadline()) {
            now = std::max(now, *due);
            auto more = send(event::Tick{});
            lines.insert(lines.end(), more.begin(), more.end());
        }
        now = until;
        return lines;
    }

    State state(std::string_view name) { return manager.view(name)->state; }
    std::string reason(std::string_view name) { return manager.view(name)->reason; }
    StartId start(std::string_view name) { return manager.view(name)->start; }

    Lines request(const std::string& name) { return send(event::StartRequested{name}); }
    Lines stop(const std::string& name) { return send(event::StopRequested{name}); }
    Lines restart(const std::string& name) { return send(event::RestartRequested{name}); }
    // Answers of the world for the living start of `name`.
    Lines spawned(std::string_view name) {
        auto lines = send(event::Spawned{start(name), 100 + static_cast<int>(start(name))});
        auto more = send(event::Executed{start(name)});
        lines.insert(lines.end(), more.begin(), more.end());
        return lines;
    }
    Lines exited(std::string_view name, int status) {
        return send(event::MainExited{start(name), status});
    }
    Lines emptied(std::string_view name, int remains = 0) {
        return send(event::Emptied{start(name), remains});
    }
    // The command beside the main process ends.
    Lines control(std::string_view name, int status = 0) {
        return send(event::ControlExited{start(name), manager.life(name)->control.serial, status});
    }
    Lines ready(std::string_view name) { return send(event::Ready{start(name)}); }
    Lines trouble(std::string_view name, TroubleKind kind = TroubleKind::missed_heartbeat) {
        return send(event::TroubleSeen{start(name), kind, "silent for 10s"});
    }
    // Starts it and what it needs, until all are up.
    void run(const std::string& name) {
        request(name);
        for (bool again = true; again;) {
            again = false;
            for (const auto& each : manager.names()) {
                if (state(each) != State::starting) continue;
                spawned(each);
                if (state(each) == State::starting) ready(each);
                again = again || state(each) != State::starting;
            }
        }
        ASSERT_TRUE(is_up(state(name))) << name << " is " << to_string(state(name));
    }
    // The main process ends and nothing is left.
    void end(std::string_view name, int status) {
        exited(name, status);
        emptied(name);
    }
};

// Whether the trouble `crash-loop` of "a" stands.
inline bool loops(const Manager& manager) {
    return (*manager.life("a")->troubles)[static_cast<std::size_t>(TroubleKind::crash_loop)].standing;
}

inline void always(ServiceSettings& s) { s.restart = RestartWhen::always; }
inline Policy policy(std::string_view text) { return *parse_policy(text); }

// Lets "a" crash after `run` and returns the pause that follows; -1 ms: it is not started again.
inline Ms crash(Bench& b, Ms run = 0ms) {
    b.pass(run);
    b.end("a", exit_status(1));
    if (b.state("a") != State::backoff) return -1ms;
    auto pause = b.manager.view("a")->next_attempt - b.now;
    b.pass(pause);
    b.spawned("a");
    return pause;
}

} // namespace leash::test
