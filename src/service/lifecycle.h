// SPDX-License-Identifier: MIT
// One service's state machine. It knows nothing of other services: the manager tells it when its
// dependencies allow it to go up or down.
//
//   state      input                                 what happens                       next state
//   ---------  ------------------------------------  ---------------------------------  ----------
//   stopped    want_up                                                                  waiting
//   failed     want_up (clears the counters)                                            waiting
//   done       want_up by its own name                                                  waiting
//   stopped, failed, done: interval has passed, or its calendar's time has come         waiting
//   waiting    has sockets                           Listen
//              Listening                             dependencies count from now on
//              ListenFailed                                                             failed
//              go, lazy (listen-start = demand)      Watch; it counts as up             waiting
//              Traffic, want_up by its own name      not lazy any more                  waiting
//              go (dependencies settled)             command-pre, else Spawn            starting
//              go, a target                                                             running
//              give_up (a needed one has failed)                                        failed
//   starting   command-pre is through                Spawn
//              command-pre failed or timed out       as MainExited (a failed start)     stopping
//              Executed (notify = none, no one-shot) command-post, else                 running
//              Ready (notify other than none)        command-post, else                 running
//              MainExited, a one-shot, success       command-post, else EndStart        stopping
//              command-post is through               a one-shot: EndStart, stopping     running
//              command-post failed or timed out      as a stop; the outcome by restart  stopping
//              start_timeout                         trouble start-timeout              by policy
//   any alive  TimeAsked: the limit of the phase moves, by extend_limit at most
//   running    Reloading (RELOADING=1)                                                  reloading
//              ReloadRequested                       command-reload, else SIGHUP        reloading
//              runtime_limit                         trouble runtime-limit              by policy
//   reloading  command-reload is through or failed                                      running
//              SIGHUP sent, notify not systemd                                          running
//              Ready, or reload_timeout                                                 running
//              Reloading that began before SIGHUP    that one's Ready is not awaited
//   any alive  stop_now, policy restart or stop      command-stop if it was running,    stopping
//                                                    else SignalStart, stop_timeout
//              Stopping (STOPPING=1)                 stop_timeout                       stopping
//              MainExited, SpawnFailed               EndStart                           stopping
//   stopping   command-stop is through               stop_timeout, or EndStart if the
//                                                    main process is gone
//              command-stop failed                   SignalStart, stop_timeout
//              command-stop timed out                KillControl, EndStart
//              MainExited                            EndStart, once command-stop is over
//              SignalHeld                            stop_timeout counts from its end at last
//              SignalSent                            stop_timeout counts from now
//              stop_timeout                          Tell, EndStart
//              Emptied and main process gone         command-cleanup, once per start
//              command-cleanup is over, any result   EndStart, for what it left
//              Emptied again, or no command-cleanup  by outcome:
//                                                      stopped  stop asked, or exit     stopped
//                                                               that is not answered
//                                                      again    start or restart asked  waiting
//                                                      retry    automatic restart       backoff, or
//                                                               waiting if the pause is over
//                                                      hold     crash loop, a step waits backoff
//                                                      step_back step_back was asked    waiting
//                                                      failed                           failed
//                                                      done     one-shot ended well     done, or
//                                                               stopped (remain-after-exit = no)
//                                                      listen   ended well, on demand   waiting, but
//                                                               with traffic left: retry
//   backoff    pause over, or want_up                                                   waiting
//   waiting, backoff, failed: want_down                                                 stopped
//   running (a target), done: step_back              as want_down, counters stay        waiting
//   running (a target), done, waiting while it listens: stop_now                        stopped
//   any        into stopped or failed                Unlisten
//
// "Through": all commands of a kind ended with status 0, or may fail. A command that leads on is
// over by ControlExited, ControlFailed or its own deadline (then KillControl); whatever else ends
// the start kills it. At the deadline of a shutdown command-cleanup is left out.
//
// What a needed service does unasked does not touch those that require it: when it exits and is
// restarted, and even when it ends up failed, they are left running. Only a stop or restart by
// request takes them along. Those that are bound to it (binds-to) step back, whatever the cause.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/seldom.h"
#include "service/events.h"
#include "service/restart.h"
#include "service/settings.h"
#include "service/state.h"
#include "service/trouble.h"

namespace leash {

inline constexpr Ms kNever = Ms::max();

// What becomes of a service once nothing is left of its start.
// listen: it has ended well and waits for traffic again.
enum class Outcome { undecided, stopped, again, retry, hold, failed, done, step_back, listen };

// The sockets of `listen`. stale: open, but other ones are described by now.
enum class Sockets : std::uint8_t { closed, asked, open, stale };

// How the main process ended. abnormal: by a signal or for lack of time, not by its own decision.
enum class ExitKind { success, failure, abnormal };

// A command beside the main process (command-pre, ...): the one that runs, at most one at a time.
struct Control {
    bool running = false;
    ControlKind kind = ControlKind::pre;
    unsigned index = 0;  // in the list of its kind
    unsigned serial = 0; // of the last one in this start
    int pid = 0;         // 0: not known yet
    Ms deadline = kNever;
};

// Everything that a service is at run time, as plain values: what a saved record has to hold.
struct Life {
    State state = State::stopped;
    Ms since{0};
    bool wanted_up = false; // false while alive: it is to stop as soon as its dependants have
    bool again = false;     // ... and then to start again
    // The stop, or the waiting, is for a provider or a condition that is lost: it comes back when that
    // does, with its counters as they are.
    bool stepped_back = false;
    std::string reason;     // why it is in this state

