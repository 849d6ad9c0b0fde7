// SPDX-License-Identifier: MIT
// What PID 1 does for plugins, and the translation between its own events and theirs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/system_settings.h"
#include "control/render.h"
#include "init/core_loop.h"
#include "init/final_stage.h"
#include "init/recovery.h"
#include "plugin/host.h"
#include "service/manager.h"

namespace leash {

class Plugins : private HostServices {
  public:
    // `drain_notify` reads what a service has sent before its silence is called trouble; true if a
    // heartbeat was among it.
    Plugins(EventLoop& loop, Manager& manager, CoreLoop& core, const SystemSettings& system,
            Recovery& recovery, std::function<bool(StartId)> drain_notify);

    // `restored`: from an earlier life of init. `leave_out`: plugins that the kernel command
    // line forbids. Returns complaints, one sentence each.
    [[nodiscard]] std::vector<std::string> load_all(const std::vector<std::string>& leave_out,
                                                    const std::vector<PluginState>& restored);

    void service_changed(const action::StateChanged& change);
    void heartbeat(const std::string& service, StartId start, bool trigger);
    // What WATCHDOG_USEC= asks for has changed.
    void limit_changed(const std::string& service, StartId start);
    void target_settled(const std::string& target, int failed);
    void shutdown(EndKind kind, Ms limit) { host_.shutdown(end_of(kind), limit); }
    void after_round() { host_.loop_round(); }
    bool child_exited(pid_t pid, int status) { return host_.child_exited(pid, status); }

    [[nodiscard]] Result<void> may_end(EndKind kind) { return host_.may_end(end_of(kind)); }
    [[nodiscard]] Result<Ms> delegate() { return host_.delegate(LEASH_END_WDT_RESET); }
    [[nodiscard]] Result<void> release(EndKind kind) { return host_.release(end_of(kind)); }

    [[nodiscard]] std::vector<pid_t> helper_pids() const;
    [[nodiscard]] std::vector<control::PluginView> views() const;

  private:
    static leash_end end_of(EndKind kind);
    std::optional<std::string> config(const std::string& plugin, std::string_view key) override;
    int trouble(StartId start, std::string_view kind, std::string_view evidence) override;
    int trouble_over(StartId start, std::string_view kind) override;
    void state_changed(const PluginState& state) override { recovery_.record(state); }

    Manager& manager_;
    CoreLoop& core_;
    const SystemSettings& system_;
    Recovery& recovery_;
    std::function<bool(StartId)> drain_notify_;
    PluginHost host_;
    std::size_t loaded_ = 0;
};

} // namespace leash
