// SPDX-License-Identifier: MIT
#include "init/plugins.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "service/finder_settings.h"

namespace leash {
namespace {

// A silence is asked about again shortly after: what was on its way has been read by then.
constexpr Ms kDrainedLately{50};

// WATCHDOG_USEC= stands in place of what the file says of `main`, or of the only timer.
std::vector<WatchdogTimer> timers_of(const ServiceSettings& settings, Ms asked) {
    auto timers = settings.watchdog_timers;
    if (asked == Ms{0}) return timers;
    if (timers.empty()) timers.push_back({std::string(kMainTimer), asked});
    auto main = std::ranges::find(timers, kMainTimer, &WatchdogTimer::name);
    if (main == timers.end() && timers.size() == 1) main = timers.begin();
    if (main != timers.end()) main->limit = asked;
    return timers;
}

// In the words of leash_plugin.h.
std::string watch_text(const ServiceSettings& settings, const std::vector<WatchdogTimer>& timers) {
    if (timers.empty()) return {};
    std::string text = "timers=";
    for (const auto& timer : timers)
        text += fmt::format("{}{}:{}", &timer == &timers.front() ? "" : ",", timer.name,
                            timer.limit.count());
    auto time = [&](std::string_view key, Ms value) {
        if (value > Ms{0}) text += fmt::format(" {}={}", key, value.count());
    };
    time("soft", settings.watchdog_soft);
    time("grace", settings.watchdog_grace);
    time("extend", settings.extend_limit);
    if (settings.watchdog_source != WatchdogSource::probe) return text;
    text += " probe=" + (settings.probe.empty() ? settings.probe_target : "command");
    time("interval", settings.probe_interval);
    time("timeout", settings.probe_timeout);
    return text;
}

} // namespace

Plugins::Plugins(EventLoop& loop, Manager& manager, CoreLoop& core, const SystemSettings& system,
                 Recovery& recovery, PluginHooks hooks)
    : manager_(manager), core_(core), system_(system), recovery_(recovery), hooks_(std::move(hooks)),
      host_(loop, *this), loop_(loop),
      answers_(loop, recovery,
               MachineHooks{hooks_.exec, hooks_.enter_target,
                            [this](StepKind end, const std::string& kind, const std::string& why) {
                                auto wanted = end == StepKind::poweroff ? EndKind::poweroff
                                              : end == StepKind::halt   ? EndKind::halt
                                                                        : EndKind::reboot;
                                return hooks_.end_machine(wanted, why, {"", kind, why}).has_value();
                            },
                            hooks_.going_down, hooks_.noted},
               system.exec_timeout) {}

std::vector<std::string> Plugins::load_all(const std::vector<std::string>& leave_out, const char* why,
                                           const std::vector<PluginState>& restored) {
    std::vector<std::string> complaints;
    for (const auto& name : system_.plugins) {
        if (std::ranges::find(leave_out, name) != leave_out.end()) {
            complaints.push_back(fmt::format("plugin {} is left out: {}", name, why));
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
    auto asked = view->start == change.start ? view->watchdog : Ms{0};
    auto timers = timers_of(*settings, asked);
    auto shortest = std::ranges::min_element(timers, {}, &WatchdogTimer::limit);
    host_.service_state(change.service, change.start, change.to,
                        timers.empty() ? Ms{0} : shortest->limit, settings->watchdog_source,
                        view->main_pid, watch_text(*settings, timers), finder_text(*settings));
}

void Plugins::limit_changed(const std::string& service, StartId start) {
    auto view = manager_.view(service);
    if (view && view->start == start)
        service_changed({service, start, view->state, view->state, ""});
}

// With nobody there to watch, what it says of itself is trouble all the same.
void Plugins::trigger(const std::string& service, StartId start) {
    if (loaded_ == 0)
        core_.post(event::TroubleSeen{start, TroubleKind::missed_heartbeat,
                                      "it said so itself (WATCHDOG=trigger)"});
    else host_.heartbeat_trigger(service, start);
}

void Plugins::tell_of_timers(ServiceView& view) const {
    if (view.start == 0) return;
    for (const auto& timer : host_.timers(view.start))
        view.timers.push_back({timer.name, Ms{timer.limit_ms}, Ms{timer.left_ms}});
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

std::optional<std::string> Plugins::text_of(const std::string& section, std::string_view key) const {
    auto found = system_.plugin_config.find(section);
    if (found == system_.plugin_config.end()) return std::nullopt;
    auto pair = std::ranges::find(found->second, key, &TextPairs::value_type::first);
    if (pair == found->second.end()) return std::nullopt;
    return pair->second;
}

std::optional<std::string> Plugins::config(const std::string& plugin, std::string_view key) {
    return text_of(plugin, key);
}

std::optional<std::string> Plugins::config_in(const std::string& plugin, std::string_view label,
                                              std::string_view key) {
    return text_of(fmt::format("{} {}", plugin, label), key);
}

std::vector<std::string> Plugins::sections(const std::string& plugin) {
    std::vector<std::string> labels;
    for (const auto& section : system_.plugin_sections)
        if (section.starts_with(plugin + " ")) labels.push_back(section.substr(plugin.size() + 1));
    return labels;
}

std::optional<HostServices::Owner> Plugins::whose(pid_t pid) {
    auto start = hooks_.whose(pid);
    auto service = start == 0 ? std::string() : manager_.service_of(start);
    if (service.empty()) return std::nullopt;
    return Owner{std::move(service), start};
}

int Plugins::end_machine(leash_end end, std::string_view kind, std::string_view why) {
    if (hooks_.going_down()) return -EALREADY;
    auto wanted = end == LEASH_END_POWEROFF    ? EndKind::poweroff
                  : end == LEASH_END_HALT      ? EndKind::halt
                  : end == LEASH_END_WDT_RESET ? EndKind::wdt_reset
                                               : EndKind::reboot;
    auto done = hooks_.end_machine(wanted, std::string(why), {"", std::string(kind), std::string(why)});
    return done ? 0 : -EBUSY;
}

int Plugins::machine_trouble(std::string_view source, std::string_view kind, std::string_view policy,
                             std::string_view evidence) {
    return answers_.seen(source, kind, policy, evidence);
}

int Plugins::machine_trouble_over(std::string_view source, std::string_view kind) {
    return answers_.over(source, kind);
}

int Plugins::trouble(StartId start, std::string_view kind, std::string_view evidence) {
    auto known = trouble_kind_named(kind);
    if (!known) return -EINVAL;
    if (manager_.service_of(start).empty()) return -ESRCH;
    // What lies in the socket was sent in time: silence is only what has not been sent. Asked again at
    // once there is no second round: beats of one timer would keep the silence of another from being
    // told.
    auto now = monotonic_now();
    bool lately = drained_ == start && now - drained_at_ < kDrainedLately;
    if (*known == TroubleKind::missed_heartbeat && !lately && hooks_.drain_notify(start)) {
        drained_ = start;
        drained_at_ = now;
        return -EAGAIN;
    }
    core_.post(event::TroubleSeen{start, *known, std::string(evidence)});
    return 0;
}

int Plugins::trouble_at(StartId start, std::string_view kind, int percent,
                        std::string_view evidence) {
    auto known = trouble_kind_named(kind);
    if (!known || percent < 1 || (percent < 100 && !has_level(*known))) return -EINVAL;
    if (manager_.service_of(start).empty()) return -ESRCH;
    core_.post(event::TroubleSeen{start, *known, std::string(evidence), std::min(percent, 100)});
    return 0;
}

int Plugins::trouble_over(StartId start, std::string_view kind) {
    auto known = trouble_kind_named(kind);
    if (!known) return -EINVAL;
    if (manager_.service_of(start).empty()) return -ESRCH;
    core_.post(event::TroubleOver{start, *known});
    return 0;
}

// ---- what plugins hold ---------------------------------------------------------------------------

void Plugins::brought_up() {
    holds_[LEASH_HOLD_BOOT].possible = true;
    host_.brought_up();
}

void Plugins::shutdown(EndKind kind, Ms limit, const EndCause& cause) {
    auto& boot = holds_[LEASH_HOLD_BOOT]; // it comes to nothing any more
    boot.then = nullptr;
    boot.possible = false;
    holds_[LEASH_HOLD_END].possible = true;
    host_.shutdown(end_of(kind), limit, cause);
}

void Plugins::reset_overdue(const std::string& what) {
    holds_[LEASH_HOLD_END].possible = true;
    host_.reset_overdue(what);
}

int Plugins::hold(const std::string& plugin, leash_hold what) {
    auto& hold = holds_[what];
    if (!hold.possible) return -EPERM;
    hold.holders.insert(plugin);
    return 0;
}

int Plugins::let_go(const std::string& plugin, leash_hold what) {
    auto& hold = holds_[what];
    if (hold.holders.erase(plugin) == 0) return -EPERM;
    if (hold.holders.empty() && hold.then) go_on(what, "");
    return 0;
}

void Plugins::wait_until_let_go(leash_hold what, std::function<void()> then) {
    auto& hold = holds_[what];
    hold.then = std::move(then);
    if (hold.holders.empty()) {
        go_on(what, "");
        return;
    }
    hold.limit = std::make_unique<Timer>(loop_, [this, what] {
        std::string who;
        for (const auto& name : holds_[what].holders) who += " " + name;
        go_on(what, who);
    });
    hold.limit->in(Ms{what == LEASH_HOLD_BOOT ? LEASH_HOLD_LIMIT_MS : LEASH_HOLD_END_LIMIT_MS});
}

void Plugins::go_on(leash_hold what, std::string_view late) {
    if (!late.empty())
        log::error("plugin{} holds the {} for too long: going on without it", late,
                   what == LEASH_HOLD_BOOT ? "boot" : "shutdown");
    auto& hold = holds_[what];
    if (hold.limit) hold.limit->cancel();
    hold.possible = false;
    hold.holders.clear();
    if (auto then = std::exchange(hold.then, nullptr)) then();
}

int Plugins::boot_target(std::string_view target, std::string_view why) {
    if (!holds_[LEASH_HOLD_BOOT].possible) return -EPERM;
    std::string name(target);
    const auto* settings = manager_.settings(name);
    if (!is_built_in_target(name) && (!settings || settings->type != ServiceType::target))
        return -ENOENT;
    boot_target_ = BootTarget{std::move(name), std::string(why)};
    return 0;
}

} // namespace leash
