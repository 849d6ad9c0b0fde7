// SPDX-License-Identifier: MIT
// What PID 1 does for plugins, and the translation between its own events and theirs.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/system_settings.h"
#include "control/render.h"
#include "init/core_loop.h"
#include "init/final_stage.h"
#include "init/machine_answers.h"
#include "init/recovery.h"
#include "plugin/host.h"
#include "service/manager.h"

namespace leash {

struct PluginHooks {
    // Reads what a service has sent before its silence is called trouble; true if a heartbeat was
    // among it.
    std::function<bool(StartId)> drain_notify;
    // The start that a process belongs to, by the kernel module or its cgroup; 0: none.
    std::function<StartId(pid_t)> whose;
    std::function<Result<void>(EndKind, const std::string& who, EndCause)> end_machine;
    std::function<bool()> going_down;
    // A policy asks for it.
    std::function<void(const std::string& target, const std::string& why)> enter_target;
    std::function<void(Hook)> exec;
    // A probe of a start, beside its main process; 0 or a negative errno.
    std::function<int(StartId)> run_probe, kill_probe;
    std::function<void(const MachineNote&)> noted{};
};

class Plugins : private HostServices {
  public:
    Plugins(EventLoop& loop, Manager& manager, CoreLoop& core, const SystemSettings& system,
            Recovery& recovery, PluginHooks hooks);

    // `restored`: from an earlier life of init. `leave_out`: plugins that are not to be
    // loaded, and `why`. Returns complaints, one sentence each.
    [[nodiscard]] std::vector<std::string> load_all(const std::vector<std::string>& leave_out,
                                                    const char* why,
                                                    const std::vector<PluginState>& restored);

    void service_changed(const action::StateChanged& change);
    void heartbeat(const std::string& service, StartId start, const std::string& timer, pid_t sender) {
        host_.heartbeat(service, start, timer, sender);
    }
    void trigger(const std::string& service, StartId start);
    void time_asked(const std::string& service, StartId start, Ms time) {
        host_.time_asked(service, start, time);
    }
    void probe_exited(StartId start, int status, const std::string& why) {
        host_.probe_exited(start, status, why);
    }
    void tell_of_timers(ServiceView& view) const;
    // What WATCHDOG_USEC= asks for has changed.
    void limit_changed(const std::string& service, StartId start);
    void target_settled(const std::string& target, int failed);
    void shutdown(EndKind kind, Ms limit, const EndCause& cause);
    // The WDT was to reset the machine and has not; `what`: in words.
    void reset_overdue(const std::string& what);
    // Machine and modules are up; no service has been started.
    void brought_up();
    // Calls back at once, or when no plugin holds it any more, at the latest after its limit.
    void wait_until_let_go(leash_hold what, std::function<void()> then);
    struct BootTarget { std::string target, why; };
    [[nodiscard]] const std::optional<BootTarget>& boot_target() const { return boot_target_; }
    [[nodiscard]] Result<PluginAnswer> command(const std::string& plugin,
                                               const PluginCommand& command) {
        return host_.command(plugin, command);
    }
    void configured() { host_.configured(); }
    void after_round() { host_.loop_round(); }
    bool child_exited(pid_t pid, int status) { return host_.child_exited(pid, status); }

    [[nodiscard]] Result<void> may_end(EndKind kind) { return host_.may_end(end_of(kind)); }
    [[nodiscard]] Result<void> may_reboot(EndKind kind, const EndCause& cause) {
        return host_.may_reboot(end_of(kind), cause);
    }
    [[nodiscard]] Result<Ms> delegate() { return host_.delegate(LEASH_END_WDT_RESET); }
    [[nodiscard]] Result<void> release(EndKind kind) { return host_.release(end_of(kind)); }

    [[nodiscard]] std::vector<pid_t> helper_pids() const;
    [[nodiscard]] std::vector<control::PluginView> views() const;
    [[nodiscard]] std::vector<MachineTroubles::View> machine_troubles() const {
        return answers_.views();
    }

  private:
    static leash_end end_of(EndKind kind);
    std::optional<std::string> config(const std::string& plugin, std::string_view key) override;
    int trouble(StartId start, std::string_view kind, std::string_view evidence) override;
    int trouble_over(StartId start, std::string_view kind) override;
    int trouble_at(StartId start, std::string_view kind, int percent,
                   std::string_view evidence) override;
    std::vector<std::string> sections(const std::string& plugin) override;
    std::optional<std::string> config_in(const std::string& plugin, std::string_view label,
                                         std::string_view key) override;
    std::optional<Owner> whose(pid_t pid) override;
    int machine_trouble(std::string_view source, std::string_view kind, std::string_view policy,
                        std::string_view evidence) override;
    int machine_trouble_over(std::string_view source, std::string_view kind) override;
    int end_machine(leash_end end, std::string_view kind, std::string_view why) override;
    int hold(const std::string& plugin, leash_hold what) override;
    int let_go(const std::string& plugin, leash_hold what) override;
    int boot_target(std::string_view target, std::string_view why) override;
    int run_probe(StartId start) override { return hooks_.run_probe(start); }
    int kill_probe(StartId start) override { return hooks_.kill_probe(start); }
    [[nodiscard]] std::optional<std::string> text_of(const std::string& section,
                                                     std::string_view key) const;
    void go_on(leash_hold what, std::string_view late);
    void state_changed(const PluginState& state) override { recovery_.record(state); }

    Manager& manager_;
    CoreLoop& core_;
    const SystemSettings& system_;
    Recovery& recovery_;
    PluginHooks hooks_;
    PluginHost host_;
    std::size_t loaded_ = 0;
    // What plugins hold: who does, and what happens then.
    struct Hold {
        bool possible = false;
        std::set<std::string> holders;
        std::function<void()> then;
        std::unique_ptr<Timer> limit;
    };
    std::map<leash_hold, Hold> holds_;
    EventLoop& loop_;
    std::optional<BootTarget> boot_target_;
    MachineAnswers answers_;
    // Of whom the socket was drained last because of a silence, and when.
    StartId drained_ = 0;
    Ms drained_at_{0};
};

} // namespace leash
