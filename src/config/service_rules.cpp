// SPDX-License-Identifier: MIT
#include "config/service_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/units.h"
#include "service/finder_settings.h"

namespace leash {
namespace {

constexpr std::array<std::string_view, 4> kTypeNames{"daemon", "oneshot", "console", "target"};

std::string_view name_of(ServiceType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

unsigned bit_of(ServiceType type) { return 1U << static_cast<unsigned>(type); }

std::string types_of(const KeySpec& spec) {
    std::string names;
    for (std::size_t i = 0; i < kTypeNames.size(); ++i)
        if ((spec.types & (1U << i)) != 0)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", kTypeNames[i]);
    return names;
}

class Rules {
  public:
    Rules(ServiceSettings& settings, const LineOf& own, const LineOf& inherited, int header,
          FileComplaints& complaints)
        : s_(settings), own_(own), inherited_(inherited), header_(header),
          complaints_(complaints) {}

    void fill_in() {
        if (!is_set("restart") && s_.type == ServiceType::oneshot) s_.restart = RestartWhen::no;
        // As getty under any init: whoever leaves it again and again only waits longer. The window
        // stays, since it says after which run the pauses begin anew.
        bool console = s_.type == ServiceType::console;
        if (own_("restart-limit") == 0 && console) s_.restart_limit.count = 0;
        // Where more than that may come at once, nobody has thought of an hour.
        bool more_at_once = s_.restart_limit.count > s_.restart_limit_long.count;
        bool by_default = !is_set("restart-limit-long") && more_at_once;
        if (own_("restart-limit-long") == 0 && (console || by_default)) s_.restart_limit_long.count = 0;
        if (!is_set("watchdog-source") && s_.notify.kind != NotifyKind::systemd)
            s_.watchdog_source = WatchdogSource::tasks;
        if (!is_set("tty") && s_.type == ServiceType::console) s_.tty = "console";
        // From [defaults]; nobody depends on himself.
        for (const auto& list : kNameLists)
            if (own_(list.key) == 0 && inherited_(list.key) > 0) std::erase(s_.*list.names, s_.name);
        // Nothing of it is wanted while all is well.
        if (s_.name == "safe" && own_("start") == 0) s_.start = StartMode::manual;
    }

    void check() {
        check_type();
        check_conditions();
        check_times();
        check_restart();
        check_watchdog();
        check_notify();
        check_listen();
        for (auto key : {"on-trouble", "on-memory"})
            if (own_(key) > 0) check_reach(key);
        for (int i = 0; i < kTroubleKinds; ++i) {
            auto key = fmt::format("on-{}", to_string(TroubleKind(i)));
            if (own_(key) == 0) continue;
            check_reach(key);
            check_steps(key, TroubleKind(i));
        }
        check_finders();
    }

  private:
    [[nodiscard]] bool is_set(std::string_view key) const {
        return own_(key) > 0 || inherited_(key) > 0;
    }

    void check_type() {
        for (const auto& spec : service_schema()) {
            int line = own_(spec.key);
            if (line > 0 && (spec.types & bit_of(s_.type)) == 0)
                complaints_.error(line, spec.key,
                                  fmt::format("not for type = {}; allowed for: {}",
                                              name_of(s_.type), types_of(spec)),
                                  own_("type") > 0 ? "" : "the file has no `type`");
        }
        if (s_.name == "safe" && s_.type != ServiceType::target)
            complaints_.error(std::max(own_("type"), header_), "type",
                              "safe is the target that a policy can enter", "write type = target");
        if (s_.command.empty() && s_.type != ServiceType::target)
            complaints_.error(header_, "command",
                              fmt::format("missing; a {} needs one", name_of(s_.type)),
                              "only type = target has none");
    }

    void check_conditions() {
        int line = own_("condition-lost");
        if (line > 0 && s_.conditions.empty())
            complaints_.warning(line, "condition-lost", "has no effect without `condition`",
                                "add for example condition = net:eth0");
    }

    void check_times() {
        if (int line = own_("persistent"); line > 0 && s_.persistent && s_.calendar->rules.empty())
            complaints_.warning(line, "persistent", "has no effect without `calendar`",
                                "an `interval` counts anew from each boot");
        if (s_.interval.count() == 0 || s_.calendar->rules.empty()) return;
        int line = own_("calendar");
        complaints_.error(line > 0 ? line : own_("interval"), "calendar",
                          "a job has either `interval` or `calendar`",
                          own_("interval") > 0 ? "take one of them out" : "write interval = 0");
    }

    void check_restart() {
        if (s_.type == ServiceType::oneshot && s_.restart == RestartWhen::always)
            complaints_.error(own_("restart"), "restart",
                              "'always' is not for type = oneshot; allowed: on-failure, on-abnormal, "
                              "on-watchdog, no",
                              "a job that is done would run again and again");
        if (s_.restart_delay <= s_.restart_delay_max || s_.type == ServiceType::target) return;
        int line = own_("restart-delay");
        bool by_maximum = own_("restart-delay-max") > 0;
        complaints_.error(line > 0 ? line : own_("restart-delay-max"),
                          line > 0 || !by_maximum ? "restart-delay" : "restart-delay-max",
                          fmt::format("the first pause ({}) is longer than restart-delay-max ({})",
                                      format_duration(s_.restart_delay),
                                      format_duration(s_.restart_delay_max)),
                          "set both");
    }

    void check_watchdog() {
        if (int line = own_("on-runtime-limit"); line > 0 && s_.runtime_limit.count() == 0)
            complaints_.warning(line, "on-runtime-limit", "has no effect without `runtime-limit`",
                                "add for example runtime-limit = 24h");
        int source = own_("watchdog-source");
        bool beats = s_.watchdog_source == WatchdogSource::heartbeat;
        if (source > 0 && beats && s_.notify.kind != NotifyKind::systemd &&
            s_.notify.kind != NotifyKind::s6)
            complaints_.error(source, "watchdog-source",
                              "'heartbeat', but nothing could beat: only notify = systemd gives "
                              "the service a socket to beat on, and notify = s6:FD a descriptor",
                              "add notify = systemd, or take watchdog-source = tasks");
        check_probe();
        if (s_.watchdog.count() == 0) {
            for (auto key :
                 {"watchdog-source", "on-missed-heartbeat", "watchdog-soft", "watchdog-grace"})
                if (int line = own_(key); line > 0)
                    complaints_.warning(line, key, "has no effect without `watchdog`",
                                        "add for example watchdog = 10s");
            return;
        }
        int line = own_("watchdog");
        if (beats && s_.notify_access == NotifyAccess::none && own_("notify-access") > 0)
            complaints_.error(own_("notify-access"), "notify-access",
                              "'none', but the service is watched by its heartbeats, and nobody's count",
                              "take main, exec or all, or watchdog-source = tasks");
        if (beats && s_.notify.kind == NotifyKind::s6 && s_.watchdog_timers.size() > 1)
            complaints_.error(line > 0 ? line : source, line > 0 ? "watchdog" : "watchdog-source",
                              "several timers, but a newline to the descriptor of s6 names none",
                              "add notify = systemd, or give one time");
        if (!beats && s_.watchdog_timers.size() > 1)
            complaints_.error(line > 0 ? line : source, line > 0 ? "watchdog" : "watchdog-source",
                              "several timers, but only a service that sends heartbeats can have them",
                              "add notify = systemd, or give one time");
        check_soft_and_grace();
    }

    // A key that is wrong beside another one: told at its own line where it has one.
    int line_of(std::string_view key, std::string_view other) const {
        if (own_(key) > 0) return own_(key);
        return own_(other) > 0 ? own_(other) : header_;
    }

    void check_soft_and_grace() {
        if (s_.watchdog_soft.count() > 0 && s_.watchdog_soft >= s_.watchdog)
            complaints_.error(line_of("watchdog-soft", "watchdog"), "watchdog-soft",
                              fmt::format("{} is not shorter than `watchdog` ({})",
                                          format_duration(s_.watchdog_soft),
                                          format_duration(s_.watchdog)),
                              "it is to report before that answers");
        auto longest = Ms{0};
        for (const auto& timer : s_.watchdog_timers) longest = std::max(longest, timer.limit);
        int line = own_("watchdog-grace");
        if (line > 0 && s_.watchdog_grace.count() > 0 && s_.watchdog_grace <= longest)
            complaints_.warning(line, "watchdog-grace",
                                fmt::format("has no effect: it is not longer than `watchdog` ({})",
                                            format_duration(longest)),
                                "");
    }

    void check_probe() {
        bool probes = s_.watchdog_source == WatchdogSource::probe;
        for (auto key : {"probe-interval", "probe-timeout"})
            if (int line = own_(key); line > 0 && !probes)
                complaints_.warning(line, key, "has no effect: `watchdog-source` is no probe",
                                    "add for example watchdog-source = probe:/bin/check");
        if (!probes || s_.watchdog.count() == 0) return;
        if (s_.probe_interval >= s_.watchdog)
            complaints_.error(line_of("probe-interval", "watchdog"), "probe-interval",
                              fmt::format("{} is not shorter than `watchdog` ({}): the service would be "
                                          "called silent between two probes",
                                          format_duration(s_.probe_interval),
                                          format_duration(s_.watchdog)),
                              "take a third of it");
        if (s_.probe_timeout > s_.watchdog)
            complaints_.error(line_of("probe-timeout", "watchdog"), "probe-timeout",
                              fmt::format("{} is longer than `watchdog` ({})",
                                          format_duration(s_.probe_timeout),
                                          format_duration(s_.watchdog)),
                              "the service would be called silent before");
    }

    // What the keys of messages need: a socket, and descriptors that are free.
    void check_notify() {
        bool beats = s_.watchdog.count() > 0 && s_.watchdog_source == WatchdogSource::heartbeat;
        bool socket = s_.notify.kind == NotifyKind::systemd || beats || s_.fd_store_max > 0;
        for (auto key : {"notify-access", "extend-limit"})
            if (int line = own_(key); line > 0 && !socket)
                complaints_.warning(line, key, "has no effect: the service has no $NOTIFY_SOCKET",
                                    "add notify = systemd");
        if (int line = own_("fd-store-keep"); line > 0 && s_.fd_store_max == 0)
            complaints_.warning(line, "fd-store-keep", "has no effect without `fd-store-max`",
                                "add for example fd-store-max = 16");
        int listening = static_cast<int>(s_.listen->sockets.size());
        int first_free = 3 + listening + s_.fd_store_max; // check_listen is about the sockets
        bool clash = s_.notify.fd >= 3 + listening && s_.notify.fd < first_free;
        if (s_.notify.kind != NotifyKind::s6 || !clash) return;
        bool by_store = own_("fd-store-max") > 0;
        int line = own_(by_store ? "fd-store-max" : "notify");
        complaints_.error(line > 0 ? line : header_, by_store ? "fd-store-max" : "notify",
                          fmt::format("descriptor {} of notify = s6 may be one of the {} that are "
                                      "handed back from 3 on",
                                      s_.notify.fd, s_.fd_store_max),
                          fmt::format("take notify = s6:{}", first_free));
    }

    void check_listen() {
        bool paths = std::ranges::any_of(s_.listen->sockets, [](const ListenSocket& socket) {
            return socket.address.starts_with('/');
        });
        auto example = fmt::format("add for example listen = stream:/run/{}.sock", s_.name);
        for (auto key : {"listen-start", "listen-backlog", "listen-mode", "listen-user",
                         "listen-group"})
            if (int line = own_(key); line > 0 && s_.listen->sockets.empty())
                complaints_.warning(line, key, "has no effect without `listen`", example);
        for (auto key : {"listen-mode", "listen-user", "listen-group"})
            if (int line = own_(key); line > 0 && !s_.listen->sockets.empty() && !paths)
                complaints_.warning(line, key, "has no effect: none of `listen` is a path", "");
        int last = 2 + static_cast<int>(s_.listen->sockets.size());
        if (s_.notify.kind == NotifyKind::s6 && s_.notify.fd <= last)
            complaints_.error(own_("notify"), "notify",
                              fmt::format("descriptor {} is one of those that `listen` passes (3 to {})",
                                          s_.notify.fd, last),
                              fmt::format("take notify = s6:{} or above", last + 1));
    }

    // A step that can never have its turn is a misunderstanding.
    void check_reach(std::string_view key) {
        const auto* policy = policy_named(key);
        if (policy == nullptr) return;
        for (std::size_t i = 0; i + 1 < policy->size(); ++i) {
            const auto& step = (*policy)[i];
            if (!is_final(step.kind) || step.budget || step.after.count() > 0 || step.at_percent)
                continue;
            complaints_.warning(own_(key), key,
                                fmt::format("'{}' is never reached, since '{}' ends the list",
                                            to_string((*policy)[i + 1]), to_string(step)),
                                fmt::format("give it a budget: {} 3/10m", to_string(step)));
            return;
        }
    }

    // Levels and limits that mean nothing for this kind of trouble.
    void check_steps(std::string_view key, TroubleKind kind) {
        const auto* policy = policy_named(key);
        if (policy == nullptr) return;
        for (const auto& step : *policy) {
            if (step.at_percent && *step.at_percent < 100 && !has_level(kind))
                complaints_.warning(own_(key), key,
                                    fmt::format("'at {}%' has no effect: {} has no level",
                                                *step.at_percent, to_string(kind)), "");
            if (step.kind != StepKind::limit) continue;
            auto what = limit_of(kind);
            if (what == LimitOf::nothing)
                complaints_.error(own_(key), key,
                                  fmt::format("'limit': there is nothing to limit about {}",
                                              to_string(kind)),
                                  "take for example freeze, or restart");
            else if (what == LimitOf::cpu && step.limit && !step.limit->percent)
                complaints_.error(own_(key), key,
                                  fmt::format("'{}': CPU time is limited by a share",
                                              to_string(step)),
                                  "for example limit 50%");
            else if (what == LimitOf::memory && !step.limit && finder_value(s_, kind).empty())
                complaints_.error(own_(key), key, "'limit' does not say to what",
                                  "for example limit 64M");
        }
    }

    void check_finders() {
        for (const auto& finder : finder_keys()) {
            auto answer = fmt::format("on-{}", finder.key);
            int line = own_(answer);
            if (line == 0 || !finder_value(s_, finder.kind).empty()) continue;
            auto example = grammar_of(finder.form);
            auto words = example.rfind("example ");
            complaints_.warning(line, answer,
                                fmt::format("has no effect without `{}`", finder.key),
                                words == std::string_view::npos
                                    ? fmt::format("add for example {} = 30s", finder.key)
                                    : fmt::format("add for example {} = {}", finder.key,
                                                  example.substr(words + 8)));
        }
    }

    [[nodiscard]] const Policy* policy_named(std::string_view key) const {
        if (key == "on-memory") return s_.on_memory ? &*s_.on_memory : nullptr;
        if (key == "on-trouble") return s_.on_trouble ? &*s_.on_trouble : nullptr;
        auto kind = trouble_kind_named(key.substr(3));
        if (!kind) return nullptr;
        const auto& policy = (*s_.on_kind)[static_cast<std::size_t>(*kind)];
        return policy ? &*policy : nullptr;
    }

    ServiceSettings& s_;
    const LineOf& own_;
    const LineOf& inherited_;
    int header_;
    FileComplaints& complaints_;
};

} // namespace

bool default_fits(const KeySpec& spec, std::string_view text, const ServiceSettings& settings) {
    if ((spec.types & bit_of(settings.type)) == 0) return false;
    if (spec.key == "restart" && text == "always" && settings.type == ServiceType::oneshot)
        return false;
    bool timers = spec.key == "watchdog" && text.find(',') != std::string_view::npos;
    bool beats = timers || (spec.key == "watchdog-source" && text == "heartbeat");
    return !beats ||
           settings.notify.kind == NotifyKind::systemd; // nothing else could beat
}

void finish_service(ServiceSettings& settings, const LineOf& own, const LineOf& inherited,
                    int header, FileComplaints& complaints) {
    Rules rules(settings, own, inherited, header, complaints);
    rules.fill_in();
    rules.check();
}

} // namespace leash
