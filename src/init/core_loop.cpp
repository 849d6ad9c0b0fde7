// SPDX-License-Identifier: MIT
#include "init/core_loop.h"

#include <algorithm>
#include <set>
#include <string>

namespace leash {
namespace {

// The service that an event is about; "" where it is about none.
std::string subject_of(const Event& event, const Manager& manager) {
    return std::visit(
        [&](const auto& what) -> std::string {
            if constexpr (requires { what.service; }) return what.service;
            else if constexpr (requires { what.start; }) return manager.service_of(what.start);
            else return {};
        },
        event);
}

std::string subject_of(const Action& action) {
    return std::visit(
        [](const auto& what) -> std::string {
            if constexpr (requires { what.service; }) return what.service;
            else return {};
        },
        action);
}

} // namespace

CoreLoop::CoreLoop(EventLoop& loop, Manager& manager)
    : manager_(manager), tick_(loop, [this] { post(event::Tick{}); }) {}

void CoreLoop::post(Event event) {
    waiting_.push_back(std::move(event));
    if (running_) return;
    running_ = true;
    while (!waiting_.empty()) {
        Event next = std::move(waiting_.front());
        waiting_.pop_front();
        std::set<std::string> touched{subject_of(next, manager_)}; // before: the event may end the start
        for (const auto& action : manager_.handle(next, monotonic_now())) {
            act_(action);
            touched.insert(subject_of(action));
        }
        for (auto& name : manager_.take_changed()) touched.insert(std::move(name));
        touched.erase("");
        if (touched_) std::ranges::for_each(touched, touched_);
    }
    running_ = false;
    rearm();
    if (settled_) settled_();
}

void CoreLoop::rearm() {
    if (auto deadline = manager_.next_deadline()) tick_.at(*deadline);
    else tick_.cancel();
}

} // namespace leash
