// SPDX-License-Identifier: MIT
// What a service's file says, as values. Filled by src/config (whose schema table documents each
// key for users), read by everybody else. No behaviour lives here.
#pragma once

#include <array>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "service/policy.h"

namespace leash {

enum class ServiceType { daemon, oneshot, console, target };
enum class StartMode { automatic, manual }; // `auto`: wanted by the target `default`
enum class NotifyKind { none, systemd, s6, pidfile };
enum class RestartWhen { always, on_failure, no };
enum class KillScope { all, cgroup, main };
enum class SessionPolicy { kill, keep };
enum class LeavePolicy { kill, keep };
enum class StrayPolicy { report, bring_back, kill };
enum class WatchdogSource { heartbeat, tasks, progress, probe };

struct Notify {
    NotifyKind kind = NotifyKind::none;
    int fd = -1;      // s6:FD
    std::string path; // pidfile:PATH
    friend bool operator==(const Notify&, const Notify&) = default;
};

struct ServiceSettings {
    std::string name; // the file's name without .conf
    std::string file; // where it was read, for messages
    std::string description;
    ServiceType type = ServiceType::daemon;
    std::vector<std::string> command; // argv, %i %n %% already replaced; empty only for targets

    std::string user, group; // empty: root; numbers are allowed
    std::string directory;   // empty: /
    std::string tty;         // console only: a device name such as ttyS0, or "console"
    std::vector<std::pair<std::string, std::string>> environment;

    // `needs` is the key `requires` (which is a word of C++). needs and wants imply after.
    std::vector<std::string> needs, wants, after, before;
    StartMode start = StartMode::automatic;

    Notify notify;
    Ms start_timeout{30'000}; // for readiness and one-shots; 0 = none

    RestartWhen restart = RestartWhen::always; // oneshot: no
    Ms restart_delay{100};
    Ms restart_delay_max{30'000};
    RateLimit restart_limit{5, Ms{10'000}};

    int stop_signal = SIGTERM;
    Ms stop_timeout{5'000};

    Ms watchdog{0}; // longest silence allowed; 0 = not watched
    WatchdogSource watchdog_source = WatchdogSource::heartbeat;
    std::vector<std::string> probe; // probe:COMMAND as argv

    std::optional<Policy> on_trouble;
    std::array<std::optional<Policy>, kTroubleKinds> on_kind; // by TroubleKind

    KillScope kill = KillScope::all;
    SessionPolicy sessions = SessionPolicy::kill;
    LeavePolicy leave = LeavePolicy::kill;
    StrayPolicy strays = StrayPolicy::report;

    // No file describes it: a start that `initctl run --scope` asked for. Its main process is there
    // already, and it is forgotten when it is over.
    bool scope = false;
};

// The policy that answers `kind`: on-KIND, else on-trouble, else the built-in one
// (missed-heartbeat, start-timeout: restart; crash-loop: stop, which leaves the service failed).
[[nodiscard]] Policy policy_for(const ServiceSettings& settings, TroubleKind kind);

} // namespace leash
