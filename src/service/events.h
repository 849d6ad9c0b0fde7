// SPDX-License-Identifier: MIT
// What the world tells the functional core (Event), and what the core wants done (Action).
// Every event about a start carries its start id; one that names a start which is over is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/tag.h"
#include "service/policy.h"
#include "service/settings.h"
#include "service/state.h"

namespace leash {

// ---- events -------------------------------------------------------------------------------------

namespace event {

// Starts what it needs as well. By name: at once, though it may listen and wait for traffic.
struct StartRequested { std::string service; bool by_name = true; };
struct StopRequested { std::string service; };    // stops dependants first
struct RestartRequested { std::string service; }; // stop, then start again; dependants come back too
struct ReloadRequested { std::string service; };  // command-reload, or SIGHUP to its main process
// "default", "rescue", "safe" or a service's name. `isolate`: what it does not need is stopped.
struct TargetRequested { std::string target; bool isolate = false; };
// "net:eth0" has turned out to be true or false. Before the first one nothing is known of it.
struct ConditionChanged { std::string condition; bool holds; };
// Wait for the times of its calendar, without running it now.
struct TimerRequested { std::string service; };
// The answer to AskNextRun, or a correction of it; kNever-like Ms::max(): it never comes.
struct NextRun { std::string service; Ms at; };

struct Spawned { StartId start; int pid; };       // clone3 succeeded; the program is not yet running
struct Executed { StartId start; };               // execve succeeded
struct SpawnFailed { StartId start; std::string reason; }; // clone3, or anything before execve

struct MainExited { StartId start; int status; }; // wait status, as of waitpid(2)
struct MainChanged { StartId start; int pid; };   // MAINPID=, pid file; already authenticated
// Everything that the service's kill policy covers is gone. `remains`: tasks that it spared.
// `traffic`: there is some on its sockets, which the start has left for the next one.
struct Emptied { StartId start; int remains; bool traffic = false; };

// Answers to action::Listen, and to action::Watch.
struct Listening { std::string service; };
struct ListenFailed { std::string service; std::string reason; };
struct Traffic { std::string service; std::string socket; }; // its name or address

// The command of RunControl. `serial` is the action's: an answer about an earlier one is ignored.
struct ControlSpawned { StartId start; unsigned serial; int pid; };
struct ControlExited { StartId start; unsigned serial; int status; }; // as of waitpid(2)
struct ControlFailed { StartId start; unsigned serial; std::string reason; }; // never executed

struct Ready { StartId start; };                  // authenticated by the notify room
// RELOADING=1; Ready ends it. `began`: CLOCK_MONOTONIC, where the service told it.
struct Reloading { StartId start; std::optional<Ms> began = std::nullopt; };
struct Stopping { StartId start; };               // STOPPING=1
struct StatusText { StartId start; std::string text; };
// What it says of a failure of its own, for people; what is not told stays as it is.
struct ErrorTold { StartId start; std::optional<int> number; std::optional<int> exit_status;
                   std::optional<std::string> error; };
struct TimeAsked { StartId start; Ms time; };     // EXTEND_TIMEOUT_USEC=: from now on
struct WatchdogAsked { StartId start; Ms limit; }; // WATCHDOG_USEC=; in the bounds of the key
struct RestartsForgiven { StartId start; };       // RESTART_RESET=1
// Signals of SignalStart wait, until then at most: evidence is taken first. Then they are sent.
struct SignalHeld { StartId start; Ms until; };
struct SignalSent { StartId start; };
// `percent`: of its limit, for kinds that have a level; told again as it rises.
struct TroubleSeen { StartId start; TroubleKind kind; std::string evidence;
                     std::optional<int> percent = std::nullopt; };
// The machine may not end as EndMachine wants it (a reboot too many): the service fails in its place.
struct EndRefused { StartId start; std::string reason; };
struct TroubleOver { StartId start; TroubleKind kind; }; // it beats again

// `deadline`: absolute, when to stop being polite. `keep`: a service that is not stopped, if it is up.
struct ShutdownRequested { Ms deadline; std::string keep = {}; };
struct Tick {};                                   // a deadline of next_deadline() has come

} // namespace event

using Event =
    std::variant<event::StartRequested, event::StopRequested, event::RestartRequested,
                 event::TargetRequested, event::Spawned, event::Executed, event::SpawnFailed,
                 event::MainExited, event::MainChanged, event::Emptied, event::Ready,
                 event::Stopping, event::StatusText, event::TroubleSeen, event::TroubleOver,
                 event::EndRefused,
                 event::ShutdownRequested, event::Tick, event::ReloadRequested,
                 event::Reloading, event::ControlSpawned, event::ControlExited,
                 event::ControlFailed, event::ErrorTold, event::TimeAsked,
                 event::WatchdogAsked, event::RestartsForgiven,
                 event::ConditionChanged, event::Listening, event::ListenFailed,
                 event::Traffic, event::TimerRequested, event::NextRun,
                 event::SignalHeld, event::SignalSent>;

// ---- actions ------------------------------------------------------------------------------------

namespace action {

// Spawn the service's command. Answer: Spawned or SpawnFailed, then Executed or SpawnFailed.
// After SpawnFailed the core still asks for EndStart, as after any end.
struct Spawn { std::string service; StartId start; };

// Make the sockets of `listen` as the newest settings say; those that are as they were stay. Answer:
// Listening or ListenFailed, which leaves none open. Asked again: only the last one is answered.
struct Listen { std::string service; };

// Close them, and remove what they are in the file system; no answer to an earlier Listen or Watch.
struct Unlisten { std::string service; };

// Answer Traffic, once, when there is any on one of them; not if it is spawned before.
struct Watch { std::string service; };

// Ask politely: the stop signal (with SIGCONT) to what the kill policy covers. No answer, but where
// it has to wait: SignalHeld at once, SignalSent when it was sent.
struct SignalStart { std::string service; StartId start; int signal; };

// Kill what the kill policy covers, and go on until nothing of it is left; then answer Emptied.
// Asked once per start, and once more after command-cleanup. `everything` overrides
// the policy (shutdown: remains are killed as well).
struct EndStart { std::string service; StartId start; bool everything; };

// Run a command beside the main process, as its user, in its cgroup. Answer: ControlSpawned, then
// ControlExited or ControlFailed. At most one runs at a time. `main_exit`: how the main process of
// this start ended, if it has.
struct RunControl { std::string service; StartId start; unsigned serial; ControlKind kind;
                    std::vector<std::string> command; int main_pid; std::optional<int> main_exit; };

// Kill it; its end is of no concern any more.
struct KillControl { std::string service; StartId start; unsigned serial; };

// SIGHUP to the main process.
struct ReloadMain { std::string service; StartId start; };

// Run a command of a policy step (exec): with TROUBLED_SERVICE, TROUBLED_PID and REASON set.
struct RunHook { std::string service; StartId start; std::vector<std::string> command;
                 std::string reason; };

// Tighten what the trouble is about: limit_of(kind). `value`: the step's, else by the key `kind`.
struct LimitStart { std::string service; StartId start; TroubleKind kind;
                    std::optional<LimitValue> value; };

// Stop every task of its cgroup, until it is signalled, ended or thawed.
struct FreezeStart { std::string service; StartId start; };

// Record what its tasks do, for people.
struct DumpStart { std::string service; StartId start; TroubleKind kind; std::string evidence; };

// A service went from one state to another: for watchers, plugins, the console.
// `ended_well`: it comes back from an end of its own choice that was a success, as a login shell's.
struct StateChanged { std::string service; StartId start; State from; State to;
                      std::string reason; bool ended_well = false; };

// When does its calendar come next? Answer: NextRun, sooner or later. The core has no clock and no
// time zone. `came`: it asks because its time has come.
struct AskNextRun { std::string service; bool came; };

// Tell people. error and warning go to the console too.
enum class Severity { error, warning, notice, info };
struct Tell { Severity severity; std::string service; std::string text; };

// A trouble of a service is there, has come to its next step, or is over: for whoever keeps records.
struct TroubleNoted {
    enum class What { seen, step, over } what;
    std::string service;
    StartId start; // the one that it was seen with, while that lives
    TroubleKind kind;
    int level;            // percent of the limit; 0: it has none
    std::string evidence; // over: why it is
    std::string answer;   // what is done now, and what waits; "" when it is over
    std::string next;     // the step that waits, or ""
    Ms due;               // ... and until when
};

// A policy demands it of the machine.
enum class MachineEnd { reboot, poweroff, halt };
// `kind`: of the trouble whose policy says so, as in its key.
struct EndMachine { MachineEnd end; std::string service; std::string reason; std::string kind; };

// A policy wants the machine held in a target. Answer: TargetRequested, unless it is there already.
struct EnterTarget { std::string target; std::string service; std::string reason; };

// The target that was asked for has settled: every service of it is up, done or failed. Once per
// TargetRequested.
struct TargetSettled { std::string target; int failed; };

// After ShutdownRequested: nothing is left of any service, but of the one that is kept. Once.
struct AllStopped {};

} // namespace action

using Action = std::variant<action::Spawn, action::Listen, action::Unlisten, action::Watch,
                            action::SignalStart, action::EndStart,
                            action::RunControl, action::KillControl,
                            action::ReloadMain, action::RunHook, action::LimitStart,
                            action::FreezeStart, action::DumpStart, action::StateChanged,
                            action::Tell, action::TroubleNoted, action::EndMachine,
                            action::EnterTarget,
                            action::TargetSettled, action::AllStopped, action::AskNextRun>;
using Actions = std::vector<Action>;

} // namespace leash
