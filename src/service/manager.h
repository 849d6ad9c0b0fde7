// SPDX-License-Identifier: MIT
// The functional core: all services, their states, their dependencies. Events in, actions out. It
// makes no system call, reads no clock and owns no descriptor; `now` comes with each event.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/tag.h"
#include "service/events.h"
#include "service/settings.h"
#include "service/state.h"

namespace leash {

// What others may see of a service. A copy: stays valid whatever happens next.
struct ServiceView {
    std::string name;
    State state = State::stopped;
    StartId start = 0;       // 0 where there is none; kept after the end of a start in `last_start`
    StartId last_start = 0;
    int main_pid = 0;        // 0 where there is none
    int restarts = 0;        // automatic ones, since the last start by request
    Ms since{0};             // when the state was entered
    std::optional<int> last_exit; // wait status of the last main process
    std::string reason;      // why it is failed, waiting, backing off; free text
    std::string status_text; // STATUS= of the service
    std::vector<std::string> waiting_for;
    Ms next_attempt{0};      // backoff, and one-shots with an interval
    int remains = 0;         // tasks that the end of the last start spared
    bool masked = false;     // for whoever knows the files: the core does not
};

struct Life; // service/lifecycle.h

class Manager {
  public:
    // `new_start_id` is asked once per start; it must never repeat itself.
    explicit Manager(std::function<StartId()> new_start_id);
    ~Manager();

    // Adds or replaces the description of a service. The new one counts from its next start on.
    // Cycles have been refused before (service/graph.h).
    void define(ServiceSettings settings);
    // Forgets a service that is not alive; false if it is alive or unknown.
    bool forget(std::string_view name);

    [[nodiscard]] Actions handle(const Event& event, Ms now);

    // For the state page: everything a service is at run time; null if unknown.
    [[nodiscard]] const Life* life(std::string_view name) const;
    // A service goes on where an earlier life of init left it. To be called after define() and before
    // any event; the settings in force are those of now.
    void resume(std::string_view name, const Life& life);

    // When to call handle(Tick) at the latest; none: not before something happens.
    [[nodiscard]] std::optional<Ms> next_deadline() const;
    // After a stall, suspend or re-exec of this length: every deadline moves.
    void shift_deadlines(Ms by);

    [[nodiscard]] std::vector<std::string> names() const; // sorted
    [[nodiscard]] std::optional<ServiceView> view(std::string_view name) const;
    [[nodiscard]] const ServiceSettings* settings(std::string_view name) const;
    // The settings that a living start was spawned with, though the file may have changed since.
    [[nodiscard]] const ServiceSettings* settings_of(StartId start) const;
    [[nodiscard]] std::string service_of(StartId start) const; // "" if unknown

    // What stopping `name` would stop before it, in order (what requires it, transitively, and is
    // alive or waiting).
    [[nodiscard]] std::vector<std::string> dependants(std::string_view name) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace leash
