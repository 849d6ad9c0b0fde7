// SPDX-License-Identifier: MIT
// The event loop: libuev underneath, RAII on top. Watchers may be destroyed from within their own
// callback. One deadline queue on one timerfd serves all timers, so a thousand services cost one
// descriptor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

extern "C" { // libuev 2.4 does not say so itself
#include <uev/uev.h>
}

#include "base/clock.h"

namespace leash {

class EventLoop;

// Calls back while `fd` is readable (or writable, ...). Does not own the descriptor: destroy the
// watch before closing it.
class IoWatch {
  public:
    using Callback = std::function<void(int events)>; // UEV_READ, UEV_WRITE, UEV_HUP, UEV_ERROR
    IoWatch(EventLoop& loop, int fd, int events, Callback callback);
    ~IoWatch();
    IoWatch(const IoWatch&) = delete;
    IoWatch& operator=(const IoWatch&) = delete;

    void set_events(int events);
    struct Core;

  private:
    EventLoop& loop_;
    Core* core_; // owned; given to the loop's graveyard, since libuev may still hold its address
};

// Fires once at a deadline; re-arm at will.
class Timer {
  public:
    using Callback = std::function<void()>;
    Timer(EventLoop& loop, Callback callback);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void at(Ms deadline); // CLOCK_MONOTONIC
    void in(Ms delay) { at(monotonic_now() + delay); }
    void cancel();
    void set_callback(Callback callback) { callback_ = std::move(callback); }
    [[nodiscard]] bool armed() const { return armed_; }

  private:
    friend class EventLoop;
    EventLoop& loop_;
    Callback callback_;
    std::multimap<Ms, Timer*>::iterator place_;
    bool armed_ = false;
};

class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    void run(); // until stop()
    void stop() { running_ = false; }

    [[nodiscard]] std::vector<int> descriptors() const { return {ctx_.fd, timer_fd_}; }

    // Called once after each round of events: the place for "act on what changed".
    void set_after_round(std::function<void()> callback) { after_round_ = std::move(callback); }

  private:
    friend class IoWatch;
    friend class Timer;
    void rearm();
    void fire_due();

    uev_ctx_t ctx_{};
    int timer_fd_ = -1;
    std::unique_ptr<IoWatch> timer_watch_;
    std::multimap<Ms, Timer*> timers_;
    Ms armed_for_{-1};
    std::vector<IoWatch::Core*> graveyard_;
    std::function<void()> after_round_;
    bool running_ = false;
};

} // namespace leash
