// SPDX-License-Identifier: MIT
#include "init/plugins.h"

#include <algorithm>
#include <cerrno>

namespace leash {

Plugins::Plugins(EventLoop& loop, Manager& manager, CoreLoop& core, const SystemSettings& system,
                 Recovery& recovery, std::function<bool(StartId)> drain_notify)
    : manager_(manager), core_(core), system_(system), recovery_(recovery),
      drain_notify_(std::move(drain_notify)),
      host_(loop, *this) {}

std::vector<std::string> Plugins::load_all(const std::vector<std::string>& leave_out,
                                           const std::vector<PluginState>& restored) {
    std::vector<std::string> complaints;
    for (const auto& name : system_.plugins) {
        if (std::ranges::find(leave_out, name) != leave_out.end()) {
            complaints.push_back(
                fmt::format("plugin {} is left out: the kernel command line says so", name));
            continue;
        }
        auto before = std::ranges::find(restored, name, &PluginState::plugin);
        const auto* state = before == restored.end() ? nullptr : &*before;
        if (auto loaded = host_.load(name, state); !loaded) complaints.push_back(loaded.error().text);
        else ++loaded_;
    }
    return complaints;
}

void Plugins::service_changed(const action::StateChanged& change) {
    auto view = manager_.view(change.service);
    const auto* settings = manager_.settings_of(change.start);
    if (!settings) settings = manager_.settings(change.service);
    if (!view || !settings) return;
    bool asked = view->watchdog > Ms{0} && view->start == change.start;
    host_.service_state(change.service, change.start, change.to,
                        asked ? view->watchdog : settings->watchdog,
                        settings->watchdog_source, view->main_pid);
}

void Plugins::limit_changed(const std::string& service, StartId start) {
    auto view = manager_.view(service);
    if (view && view->start == start)
        service_changed({service, start, view->state, view->state, ""});
}

void Plugins::heartbeat(const std::string& service, StartId start, bool trigger) {
    // With nobody there to watch, what it says of itself is trouble all the same.
    if (trigger && loaded_ == 0)
        core_.post(event::TroubleSeen{start, TroubleKind::missed_heartbeat,
                                      "it said so itself (WATCHDOG=trigger)"});
    else if (trigger) host_.heartbeat_trigger(service, start);
    else host_.heartbeat(service, start);
}

void Plugins::target_settled(const std::string& target, int failed) {
    host_.target_settled(target, failed);
}

std::vector<pid_t> Plugins::helper_pids() const {
    std::vector<pid_t> pids;
    for (const auto& state : host_.states())
        for (const auto& helper : state.helpers) pids.push_back(helper.pid);
    return pids;
}

std::vector<control::PluginView> Plugins::views() const {
    std::vector<control::PluginView> views;
    for (const auto& [key, text] : host_.status()) views.push_back({key, text});
    return views;
}

leash_end Plugins::end_of(EndKind kind) {
    switch (kind) {
    case EndKind::reboot:
    case EndKind::kexec:
    case EndKind::soft_reboot: return LEASH_END_REBOOT;
    case EndKind::poweroff: return LEASH_END_POWEROFF;
    case EndKind::halt: return LEASH_END_HALT;
    case EndKind::wdt_reset: return LEASH_END_WDT_RESET;
    }
    return LEASH_END_REBOOT;
}

std::optional<std::string> Plugins::config(const std::string& plugin, std::string_view key) {
    auto section = system_.plugin_config.find(plugin);
    if (section == system_.plugin_config.end()) return std::nullopt;
    auto pair = std::ranges::find(section->second, key, &TextPairs::value_type::first);
    if (pair == section->second.end()) return std::nullopt;
    return pair->second;
}

int Plugins::trouble(StartId start, std::string_view kind, std::string_view evidence) {
    auto known = trouble_kind_named(kind);
    if (!known) return -EINVAL;
    if (manager_.service_of(start).empty()) return -ESRCH;
    // What lies in the socket was sent in time: silence is only what has not been sent.
    if (*known == TroubleKind::missed_heartbeat && drain_notify_(start)) return -EAGAIN;
    core_.post(event::TroubleSeen{start, *known, std::string(evidence)});
    return 0;
}

int Plugins::trouble_over(StartId start, std::string_view kind) {
    auto known = trouble_kind_named(kind);
    if (!known) return -EINVAL;
    if (manager_.service_of(start).empty()) return -ESRCH;
    core_.post(event::TroubleOver{start, *known});
    return 0;
}

} // namespace leash
