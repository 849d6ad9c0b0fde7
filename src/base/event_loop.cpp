// SPDX-License-Identifier: MIT
#include "base/event_loop.h"

#include <cstdlib>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

namespace leash {

// The part of a watch whose address libuev keeps. It outlives the IoWatch until the round of
// events in which that was destroyed is over.
struct IoWatch::Core {
    uev_t watcher{};
    Callback callback;
    bool dead = false;

    static void dispatch(uev_t*, void* self, int events) {
        auto* core = static_cast<Core*>(self);
        if (core->dead) return;
        core->callback(events);
    }
};

// libuev stops a watch by itself on UEV_HUP and UEV_ERROR: the callback reads to the end then.
IoWatch::IoWatch(EventLoop& loop, int fd, int events, Callback callback)
    : loop_(loop), core_(new Core) {
    core_->callback = std::move(callback);
    uev_io_init(&loop_.ctx_, &core_->watcher, &Core::dispatch, core_, fd, events);
}

IoWatch::~IoWatch() {
    uev_io_stop(&core_->watcher);
    core_->dead = true;
    loop_.graveyard_.push_back(core_);
}

void IoWatch::set_events(int events) {
    uev_io_set(&core_->watcher, core_->watcher.fd, events);
}

Timer::Timer(EventLoop& loop, Callback callback) : loop_(loop), callback_(std::move(callback)) {}
Timer::~Timer() { cancel(); }

void Timer::at(Ms deadline) {
    cancel();
    place_ = loop_.timers_.emplace(deadline, this);
    armed_ = true;
    loop_.rearm();
}

void Timer::cancel() {
    if (!armed_) return;
    loop_.timers_.erase(place_);
    armed_ = false;
}

EventLoop::EventLoop() {
    if (uev_init(&ctx_) < 0) std::abort(); // no epoll: nothing can work
    timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer_fd_ < 0) std::abort();
    timer_watch_ = std::make_unique<IoWatch>(*this, timer_fd_, UEV_READ, [this](int) {
        std::uint64_t expirations = 0;
        [[maybe_unused]] auto got = ::read(timer_fd_, &expirations, sizeof expirations);
        armed_for_ = Ms{-1};
    });
}

EventLoop::~EventLoop() {
    timer_watch_.reset();
    ::close(timer_fd_);
    for (auto* core : graveyard_) delete core;
    uev_exit(&ctx_);
}

void EventLoop::rearm() {
    if (timers_.empty()) return; // a stale expiry only costs one empty round
    Ms first = timers_.begin()->first;
    if (first == armed_for_) return;
    armed_for_ = first;
    auto since_boot = first < Ms{1} ? Ms{1} : first; // 0 would disarm
    itimerspec spec{};
    spec.it_value.tv_sec = since_boot.count() / 1000;
    spec.it_value.tv_nsec = (since_boot.count() % 1000) * 1'000'000;
    timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void EventLoop::fire_due() {
    Ms now = monotonic_now();
    while (!timers_.empty() && timers_.begin()->first <= now) {
        Timer* timer = timers_.begin()->second;
        timer->cancel();
        auto callback = timer->callback_; // a copy: the timer may be destroyed by its own callback
        callback();
    }
    rearm();
}

void EventLoop::run() {
    running_ = true;
    while (running_) {
        // There is always the timer to watch. A loop that watches nothing any more, since somebody has
        // closed its descriptor, would go round and round and hear nobody: a crash is curable, that is
        // not.
        if (uev_run(&ctx_, UEV_ONCE) < 0 || ctx_.fd < 0 || ctx_.watchers == nullptr) std::abort();
        fire_due();
        if (after_round_) after_round_();
        for (auto* core : graveyard_) delete core;
        graveyard_.clear();
    }
}

} // namespace leash
