// SPDX-License-Identifier: MIT
// Values to the JSON lines of the protocol. Keys and their order are relied on by other people's
// scripts: new keys go behind those that are there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "service/manager.h"
#include "service/settings.h"

namespace leash::control {

// One task as `ps` and `status NAME` show it.
struct TaskView {
    int pid = 0;
    int tid = 0;
    std::string service; // "": nobody's
    std::string source;  // lineage, cgroup, tag; "" where service is ""
    char state = '?';    // R S D T Z ...
    std::string command;
    std::uint64_t start = 0; // 0: nobody's, or not known
    bool stray = false;      // has left its service's cgroup
};

// A trouble that stands: of a service, or of the machine.
struct TroubleView {
    std::string service; // "": of the machine
    std::string source;  // ... who has found it
    std::string kind, evidence;
    StartId start = 0;
    Ms since{0};
    std::string next; // the step that waits, "": none does
    Ms due{0};        // ... until then
};

struct PluginView {
    std::string name;
    std::string status; // its own words
};

// The machine, for `status` without a name.
struct SystemView {
    std::string state;  // starting, running, degraded, stopping
    std::string target; // "default", ...
    Ms uptime{0};
    std::string module; // what the kernel module does, or why it is not there
    std::string cgroup; // likewise
    int services = 0;   // how many are described
    int running = 0;    // how many are up
    std::vector<std::string> failed; // names
    std::vector<PluginView> plugins;
    std::vector<std::string> notes; // what init could not do, one sentence each
    int crashes = 0;                // of init, since boot
    Ms crashed{0};                  // the last time; on the clock of `uptime`
    std::string crash;              // the last one in short; "": none, or nothing is known of it
    std::string crash_report;       // the file that tells the rest; "": none
    int troubles = 0;               // that stand
    std::string records;            // what is wrong with the records of trouble; "": nothing
};

// {"name","state","main_pid","restarts","start_id","reason","description","type","since_ms",
//  "last_exit","status_text","waiting_for","watchdog_ms","next_attempt_ms","errno","exit_status",
//  "error","conditions":[{"condition","holds"}],"binds_to","bound_by","started_for",
//  "listens_on","start","frozen"}
//
// type is as in the service's file, or `scope`. main_pid, start_id, last_exit (`exit 1` or `SIGSEGV`)
// and next_attempt_ms are null where there is none; since_ms is how long the state has lasted;
// watchdog_ms is 0 for what is not watched. errno, exit_status and error are what the service said
// itself; null where it has not. holds is null where nothing is known yet. started_for: whose on-failure
// has started it, or "". listens_on: its open sockets, as `listen` has them.
// start is auto or manual as in its files, masked (see ServiceView), null where nothing is known of it.
// frozen: all its tasks are stopped, by the step freeze or on request. `settings` may be null.
[[nodiscard]] std::string render_service(const ServiceView& view, const ServiceSettings* settings,
                                         Ms now);
// The same with "tasks":[...] behind "start_id", and at the end "stored":[names of descriptors kept for
// its next start],"notify_access","messages":{"received","dropped","ignored","pauses"}, the last two
// null where the start has no notify socket.
[[nodiscard]] std::string render_service(const ServiceView& view, const ServiceSettings* settings,
                                         Ms now, const std::vector<TaskView>& tasks);

// {"pid","tid","service","source","state","command","start_id","stray"}; service, source and start_id
// null for nobody's.
[[nodiscard]] std::string render_task(const TaskView& task);

// {"state","target","uptime_ms","version","module","cgroup","services","running","failed",
//  "plugins":[{"name","status"}],"notes","crashes","crashed_ms","crash","crash_report","troubles",
//  "records"}: crashed_ms is how long ago, or null; crash, what it was, and crash_report, the file that
// tells more, are null where there is none
[[nodiscard]] std::string render_system(const SystemView& system);

// {"service","source","kind","evidence","start_id","since_ms","next","due_ms"}: service or source is
// null, start_id, next and due_ms are where there is none.
[[nodiscard]] std::string render_trouble(const TroubleView& trouble, Ms now);

[[nodiscard]] std::string render_version();                         // {"version","schema"}
[[nodiscard]] std::string render_state(std::string_view state);     // {"state"}
[[nodiscard]] std::string render_dependant(std::string_view name);  // {"dependant"}
[[nodiscard]] std::string render_complaint(std::string_view text);  // {"complaint"}
// {"change","service","text"}: new, changed, kept, gone or refused; the text says what follows.
[[nodiscard]] std::string render_change(std::string_view change, std::string_view service,
                                        std::string_view text);
[[nodiscard]] std::string render_scope(std::string_view name, StartId start); // {"scope","start_id"}
// {"condition","holds","services"}: a condition without '!', and who waits for it or its contrary.
[[nodiscard]] std::string render_condition(std::string_view condition, std::optional<bool> holds,
                                           const std::vector<std::string>& services);
// {"result","state","main_pid","frozen"}: how freeze or thaw came out.
[[nodiscard]] std::string render_frozen(const ServiceView& view, bool frozen);
// {"target","failed"}: how many of its services have failed.
[[nodiscard]] std::string render_target(std::string_view target, int failed);
// {"result","state","main_pid","reason"}: how a start, stop or restart came out.
[[nodiscard]] std::string render_result(const ServiceView& view);
[[nodiscard]] std::string render_end(int status, std::string_view message); // {"end","message"}

// The exit status of `status NAME`: done for running, reloading and done; else not_running.
[[nodiscard]] int status_of(State state);

} // namespace leash::control
