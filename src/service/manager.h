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
    int error_number = 0;         // its ERRNO=; 0: none
    std::optional<int> said_exit; // its EXIT_STATUS=
    std::string error_text;       // its BUSERROR= or VARLINKERROR=
    Ms watchdog{0};          // its WATCHDOG_USEC=, instead of what its file says; 0: not told
    std::vector<std::string> waiting_for;
    std::vector<std::string> unmet{}; // conditions that a waiting one waits for, as written
    bool parked = false;            // ... waiting for what may never come
    struct ConditionView {
        std::string text;
        std::optional<bool> holds; // nothing: not known yet
    };
    std::vector<ConditionView> conditions{};
    std::vector<std::string> binds_to{}, bound_by{};
    std::string started_for{}; // whose on-failure has started it
    std::vector<std::string> listens_on{}; // its open sockets, as `listen` has them
    Ms next_attempt{0};      // backoff, and one-shots with an interval
    struct StandingView {
        TroubleKind kind;
        Ms since{0};
        std::string evidence;
        std::string next; // the step that waits, "" for none ...
        Ms due{0};        // ... until then
    };
    std::vector<StandingView> troubles{}; // that stand
    // Left as they are by the manager: for those who know about messages and descriptors.
    std::optional<NotifyAccess> notify_access; // none: the start has no socket
    struct Messages {
        std::uint64_t received = 0;
        std::uint64_t dropped = 0; // malformed
        std::uint64_t ignored = 0; // of senders who may not say anything
        std::uint64_t pauses = 0;  // because of a flood
    } messages;
    struct TimerView {
        std::string name;
        Ms limit{0}, left{0}; // left: negative once it is late
    };
    std::vector<TimerView> timers{}; // of `watchdog`, while it is watched
    std::vector<std::string> stored; // names of descriptors kept for its next start
    int remains = 0;         // tasks that the end of the last start spared
    bool masked = false;     // for whoever knows the files: the core does not
    bool frozen = false;     // likewise, the cgroups: all its tasks are stopped
};

struct Life; // service/lifecycle.h

// Targets that no file has to describe.
[[nodiscard]] inline bool is_built_in_target(std::string_view name) {
    return name == "default" || name == "rescue" || name == "safe";
}

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

    // Services of which something has changed since the last call, though no action need speak of
    // them: a stop that waits for its turn, say. For the state page.
    [[nodiscard]] std::vector<std::string> take_changed();

    // For the state page: everything a service is at run time; null if unknown.
    [[nodiscard]] const Life* life(std::string_view name) const;
    // A service goes on where an earlier life of init left it. To be called after define() and before
    // any event. `in_force`: what its start was spawned under; null: what describes it now.
    void resume(std::string_view name, const Life& life, const ServiceSettings* in_force = nullptr);

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

    // For whom, and why, another service's on-failure has started this one; "" if none has.
    struct Cause {
        std::string service, reason;
    };
    [[nodiscard]] Cause cause_of(std::string_view name) const;

    // Every condition that a description names, without '!': what has to be watched.
    [[nodiscard]] std::vector<std::string> conditions() const; // sorted, each once
    [[nodiscard]] std::optional<bool> holds(const std::string& condition) const;

    // What stopping `name` would stop before it, in order (what requires it, transitively, and is
    // alive or waiting).
    [[nodiscard]] std::vector<std::string> dependants(std::string_view name) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace leash
