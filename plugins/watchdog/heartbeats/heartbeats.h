// SPDX-License-Identifier: MIT
// The services' half of the plugin: what the host tells of services goes to the table, what the table
// wants goes to the host and the prober.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugin/leash_plugin.h"
#include "prober.h"
#include "supervision.h"
#include "task_probe.h"
#include "watch_table.h"

namespace leash_watchdog {

class Heartbeats {
  public:
    void start(const leash_host* host, std::int64_t now);
    // To be called for every event first: after a stall of PID 1's loop nobody is late who could not be
    // heard, and a timer may come before the round's LEASH_EVENT_LOOP.
    void note_time(std::int64_t now);
    // False: the event is for somebody else.
    bool event(const leash_event& event);
    // Tells the host what the table has found, and sets the timer for what comes next.
    void act(std::int64_t now);
    // Off: nobody is late, though who was may beat again. On again: everybody has his full time.
    void set_enabled(bool enabled, std::int64_t now);
    std::size_t timers(std::uint64_t start, leash_timer* timers, std::size_t most) const;

  private:
    void service_state(const leash_event& event);
    void heartbeat(const leash_event& event);
    void probe_exited(const leash_event& event);
    void told(const ProbeTold& told);
    void carry_out(const Wish& wish, std::int64_t now);
    void tell(const Report& report, std::int64_t now);

    const leash_host* host_ = nullptr;
    WatchTable table_;
    Supervision supervision_;
    ProcTaskProbe probe_;
    Prober prober_;
    std::vector<Report> reports_;
    std::vector<Wish> wishes_;
    SuspendWatch suspend_;
    std::int64_t last_event_ = 0;
    bool enabled_ = true;
    struct Watched {
        std::string service;
        bool no_such_timer_said = false; // it beats a timer that it does not have
    };
    std::map<std::uint64_t, Watched> watched_;
};

} // namespace leash_watchdog
