// SPDX-License-Identifier: MIT
#include "init/core_loop.h"

namespace leash {

CoreLoop::CoreLoop(EventLoop& loop, Manager& manager)
    : manager_(manager), tick_(loop, [this] { post(event::Tick{}); }) {}

void CoreLoop::post(Event event) {
    waiting_.push_back(std::move(event));
    if (running_) return;
    running_ = true;
    while (!waiting_.empty()) {
        Event next = std::move(waiting_.front());
        waiting_.pop_front();
        for (const auto& action : manager_.handle(next, monotonic_now())) act_(action);
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
