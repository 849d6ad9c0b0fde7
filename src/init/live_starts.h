// SPDX-License-Identifier: MIT
// What PID 1 holds for each living start: its pidfd, the pipe that tells how exec went, its notify
// socket. The state of the service is in the functional core, not here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/event_loop.h"
#include "base/tag.h"
#include "base/unique_fd.h"
#include "notify/notify_socket.h"
#include "notify/pidfile_watch.h"
#include "notify/s6_ready.h"
#include "spawn/outcome.h"

namespace leash {

inline std::string notify_path(const std::string& service) {
    return "/run/leash/notify/" + service;
}

struct LiveStart {
    std::string service;
    StartId start = 0;
    // The process that was spawned, until it has been reaped: then its number is anybody's. The main
    // process may be another one by that time.
    pid_t first_pid = 0;
    pid_t main_pid = 0;
    std::uint64_t start_ticks = 0; // of first_pid
    UniqueFd pidfd; // of main_pid, where that is not first_pid or somebody else's child
    std::unique_ptr<IoWatch> pidfd_watch; // only where the main process may be nobody's child of ours
    ExecOutcome outcome;
    pid_t control_pid = 0; // the command beside the main process
    unsigned control_serial = 0;
    UniqueFd control_pidfd;
    ExecOutcome control_outcome;
    pid_t probe_pid = 0; // watchdog-source = probe:COMMAND
    UniqueFd probe_pidfd;
    ExecOutcome probe_outcome;
    std::unique_ptr<IoWatch> outcome_watch;
    std::unique_ptr<NotifySocket> notify;
    std::optional<NotifyAccess> access; // NOTIFYACCESS=, instead of what the file says
    std::uint64_t ignored = 0;          // messages of senders who may not say anything
    std::unique_ptr<S6Ready> s6;
    std::unique_ptr<PidfileWatch> pidfile;
};

class LiveStarts {
  public:
    LiveStart& add(LiveStart start) {
        auto& place = by_start_[start.start];
        place = std::make_unique<LiveStart>(std::move(start));
        return *place;
    }
    LiveStart* find(StartId start) {
        auto place = by_start_.find(start);
        return place == by_start_.end() ? nullptr : place->second.get();
    }
    LiveStart* by_main_pid(pid_t pid) {
        for (auto& [start, live] : by_start_)
            if (live->main_pid == pid) return live.get();
        return nullptr;
    }
    LiveStart* by_control_pid(pid_t pid) {
        for (auto& [start, live] : by_start_)
            if (live->control_pid == pid) return live.get();
        return nullptr;
    }
    LiveStart* by_probe_pid(pid_t pid) {
        for (auto& [start, live] : by_start_)
            if (pid != 0 && live->probe_pid == pid) return live.get();
        return nullptr;
    }
    // The start that was spawned with this process, which is reaped now; null: none.
    LiveStart* first_is_gone(pid_t pid) {
        for (auto& [start, live] : by_start_)
            if (pid != 0 && live->first_pid == pid) {
                live->first_pid = 0;
                return live.get();
            }
        return nullptr;
    }
    void erase(StartId start) { by_start_.erase(start); }
    [[nodiscard]] const auto& all() const { return by_start_; }

  private:
    std::map<StartId, std::unique_ptr<LiveStart>> by_start_;
};

} // namespace leash
