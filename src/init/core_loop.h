// SPDX-License-Identifier: MIT
// Runs the functional core: events go in one after the other, its actions are carried out in order,
// and its deadlines sit on one timer. Actions may cause events at once; these wait for their turn.
#pragma once

#include <deque>
#include <functional>

#include "base/event_loop.h"
#include "service/manager.h"

namespace leash {

class CoreLoop {
  public:
    CoreLoop(EventLoop& loop, Manager& manager);

    void set_actor(std::function<void(const Action&)> act) { act_ = std::move(act); }
    // Called when all events that were waiting have been handled.
    void set_settled(std::function<void()> settled) { settled_ = std::move(settled); }

    // Told of each service that an event or an action was about, after the actions were carried out.
    void set_touched(std::function<void(const std::string&)> touched) { touched_ = std::move(touched); }

    void post(Event event);

  private:
    void rearm();

    Manager& manager_;
    std::function<void(const Action&)> act_;
    std::function<void()> settled_;
    std::function<void(const std::string&)> touched_;
    std::deque<Event> waiting_;
    bool running_ = false;
    Timer tick_;
};

} // namespace leash
