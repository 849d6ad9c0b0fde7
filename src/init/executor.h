// SPDX-License-Identifier: MIT
// Carries out what the functional core wants done to services: spawn, signal, end, reload, hooks.
// Answers come back as events.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "init/closer.h"
#include "init/core_loop.h"
#include "init/ender.h"
#include "init/evidence.h"
#include "init/fd_store.h"
#include "init/live_starts.h"
#include "init/log_link.h"
#include "init/recovery.h"
#include "init/sockets.h"
#include "init/workers.h"
#include "lineage/cgroup.h"
#include "lineage/kernel_lineage.h"
#include "lineage/leftovers.h"
#include "service/manager.h"
#include "service/restart.h"

namespace leash {

// Heartbeats are of no concern to the core: they go to the plugins.
struct HeartbeatSink {
    // `timer`: WATCHDOG_TIMER=, or "".
    std::function<void(const std::string& service, StartId start, const std::string& timer,
                       pid_t sender)>
        beat;
    std::function<void(const std::string& service, StartId start)> trigger; // WATCHDOG=trigger
    // WATCHDOG_USEC=: ServiceView has it
    std::function<void(const std::string& service, StartId start)> limit_changed;
    std::function<void(const std::string& service, StartId start, Ms time)> time_asked;
    // How a command of run_probe() has ended: as of waitpid(2), or -1 with the reason.
    std::function<void(StartId start, int status, const std::string& why)> probe_exited;
};

class Executor {
  public:
    Executor(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers, LogLink& logs,
             CgroupTree* tree, Recovery& recovery, HeartbeatSink heartbeats);

    // Null: there is no kernel module, cgroup and tag have to do.
    void use_module(KernelLineage* kernel);
    // Starts that the module had no room for: nothing but cgroup and tag tells of them.
    [[nodiscard]] std::size_t unfollowed() const { return unfollowed_.size(); }

    void spawn(const action::Spawn& wanted);
    // The next spawn of this service, a scope, does not make a process but takes this one.
    void offer(const std::string& scope, UniqueFd pidfd, pid_t pid);
    // Of which service is this the main process? "" if of none.
    [[nodiscard]] std::string main_of(pid_t pid);
    void withdraw(const std::string& scope) { offers_.erase(scope); }
    [[nodiscard]] ListeningSockets& sockets() { return sockets_; }
    void signal(const action::SignalStart& wanted);
    void end(const action::EndStart& wanted);
    void reload(const action::ReloadMain& wanted);
    void run_hook(const action::RunHook& wanted);
    // Told how a hook has ended.
    using HookResult = std::function<void(const std::string& service, const std::string& result)>;
    void set_result(HookResult result) { result_ = std::move(result); }
    // Steps of policies about the service as a whole: executor_limits.cpp. A limit lasts until the next
    // spawn, a freeze until a signal or the end.
    void limit(const action::LimitStart& wanted);
    void freeze(const action::FreezeStart& wanted);
    void thaw(const std::string& service);
    // Because somebody asked, who is told by the log. An error says why it cannot be.
    Result<void> freeze_asked(const std::string& service, bool frozen, const std::string& who);
    [[nodiscard]] bool is_frozen(const std::string& service) const;
    // What its tasks do: executor_dump.cpp. A few words for a record; a file for people.
    void look_at(const action::TroubleNoted& noted);
    void dump_evidence(const action::DumpStart& wanted);
    struct Evidence {
        std::string service;
        StartId start;
        TroubleKind kind;
        std::string facts;        // a JSON object on one line, or ""
        std::string file, result; // of a dump
    };
    void set_evidence(std::function<void(Evidence)> told) { evidence_ = std::move(told); }
    // Commands beside the main process: executor_control.cpp.
    void run_control(const action::RunControl& wanted);
    void kill_control(const action::KillControl& wanted);

    // The command of `watchdog-source = probe:`, beside the main process: executor_probe.cpp. 0 or a
    // negative errno. It is not in the state page: a next life of init knows nothing of it, and the next
    // probe kills it.
    int run_probe(StartId start);
    int kill_probe(StartId start);

    // Writes what a next life of init would have to know of a service into the state page.
    void record(const std::string& service, Recovery::Intent intent = Recovery::Intent::none);
    // In a next life: takes over a service of which the manager knows its life already. Checks what
    // it is told against the processes that are there; what does not fit becomes an event.
    void adopt(const ServiceRecord& record);

    // Before that: descriptors that services have left for their next start.
    void adopt_stored();
    // After that: the module knows starts that ended while init was in between two lives.
    void forget_starts_that_are_over();

    // A child is dead and about to be reaped: what it sent last is read first.
    void before_reap(pid_t pid);
    // True if `pid` was the main process of a start, or a command beside it.
    bool child_exited(pid_t pid, int wait_status);
    // Reads what a service has sent and is still in its socket. True: a heartbeat was among it.
    bool drain_notify(StartId start);
    // What the core does not know: messages and descriptors of the service.
    void tell_of_notify(ServiceView& view) const;
    // The start that a process belongs to, by the kernel module or its cgroup; 0: none. A tag alone does
    // not count.
    [[nodiscard]] StartId whose(pid_t pid) const;
    // It has come to rest, unless it is described no more: what is not kept for a next start is dropped.
    void rests(const std::string& service);
    void forget(const std::string& service) { stores_.drop(service); }
    // Once a round of the loop.
    void after_round() { ender_.flush(); }
    // What waits for evidence about its start is done now.
    void let_all_go();

