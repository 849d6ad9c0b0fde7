// SPDX-License-Identifier: MIT
// A small PID 1 for plugins: a loop, the services of a host, and somebody who reaps.
#pragma once

#include "plugin/host.h"

#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/wait.h>

namespace leash::test {

struct Trouble {
    StartId start;
    std::string kind;
    std::string evidence;
};

class Services : public HostServices {
  public:
    std::map<std::string, std::string, std::less<>> keys;
    std::vector<std::string> labels; // of [watchdog LABEL], with the keys below
    std::map<std::string, std::string, std::less<>> labelled; // "LABEL KEY"
    std::vector<Trouble> troubles;
    std::vector<StartId> over;
    std::vector<std::string> machine_over; // "source|kind"
    std::string logged; // "4 text\n"
    std::function<int(StartId)> on_trouble;
    int saved = 0;
    std::map<pid_t, Owner> owners;
    std::vector<std::string> machine_troubles, ends; // fields parted by '|'
    bool knows_machine_trouble = true;

    std::optional<std::string> config(const std::string&, std::string_view key) override {
        auto found = keys.find(key);
        if (found == keys.end()) return std::nullopt;
        return found->second;
    }
    std::vector<std::string> sections(const std::string&) override { return labels; }
    std::optional<std::string> config_in(const std::string&, std::string_view label,
                                         std::string_view key) override {
        auto found = labelled.find(fmt::format("{} {}", label, key));
        if (found == labelled.end()) return std::nullopt;
        return found->second;
    }
    int trouble(StartId start, std::string_view kind, std::string_view evidence) override {
        troubles.push_back({start, std::string(kind), std::string(evidence)});
        return on_trouble ? on_trouble(start) : 0;
    }
    int machine_trouble_over(std::string_view source, std::string_view kind) override {
        machine_over.push_back(fmt::format("{}|{}", source, kind));
        return 0;
    }
    int trouble_over(StartId start, std::string_view) override {
        over.push_back(start);
        return 0;
    }
    void log(const std::string&, log::Level level, std::string_view text) override {
        logged += fmt::format("{} {}\n", static_cast<int>(level), text);
    }
    void state_changed(const PluginState&) override { ++saved; }
    std::optional<Owner> whose(pid_t pid) override {
        auto found = owners.find(pid);
        if (found == owners.end()) return std::nullopt;
        return found->second;
    }
    int machine_trouble(std::string_view source, std::string_view kind, std::string_view policy,
                        std::string_view evidence) override {
        machine_troubles.push_back(fmt::format("{}|{}|{}|{}", source, kind, policy, evidence));
        return knows_machine_trouble ? 0 : -ENOSYS;
    }
    int end_machine(leash_end end, std::string_view kind, std::string_view why) override {
        ends.push_back(fmt::format("{}|{}|{}", static_cast<int>(end), kind, why));
        return 0;
    }
};

class SmallInit {
  public:
    explicit SmallInit(std::string folder) : host(loop, services, std::move(folder)) {
        signal(SIGPIPE, SIG_IGN);
        loop.set_after_round([this] {
            if (!frozen) host.loop_round();
        });
    }
    ~SmallInit() {
        for (const auto& state : host.states())
            for (const auto& helper : state.helpers) {
                kill(helper.pid, SIGKILL);
                waitpid(helper.pid, nullptr, 0);
            }
    }

    // True: `done` came true within `limit`.
    bool run(
        Ms limit, const std::function<bool()>& done = [] { return false; }) {
        bool came = false;
        Ms end = monotonic_now() + limit;
        Timer look(loop, [&] {
            int status = 0;
            for (const auto& state : host.states())
                for (const auto& helper : state.helpers)
                    if (waitpid(helper.pid, &status, WNOHANG) == helper.pid)
                        host.child_exited(helper.pid, status);
            came = done();
            if (came || monotonic_now() >= end)
                loop.stop();
            else
                look.in(5ms);
        });
        look.in(1ms);
        loop.run();
        return came;
    }

    std::string status(const std::string& key) const {
        auto lines = host.status();
        auto found = lines.find(key);
        return found == lines.end() ? "" : found->second;
    }

    EventLoop loop;
    Services services;
    bool frozen = false; // no LEASH_EVENT_LOOP
    PluginHost host;
};

} // namespace leash::test
