// SPDX-License-Identifier: MIT
// PID 1: owns every part and wires them together. What a part does is in its own file:
//
//   boot.cpp       from the first mount to the target        executor.h   what happens to services
//   init.cpp       events of the loop, actions of the core   requests.h   what initctl asks for
//   machine_end.cpp  shutdown                                 plugins.h    what plugins may do
//   resume.cpp     the next life after a crash               recovery.h   what it finds
//   module.cpp     the kernel module's device               reexec.cpp   the next life on request
//   configuration.cpp  reading files, at boot and after     calendars.h  jobs by calendar
//   trouble_records.h  what trouble there was               crash.h      the way into the next life
//   black_box.h    what a crash leaves behind               crash_report.h  ... and what is told of it
//   earlier_life.h  what a life begins with: an earlier one, or a clean slate
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "base/event_loop.h"
#include "base/growing_pause.h"
#include "config/load.h"
#include "control/server.h"
#include "init/calendars.h"
#include "init/conditions.h"
#include "init/core_loop.h"
#include "init/deadman.h"
#include "init/earlier_life.h"
#include "init/executor.h"
#include "init/final_stage.h"
#include "init/kernel_command_line.h"
#include "init/log_link.h"
#include "init/plugins.h"
#include "init/recovery.h"
#include "init/requests.h"
#include "init/scopes.h"
#include "init/signals.h"
#include "init/system_state.h"
#include "init/trouble_records.h"
#include "init/workers.h"
#include "lineage/cgroup.h"
#include "lineage/kernel_lineage.h"
#include "service/manager.h"

namespace leash {

inline constexpr const char* kRescueConsole = "rescue-console"; // built in: no file describes it

class Init {
  public:
    // `earlier`: of a life that was cut short; empty at boot.
    Init(KernelCommandLine asked, EarlierLife earlier);
    ~Init();
    // Returns the exit status only in a container; elsewhere the machine ends first.
    int run();

  private:
    // boot.cpp
    void first_acts();
    void take_configuration(std::vector<SourceFile> files);
    void take_catalog(const Catalog& catalog);
    void go_on_with_configuration();
    void bring_up_machine();
    void load_kernel_module();
    void open_for_service();
    void ensure_console();
    void start_target();

    // configuration.cpp
    void read_configuration();
    void read_tree(std::function<void(Result<std::vector<SourceFile>>)> done);
    [[nodiscard]] static Catalog load_apart(const std::vector<SourceFile>& files,
                                            const std::vector<std::string>& wanted);
    [[nodiscard]] Catalog load_tree(const std::vector<SourceFile>& files,
                                    std::vector<std::string> wanted);
    [[nodiscard]] std::vector<std::string> instances_to_keep() const;
    void reload(std::function<void(const ReloadReport&)> done);
    [[nodiscard]] bool take_sections(const std::vector<SourceFile>& files, const Catalog& catalog);
    void take_changes(Catalog catalog, ReloadReport& report);
    void forget_what_is_gone(const Catalog& catalog, ReloadReport& report);
    bool make_instance(const std::string& name, std::function<void(const Result<void>&)> done);
    [[nodiscard]] Result<void> define_instance(const std::string& name, Catalog catalog);

    // kept.cpp
    [[nodiscard]] bool take_kept_configuration();
    void define_from(const KeptConfiguration::Edition& edition, const Catalog& catalog,
                     const std::set<std::string>& left_out);
    [[nodiscard]] bool is_under_older(const std::string& service) const;
    void keep_configuration(const std::vector<SourceFile>& files);

    // resume.cpp
    void take_over_descriptors();
    void resume_services();
    void begin_anew();
    void record_system();
    void count_this_life();
    void count_crash();
    void tell_of_lost_state();
    void store_report();
    void note_crashes();
    void stay_minimal(const char* reason);

    // reexec.cpp
    void remember_program();
    void reexec(std::function<void(const Result<void>&)> done);
    void execute_anew(ExecKind kind);
    void soft_reboot();