  private:
    // The kernel module learns of a start, and what its cgroup is (-1: none). True: it knows it now.
    bool make_known(const std::string& service, StartId start, int cgroup_fd);
    void limit(const std::string& service, StartId start); // by the module
    // Where a process of the service is born: its cgroup, or that part of it where it is divided.
    struct Group {
        std::string name;
        UniqueFd folder; // empty: there is none
    };
    [[nodiscard]] Group group_for(const ServiceSettings& settings, const char* part);
    // `known`: to the module.
    void put_in_place(const std::string& service, StartId start, const Spawned& spawned,
                      const Group& group, bool known);
    bool control_exited(pid_t pid, int wait_status);
    bool probe_exited(pid_t pid, int wait_status);
    bool adopt_control(LiveStart& live, const Control& control);
    void adopt_main(LiveStart& live, const ServiceRecord& record, const Life& life);
    // executor_leftovers.cpp: false if the start is refused or has to wait.
    bool clear_leftovers(const action::Spawn& wanted, const ServiceSettings& settings);
    bool cleaned_up(const EndResult& result);
    [[nodiscard]] bool was_never_spawned(const Life& life) const;
    [[nodiscard]] std::vector<pid_t> main_processes(const std::string& service) const;
    void move_in(const action::Spawn& wanted, const std::string& group,
                 std::vector<Leftover> processes); // to its cgroup
    [[nodiscard]] EndJob job_for(const std::string& service, StartId start);
    // executor_limits.cpp: as if nothing had ever been limited; ready for limits to come.
    void prepare_group(const ServiceSettings& settings);
    // executor_notify.cpp
    [[nodiscard]] std::unique_ptr<NotifySocket> make_notify_socket(const std::string& service,
                                                                   StartId start);
    // Where the service is to have one, and has none yet.
    Result<void> open_notify(LiveStart& live, const ServiceSettings& settings);
    void add_notify_environment(const LiveStart& live, const ServiceSettings& settings,
                                SpawnRequest& request) const;
    // `ready`: it has been told already, to an earlier life of init.
    void attach_readiness(LiveStart& live, const ServiceSettings& settings, UniqueFd s6_read_end,
                          bool ready = false);
    [[nodiscard]] static bool beats(const ServiceSettings& settings);
    void on_message(StartId start, const NotifyMessage& message, const NotifySender& sender,
                    std::vector<UniqueFd>& descriptors);
    [[nodiscard]] bool may_notify(const LiveStart& live, pid_t sender) const;
    void store(const LiveStart& live, const NotifyMessage& message, std::vector<UniqueFd>& descriptors);
    void on_newline(StartId start);
    void on_pidfile(StartId start, pid_t pid);
    void on_outcome(StartId start);
    void ended(const EndResult& result);
    void forget_if_over(StartId start);
    [[nodiscard]] bool belongs(const LiveStart& live, pid_t pid) const;
    // `id`: of the pidfd that the number was told with.
    void change_main(LiveStart& live, pid_t pid, const char* told_by,
                     std::optional<std::uint64_t> id = std::nullopt);
    void change_main_to(LiveStart& live, int pidfd);
    void watch_main(LiveStart& live); // of a main process that need not be a child of PID 1
    [[nodiscard]] int status_of_no_child(const std::string& service, StartId start, pid_t pid) const;
    // executor_dump.cpp
    unsigned hold_back(StartId start, Ms limit);
    void let_go(StartId start, unsigned look);
    void send_held(const std::string& service, const ServiceRecord& record); // of a life before
    [[nodiscard]] bool held_back(const action::SignalStart& wanted);
    [[nodiscard]] bool held_back(const action::EndStart& wanted);
    [[nodiscard]] EvidenceTarget target_of(const std::string& service, StartId start);
    // executor_recovery.cpp
    void find_unrecorded_child(LiveStart& live, const Life& life, bool scope);
    // executor_scope.cpp
    void take_scope(const action::Spawn& wanted);

    EventLoop& loop_;
    Manager& manager_;
    CoreLoop& core_;
    Workers& workers_;
    LogLink& logs_;
    CgroupTree* tree_;
    KernelLineage* kernel_ = nullptr;
    Recovery& recovery_;
    HeartbeatSink heartbeats_;
    HookResult result_;
    std::function<void(Evidence)> evidence_;
    RateWindow looks_;
    struct Held { // until evidence about the start is taken
        std::map<unsigned, std::unique_ptr<Timer>> looks; // what takes it, and how long at most
        Ms until{0};                                      // ... the longest of them, CLOCK_MONOTONIC
        std::vector<action::SignalStart> signals;
        std::optional<action::EndStart> end;
    };
    unsigned holds_ = 0;  // numbers of looks
    int dumping_ = 0;     // dumps under way
    RateWindow dumps_;
    std::map<StartId, Held> held_;
    std::set<std::string> tightened_; // services that this life has limited or frozen
    bool is_resumed_ = false;         // an earlier life may have done so, too
    Closer closer_;
    FdStores stores_;
    LiveStarts live_; // its sockets discard into the closer
    ListeningSockets sockets_;
    std::uint64_t beats_ = 0; // heartbeats passed on, of all services
    Ender ender_;
    struct Offer {
        pid_t pid = 0;
        UniqueFd pidfd;
    };
    std::map<std::string, Offer> offers_;
    std::map<StartId, action::Spawn> cleaning_; // earlier starts that are being ended, and for what
    std::set<StartId> unfollowed_;
    std::set<StartId> cleaned_;                 // starts that have waited for that
};

} // namespace leash