    Sockets sockets = Sockets::closed;
    bool lazy = false;    // waiting: it starts when traffic comes, not before
    bool listens = false; // ... and nothing else is missing: Watch

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
    Seldom<std::string> status_text;
    int error_number = 0;         // ERRNO=
    std::optional<int> said_exit; // EXIT_STATUS=
    Seldom<std::string> error_text; // BUSERROR=, VARLINKERROR=
    Ms watchdog{0};               // WATCHDOG_USEC=, instead of what the file says; 0: not told
    Ms extended{0};               // what the limit of this phase has moved by
    Ms runtime_extended{0};       // ... and that of running
    Ms reload_asked{0};           // when; 0: it reloads by itself
    bool reload_begun = false;    // it has said so of this reload
    bool times_reloads = false;   // it tells when a reload began
    Control control;
    bool exit_seen = false; // last_exit is of this start
    bool cleaned = false;   // command-cleanup has had its turn
    bool silent = false;    // it has missed its heartbeat, and not beaten since
    bool traffic_left = false; // when it was empty there was traffic on its sockets
    Seldom<std::array<PendingTrouble, kTroubleKinds>> troubles;

    // Deadlines; kNever: none.
    Ms start_deadline = kNever; // starting (one-shots: until they end), reloading
    Ms stop_deadline = kNever;  // stopping
    Ms again_at = kNever;       // stopping with outcome retry or hold, backoff
    Ms runtime_deadline = kNever; // running, reloading
    Ms next_run = kNever;         // one-shots with an interval or a calendar: done, stopped, failed
    bool timed = false;           // waits for the times of its calendar

    // Over many starts.
    StartId last_start = 0;
    std::optional<int> last_exit;
    int remains = 0;        // what the last end spared
    int restarts = 0;       // automatic ones, since the last start by request
    bool automatic = false; // the next start counts as one
    Ms pause{0};            // between exit and restart, outcome retry
    Backoff backoff;
    Seldom<RateWindow> exits; // automatic restarts, against restart_limit
    // Those that were failures, against restart_limit_long: a second window of the same kind. One cannot
    // serve both: a burst would take its few slots. A count that leaks away would be smaller, but lets
    // nearly twice the limit pass and cannot say in which time it was.
    Seldom<RateWindow> failures;
    bool slow_loop = false; // the crash loop that stands is one of the long window
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
    // Others may depend on it: what listens takes their connections.
    [[nodiscard]] bool up() const { return (is_up(life_.state) || listens()) && life_.wanted_up; }
    [[nodiscard]] bool listens() const { return life_.state == State::waiting && life_.listens; }
    // Its sockets are to be made, or to be closed, before it goes on.
    [[nodiscard]] bool sockets_due() const;
    [[nodiscard]] bool sockets_ready() const;
    // Waits for its dependants to stop before it stops itself.
    [[nodiscard]] bool stop_pending() const;
    // On its way down by request.
    [[nodiscard]] bool going_down() const;
    // Has come up, or has tried and not managed to: those that only want it need not wait.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] Ms next_deadline() const; // kNever: none
    void shift_deadlines(Ms by);

    // Goes on from a saved state.
    void resume(const Life& life, const ServiceSettings* in_force) {
        life_ = life;
        in_force_ = in_force ? std::make_shared<const ServiceSettings>(*in_force) : newest_;
    }

    // Requests; the manager has found out whom they concern.
    void want_up(Turn& turn, bool by_name); // by_name: not only because another one needs it
    void want_down(Turn& turn, const std::string& reason, bool again);
    // Something it cannot be without is gone: stops, and waits.
    void step_back(Turn& turn, const std::string& reason);
    // While it waits, as soon as may be.
    void make_sockets(Turn& turn);
    // Dependencies allow it.
    void go(Turn& turn, StartId id);
    void wait_for_traffic(Turn& turn); // instead, if life().lazy
    void give_up(Turn& turn, const std::string& reason);
    void stop_now(Turn& turn);
    void end_now(Turn& turn); // no more politeness
    // If it has one and does not wait yet. `came`: since its time has come.
    void wait_for_calendar(Turn& turn, bool came = false);
    void next_run(Ms at);               // its calendar's
    // Once: why those that require it are to be restarted with it; "": they are not.
    [[nodiscard]] std::string take_dependents_reason() { return std::exchange(dependents_reason_, {}); }
    void stop_timer() {
        life_.next_run = kNever;
        life_.timed = false;
    }

