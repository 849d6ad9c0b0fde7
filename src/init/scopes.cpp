// SPDX-License-Identifier: MIT
#include "init/scopes.h"

#include <poll.h>

#include "base/process.h"

namespace leash {

ServiceSettings scope_settings(const std::string& name) {
    ServiceSettings settings;
    settings.name = name;
    settings.file = "(initctl run --scope)";
    settings.description = "Scope made by initctl run";
    settings.start = StartMode::manual;
    settings.restart = RestartWhen::no;
    settings.restart_limit = RateLimit{};
    settings.scope = true;
    return settings;
}

Result<StartId> Scopes::make(const std::string& name, pid_t pid, int client) {
    if (auto known = manager_.view(name))
        return fail("there is a {} {} already: choose another name",
                    manager_.settings(name)->scope ? "scope" : "service", name);
    if (name == kInitGroup) return fail("'{}' is the group of init itself: choose another name", name);
    if (pid <= 1) return fail("the process that asks is not to be seen from init's PID namespace");
    if (auto service = executor_.main_of(pid); !service.empty())
        return fail("process {} is the main process of {} and has to stay that: run it in a child", pid,
                    service);
    auto pidfd = open_pidfd(pid);
    pollfd peer{client, POLLRDHUP, 0};
    bool there = client >= 0 && poll(&peer, 1, 0) >= 0 && peer.revents == 0;
    if (!pidfd || !there) return fail("process {} is gone", pid);

    resume(name);
    executor_.offer(name, std::move(*pidfd), pid);
    making_ = true;
    core_.post(event::StartRequested{name});
    making_ = false;
    executor_.withdraw(name); // it was taken, unless the core has refused
    auto view = manager_.view(name);
    if (view->state == State::running) return view->start;
    auto refused = fail("scope {} was not made: {}", name, view->reason);
    sweep();
    return refused;
}

void Scopes::resume(const std::string& name) {
    manager_.define(scope_settings(name));
    names_.insert(name);
}

void Scopes::sweep() {
    if (making_) return;
    std::erase_if(names_, [this](const std::string& name) {
        auto view = manager_.view(name);
        if (view && view->state != State::stopped && view->state != State::failed) return false;
        if (!manager_.forget(name)) return !view.has_value();
        logs_.forget(name);
        recovery_.forget(name);
        return true;
    });
}

} // namespace leash
