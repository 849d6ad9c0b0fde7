// SPDX-License-Identifier: MIT
// What a service's file says, as values. Filled by src/config (whose schema table documents each
// key for users), read by everybody else. No behaviour lives here.
#pragma once

#include <array>
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/seldom.h"
#include "base/notify_access.h"
#include "service/condition.h"
#include "service/listen.h"
#include "service/policy.h"
#include "service/process_rights.h"

namespace leash {

enum class ServiceType { daemon, oneshot, console, target };
enum class StartMode { automatic, manual }; // `auto`: wanted by the target `default`
enum class NotifyKind { none, systemd, s6, pidfile };
enum class RestartWhen { always, on_failure, on_abnormal, on_watchdog, no };
enum class KillScope { all, cgroup, main };
enum class SessionPolicy { kill, keep };
enum class LeavePolicy { kill, keep };
enum class StrayPolicy { report, bring_back, kill };
enum class FdStoreKeep { restart, always }; // until the service is stopped; as long as it is described
// What becomes of a service that runs when one of its conditions holds no more. by_kind: it stops for
// net, mount and user, it goes on for path and cmdline.
enum class ConditionLost { by_kind, ignore, stop };
enum class WatchdogSource { heartbeat, tasks, progress, probe };

// One of the timers of `watchdog`. A time without a name is that of `main`.
struct WatchdogTimer {
    std::string name;
    Ms limit{0};
    friend bool operator==(const WatchdogTimer&, const WatchdogTimer&) = default;
};
inline constexpr std::string_view kMainTimer = "main";

struct Notify {
    NotifyKind kind = NotifyKind::none;
    int fd = -1;      // s6:FD
    std::string path; // pidfile:PATH
    friend bool operator==(const Notify&, const Notify&) = default;
};

// Commands beside the main process, in the order in which a start may come to them.
enum class ControlKind { pre, post, reload, stop, cleanup };
inline constexpr int kControlKinds = 5;

struct ControlCommand {
    std::vector<std::string> command; // argv, filled in as `command`
    bool may_fail = false;            // written with a '-' before it
    friend bool operator==(const ControlCommand&, const ControlCommand&) = default;
};

// Endings of the main process that are no failure, beside status 0.
struct SuccessStatus {
    std::vector<int> statuses, signals;
    friend bool operator==(const SuccessStatus&, const SuccessStatus&) = default;
};

// What the kernel module holds a start to, in each fork.
enum class LimitAction { report, refuse, kill };
struct KernelLimits {
    int processes = 0; // at one time; 0 = no limit
    RateLimit forks{}; // 0 = no limit
    LimitAction action = LimitAction::report;
    friend bool operator==(const KernelLimits&, const KernelLimits&) = default;
};

struct ServiceSettings {
    std::string name; // the file's name without .conf
    std::string file; // where it was read, for messages
    std::string description;
    ServiceType type = ServiceType::daemon;
    std::vector<std::string> command; // argv, %i %n %% already replaced; empty only for targets

    Seldom<std::array<std::vector<ControlCommand>, kControlKinds>> control; // by ControlKind

    std::string user, group; // empty: root; numbers are allowed
    Seldom<ProcessRights> rights;
    std::string directory;   // empty: /
    std::string tty;         // console only: a device name such as ttyS0, or "console"
    std::vector<std::pair<std::string, std::string>> environment;

    // `needs` is the key `requires` (which is a word of C++). needs and wants imply after.
    // binds is `binds-to`, and needs as well.
    std::vector<std::string> needs, binds, wants, after, before;
    std::vector<std::string> conflicts;  // never alive together; said by either of the two
    std::vector<std::string> on_failure; // started when this one goes to `failed`
    std::vector<Condition> conditions;
    ConditionLost condition_lost = ConditionLost::by_kind;
    StartMode start = StartMode::automatic;

    Seldom<Listen> listen;

