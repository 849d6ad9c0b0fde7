// SPDX-License-Identifier: MIT
// One service's state machine. It knows nothing of other services: the manager tells it when its
// dependencies allow it to go up or down.
//
//   state      input                                 what happens                       next state
//   ---------  ------------------------------------  ---------------------------------  ----------
//   stopped    want_up                                                                  waiting
//   failed     want_up (clears the counters)                                            waiting
//   done       want_up by its own name                                                  waiting
//   waiting    go (dependencies settled)             Spawn                              starting
//              go, a target                                                             running
//              give_up (a needed one has failed)                                        failed
//   starting   Executed (notify = none, no one-shot)                                    running
//              Ready (notify other than none)                                           running
//              start_timeout                         trouble start-timeout              by policy
//   running    Reloading (RELOADING=1)                                                  reloading
//   reloading  Ready, or start_timeout                                                  running
//   any alive  stop_now, policy restart or stop      SignalStart, stop_timeout          stopping
//              Stopping (STOPPING=1)                 stop_timeout                       stopping
//              MainExited, SpawnFailed               EndStart                           stopping
//   stopping   MainExited                            EndStart
//              stop_timeout                          Tell, EndStart
//              Emptied and main process gone         by outcome: stopped  stop asked, or exit that
//                                                                is not to be answered
//                                                      again    start or restart asked  waiting
//                                                      retry    automatic restart       backoff, or
//                                                               waiting if the pause is over
//                                                      hold     crash loop, a step waits backoff
//                                                      failed                           failed
//                                                      done     one-shot ended with 0   done
//   backoff    pause over, or want_up                                                   waiting
//   waiting, backoff, failed: want_down                                                 stopped
//   running (a target), done: stop_now                                                  stopped
//
// What a needed service does unasked does not touch those that need it: when it exits and is
// restarted, and even when it ends up failed, they are left running. Only a stop or restart by
// request takes them along.
#pragma once

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "service/events.h"
#include "service/restart.h"
#include "service/settings.h"
#include "service/state.h"
#include "service/trouble.h"

namespace leash {

inline constexpr Ms kNever = Ms::max();

// What becomes of a service once nothing is left of its start.
enum class Outcome { undecided, stopped, again, retry, hold, failed, done };

// Everything that a service is at run time, as plain values: what a saved record has to hold.
struct Life {
    State state = State::stopped;
    Ms since{0};
    bool wanted_up = false; // false while alive: it is to stop as soon as its dependants have
    bool again = false;     // ... and then to start again
    std::string reason;     // why it is in this state

    // The start; reset with each.
    StartId start = 0;
    int main_pid = 0;
    Ms spawned_at{0};
    bool main_moved = false;  // MAINPID= or a pid file named another main process
    bool main_exited = false; // and was reaped, or never came to be
    bool end_asked = false;   // EndStart
    bool emptied = false;     // Emptied
    Outcome outcome = Outcome::undecided;
    std::string outcome_reason;
    std::string status_text;
    std::array<PendingTrouble, kTroubleKinds> troubles;

    // Deadlines; kNever: none.
    Ms start_deadline = kNever; // starting (one-shots: until they end), reloading
    Ms stop_deadline = kNever;  // stopping
    Ms again_at = kNever;       // stopping with outcome retry or hold, backoff

    // Over many starts.
    StartId last_start = 0;
    std::optional<int> last_exit;
    int remains = 0;        // what the last end spared
    int restarts = 0;       // automatic ones, since the last start by request
    bool automatic = false; // the next start counts as one
    Ms pause{0};            // between exit and restart, outcome retry
    Backoff backoff;
    RateWindow exits; // automatic restarts, against restart_limit
    Budgets budgets;
};

// The moment at which something happens to a service, and what comes of it.
struct Turn {
    Ms now{0};
    Actions& out;
    bool shutting_down = false;
};

class Service {
  public:
    explicit Service(std::string name) { newest_->name = std::move(name); }

    void define(ServiceSettings settings); // counts from the next start on
    [[nodiscard]] const ServiceSettings& settings() const { return *newest_; }
    // Of the living start, or else the newest.
    [[nodiscard]] const ServiceSettings& in_force() const { return *in_force_; }
    [[nodiscard]] const std::string& name() const { return newest_->name; }
    [[nodiscard]] const Life& life() const { return life_; }
    [[nodiscard]] State state() const { return life_.state; }

    [[nodiscard]] bool alive() const { return is_alive(life_.state); }
    [[nodiscard]] bool up() const { return is_up(life_.state) && life_.wanted_up; }
    // Waits for its dependants to stop before it stops itself.
    [[nodiscard]] bool stop_pending() const;
    // On its way down by request.
    [[nodiscard]] bool going_down() const;
    // Has come up, or has tried and not managed to: those that only want it need not wait.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] Ms next_deadline() const; // kNever: none
    void shift_deadlines(Ms by);

    // Goes on from a saved state.
    void resume(const Life& life) {
        life_ = life;
        in_force_ = newest_;
    }

    // Requests; the manager has found out whom they concern.
    void want_up(Turn& turn, bool by_name); // by_name: not only because another one needs it
    void want_down(Turn& turn, const std::string& reason, bool again);
    // Dependencies allow it.
    void go(Turn& turn, StartId id);
    void give_up(Turn& turn, const std::string& reason);
    void stop_now(Turn& turn);
    void end_now(Turn& turn); // no more politeness

    // Events of the living start.
    void spawned(int pid);
    void executed(Turn& turn);
    void spawn_failed(Turn& turn, const std::string& reason);
    void main_exited(Turn& turn, int status);
    void main_changed(int pid);
    void emptied(Turn& turn, int remains);
    void ready(Turn& turn);
    void reloading(Turn& turn);
    void stopping(Turn& turn);
    void status_text(std::string_view text);
    void trouble_seen(Turn& turn, TroubleKind kind, const std::string& evidence);
    void trouble_over(TroubleKind kind);
    void reload_asked(Turn& turn);
    void tick(Turn& turn);

  private:
    void enter(Turn& turn, State to, std::string reason);
    void tell(Turn& turn, action::Severity severity, std::string text);
    void forget_counters();
    void drop_troubles();
    void restart_asked(Turn& turn);
    void come_up(Turn& turn);

    // How a start ends: lifecycle_end.cpp.
    void take_outcome_of_request();
    void begin_stop(Turn& turn, Outcome outcome, const std::string& reason);
    void end_start(Turn& turn);
    void main_gone(Turn& turn, bool success, const std::string& reason);
    void decide(Turn& turn, bool success, const std::string& reason);
    void restart_by_policy_of_exits(Turn& turn, const std::string& reason);
    void finish_if_over(Turn& turn);

    // Trouble: lifecycle_trouble.cpp.
    void answer(Turn& turn, TroubleKind kind, std::size_t from, bool waited,
                const std::string& evidence);
    void take(Turn& turn, const Step& step, const std::string& why);
    void conclude(Turn& turn, Outcome outcome, Ms pause, const std::string& reason);
    void trouble_tick(Turn& turn);

    std::shared_ptr<ServiceSettings> newest_ = std::make_shared<ServiceSettings>();
    std::shared_ptr<const ServiceSettings> in_force_ = newest_;
    Life life_;
};

// "exited with status 1", "killed by signal 11 (SIGSEGV)"; `status` as of waitpid(2).
[[nodiscard]] std::string describe_exit(int status);

} // namespace leash