    // module.cpp
    void open_module();
    [[nodiscard]] UniqueFd find_module_descriptor() const;
    void take_over_module(UniqueFd fd);
    [[nodiscard]] std::string module_status() const;
    void look_after_module();
    void configure_deadman();
    void forget_trouble_record();
    void tell_whose_was(pid_t pid, const std::optional<leash_whois>& whose) const;

    // init.cpp
    void act(const Action& action);
    void on_signal(int signal, int sender);
    void end_by_signal(EndKind kind, const std::string& who);
    void reap();
    bool reap_one(idtype_t which, pid_t pid);
    void after_round();
    void on_state_changed(const action::StateChanged& change);
    void note_exit(const action::StateChanged& change);
    void note_result(const std::string& who, const std::string& kind, const std::string& result);
    Result<void> enter_target(const std::string& target, const std::string& why);
    void enter_target_by_policy(const std::string& target, const std::string& why);
    void note(std::string text); // kept for `status`, and logged
    [[nodiscard]] control::SystemView system_view() const;
    [[nodiscard]] StartId new_start_id() const;

    // machine_end.cpp
    // `cause`: for the record of it, where `who` does not say it all.
    Result<void> end_machine(EndKind kind, bool force, const std::string& who, EndCause cause = {});
    void go_down(const std::string& why, const EndCause& cause);
    void go_on_down();
    [[nodiscard]] const char* obstacle_to(EndKind kind) const;
    [[nodiscard]] std::string delegate() const;
    [[nodiscard]] std::vector<pid_t> delegate_pids() const;
    [[nodiscard]] std::string still_there() const;
    void final_stage();
    void unmount_and_end();
    void last_act();
    void wait_for_wdt(Ms limit);
    void end_at_once();

    KernelCommandLine asked_;
    SystemState state_;
    SystemSettings system_;
    EventLoop loop_;
    LogLink logs_;
    Workers workers_;
    std::optional<CgroupTree> cgroups_;
    std::optional<KernelLineage> module_; // none: cgroup and tag have to do
    Deadman deadman_;
    bool searching_ = false;
    GrowingPause search_pause_{Ms{2'000}, Ms{300'000}};
    Manager manager_;
    CoreLoop core_;
    std::unique_ptr<Recovery> recovery_;
    std::unique_ptr<BlackBox> earlier_box_; // until what is in it has been told
    std::string lost_;                      // why the earlier life's state is
    std::unique_ptr<TroubleRecords> records_;
    std::unique_ptr<Executor> executor_;
    std::unique_ptr<Plugins> plugins_;
    std::unique_ptr<Calendars> calendars_;
    std::unique_ptr<Scopes> scopes_;
    std::unique_ptr<Conditions> conditions_;
    std::unique_ptr<Requests> requests_;
    std::unique_ptr<control::ControlServer> server_;
    std::unique_ptr<Signals> signals_;
    std::unique_ptr<FinalStage> final_stage_;
    std::map<std::string, std::string> masked_; // service -> the file that does it
    std::set<std::string> templates_;           // "tty@"
    std::map<std::string, ServiceSettings> in_force_; // until they are resumed: what starts are under
    unsigned reads_ = 0, newest_read_ = 0;      // of the configuration: begun, taken
    Timer heartbeat_;  // makes the loop go round at least once a second
    Timer end_limit_;
    Timer last_limit_; // of the whole way down
    EndKind end_kind_ = EndKind::reboot;
    Ms end_deadline_{0}; // for the services, once the machine goes down
    bool all_stopped_ = false;
    bool last_act_begun_ = false;
    bool unmounting_ = false; // the final stage has begun, or waits for a plugin
    bool resuming_ = false;
    bool resumed_ = false; // ... and what was there is taken over
    bool target_entered_ = false; // by a policy or by initctl, before the boot had come to its own
    SystemRecord system_record_{};
};

} // namespace leash