    Notify notify;
    Ms start_timeout{30'000};  // for readiness and one-shots; 0 = none
    Ms reload_timeout{30'000}; // 0 = none
    Ms runtime_limit{0};       // how long it may be running; 0 = none
    // How much longer than its limits a phase may take altogether where the service asks for it.
    Ms extend_limit{600'000}; // 0 = not at all
    NotifyAccess notify_access = NotifyAccess::all; // whose messages count, until it says otherwise
    int fd_store_max = 0;       // descriptors kept for its next start
    FdStoreKeep fd_store_keep = FdStoreKeep::restart;

    bool remain_after_exit = true; // one-shot: `done` once it has ended well, else `stopped`
    Ms interval{0};                // one-shot: from one start to the next; 0 = once
    Seldom<Calendar> calendar;     // one-shot: when it starts by itself; no rules = never
    bool persistent = false;       // ... and a time that was missed is made up for, once

    RestartWhen restart = RestartWhen::always; // oneshot: no
    Ms restart_delay{100};
    Ms restart_delay_max{30'000};
    RateLimit restart_limit{5, Ms{10'000}};
    RateLimit restart_limit_long{20, Ms{3'600'000}}; // of failures only; count 0 = none
    Seldom<KernelLimits> kernel_limits;

    Seldom<SuccessStatus> success_exit_status;

    int stop_signal = SIGTERM;
    Ms stop_timeout{5'000}; // 0 = none

    Ms watchdog{0}; // longest silence allowed, of several timers the shortest; 0 = not watched
    std::vector<WatchdogTimer> watchdog_timers; // in the order of the file; several: heartbeats only
    Ms watchdog_soft{0};  // a silence that is reported, no more; 0 = none
    Ms watchdog_grace{0}; // the first deadline of a start, if longer
    WatchdogSource watchdog_source = WatchdogSource::heartbeat;
    std::vector<std::string> probe; // probe:COMMAND as argv
    std::string probe_target;       // or else tcp:, unix: or http:// as written
    Ms probe_interval{0};           // from probe to probe; 0 = a third of `watchdog`
    Ms probe_timeout{0};            // 0 = `watchdog`

    std::optional<Policy> on_trouble;
    Ms exec_timeout{30'000}; // of a step exec:COMMAND
    Seldom<std::array<std::optional<Policy>, kTroubleKinds>> on_kind; // by TroubleKind
    std::optional<Policy> on_memory; // of memory-hog and memory-leak, where they have none
    // The keys about what finders look for that are written in a file, with their values in plain units:
    // see finder_settings.h.
    Seldom<std::map<std::string, std::string>> finder;

    KillScope kill = KillScope::all;
    SessionPolicy sessions = SessionPolicy::kill;
    LeavePolicy leave = LeavePolicy::kill;
    StrayPolicy strays = StrayPolicy::report;

    // No file describes it: a start that `initctl run --scope` asked for. Its main process is there
    // already, and it is forgotten when it is over.
    bool scope = false;

    friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

// The keys that name other services.
struct NameList {
    std::string_view key;
    std::vector<std::string> ServiceSettings::*names;
    bool requires_them; // it cannot be without them
    bool orders;        // who starts before whom
    bool makes;         // an instance of a template comes to be by being named there
};
inline constexpr NameList kNameLists[] = {
    {"requires", &ServiceSettings::needs, true, true, true},
    {"binds-to", &ServiceSettings::binds, true, true, true},
    {"wants", &ServiceSettings::wants, false, true, true},
    {"after", &ServiceSettings::after, false, true, true},
    {"before", &ServiceSettings::before, false, true, true},
    {"conflicts", &ServiceSettings::conflicts, false, false, false},
    {"on-failure", &ServiceSettings::on_failure, false, false, true},
};

[[nodiscard]] inline const std::vector<ControlCommand>&
commands_of(const ServiceSettings& settings, ControlKind kind) {
    return (*settings.control)[static_cast<std::size_t>(kind)];
}
[[nodiscard]] std::string_view to_string(ControlKind kind); // the key: "command-pre"

// Whether a service that runs is stopped when this condition of its holds no more.
[[nodiscard]] bool stops_when_lost(const ServiceSettings& settings, const Condition& condition);

[[nodiscard]] bool is_about_memory(TroubleKind kind);

// The policy that answers `kind`: on-KIND, else (about memory) on-memory, else on-trouble, else the
// built-in one (missed-heartbeat, start-timeout, client-deadline: restart; crash-loop, runtime-limit:
// stop, which leaves the service failed; but report where a crash loop has exceeded only
// restart-limit-long, `slow_loop`, since it serves between its crashes). What finders find is only
// reported where nothing answers it, and where no file has asked for it: on-trouble answers a kind
// whose own key is written somewhere.
[[nodiscard]] Policy policy_for(const ServiceSettings& settings, TroubleKind kind,
                                bool slow_loop = false);

} // namespace leash