    // Events of the living start.
    void spawned(int pid);
    void executed(Turn& turn);
    void spawn_failed(Turn& turn, const std::string& reason);
    void main_exited(Turn& turn, int status);
    void main_changed(int pid);
    void emptied(Turn& turn, int remains, bool traffic);
    void ready(Turn& turn);
    void reloading(Turn& turn, std::optional<Ms> began);
    void stopping(Turn& turn);
    void status_text(std::string_view text);
    void error_told(const event::ErrorTold& told);
    void time_asked(Turn& turn, Ms time);
    void watchdog_asked(Ms limit) { life_.watchdog = limit; }
    void restarts_forgiven(Turn& turn);
    void signal_held(Ms until); // lifecycle_end.cpp
    void signal_sent(Turn& turn);
    void trouble_seen(Turn& turn, TroubleKind kind, const std::string& evidence,
                      std::optional<int> percent = std::nullopt);
    void end_refused(Turn& turn, const std::string& reason);
    void trouble_over(Turn& turn, TroubleKind kind);
    void reload_asked(Turn& turn);
    void control_spawned(unsigned serial, int pid);
    void control_exited(Turn& turn, unsigned serial, int status);
    void control_failed(Turn& turn, unsigned serial, const std::string& reason);
    void tick(Turn& turn);

    // Events of its sockets: lifecycle_listen.cpp.
    void sockets_open();
    void sockets_failed(Turn& turn, const std::string& reason);
    void traffic(Turn& turn, const std::string& socket);

  private:
    void enter(Turn& turn, State to, std::string reason);
    void tell(Turn& turn, action::Severity severity, std::string text);
    void forget_counters(Turn& turn);
    void end_trouble(Turn& turn, TroubleKind kind, std::string why);
    void drop_troubles(Turn& turn, std::string_view why);
    void restart_asked(Turn& turn, std::string reason = "start requested", bool lazy = false);
    void come_up(Turn& turn);
    void go_running(Turn& turn, std::string reason);
    void enter_reload(Turn& turn, Ms asked);

    // How a start ends: lifecycle_end.cpp.
    [[nodiscard]] Outcome outcome_asked_for() const;
    [[nodiscard]] bool ended_well() const;
    void take_outcome_of_request();
    void ask_to_stop(Turn& turn);
    void begin_stop(Turn& turn, Outcome outcome, const std::string& reason);
    void end_start(Turn& turn);
    void main_gone(Turn& turn, ExitKind exit, const std::string& reason);
    void decide(Turn& turn, ExitKind exit, const std::string& reason);
    void restart_by_policy_of_exits(Turn& turn, const std::string& reason);
    void finish_if_over(Turn& turn);
    void listen_on(Turn& turn);
    void listen_again(Turn& turn, const std::string& reason);
    void refuse_busy_loop(Turn& turn);

    // Commands beside the main process: lifecycle_control.cpp.
    void spawn_main(Turn& turn);
    bool begin_control(Turn& turn, ControlKind kind); // false: there is none
    void run_control(Turn& turn);
    void drop_control(Turn& turn);
    void control_ended(Turn& turn, ExitKind exit, const std::string& reason);
    void control_through(Turn& turn, ControlKind kind, ExitKind exit, const std::string& reason);
    void control_tick(Turn& turn);
    [[nodiscard]] bool runs(ControlKind kind) const {
        return life_.control.running && life_.control.kind == kind;
    }

    // Trouble: lifecycle_trouble.cpp.
    void answer(Turn& turn, TroubleKind kind, std::size_t from, bool waited,
                const std::string& evidence, Levels levels = {});
    void take(Turn& turn, const Step& step, TroubleKind kind, const std::string& why);
    void conclude(Turn& turn, Outcome outcome, Ms pause, const std::string& reason);
    void trouble_tick(Turn& turn);
    void calm_down(Turn& turn);

    std::shared_ptr<ServiceSettings> newest_ = std::make_shared<ServiceSettings>();
    std::shared_ptr<const ServiceSettings> in_force_ = newest_;
    Life life_;
    std::string dependents_reason_; // for the manager, within the same turn
};

// "exited with status 1", "killed by signal 11 (SIGSEGV)"; `status` as of waitpid(2).
[[nodiscard]] std::string describe_exit(int status);

// By status 0, by what success-exit-status names, and, but for one-shots, by one of the signals that
// people end a daemon with: SIGHUP, SIGINT, SIGTERM, SIGPIPE.
[[nodiscard]] ExitKind classify_exit(int status, const ServiceSettings& settings);

// When a time limit that starts now runs out; 0 is none.
[[nodiscard]] inline Ms deadline_of(Ms now, Ms timeout) {
    return timeout == Ms{0} ? kNever : now + timeout;
}

} // namespace leash
