// SPDX-License-Identifier: MIT
#include "config/watch_values.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "base/shell_words.h"
#include "base/text.h"
#include "config/complaint.h"
#include "config/service_setters.h"
#include "config/values.h"

namespace leash::setters {
namespace {

constexpr std::size_t kMaxTarget = 200;    // bytes: what a probe is asked in is of fixed size

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

Checked<WatchdogTimer> parse_timer(std::string_view item) {
    const KeySpec times{.section = "service", .key = "watchdog", .type = ValueType::duration,
                               .least = 100, .most = 24 * 3'600'000, .zero = "not watched"};
    auto colon = item.find(':');
    WatchdogTimer timer{std::string(kMainTimer), Ms{0}};
    if (colon != std::string_view::npos) timer.name = trimmed(item.substr(0, colon));
    if (timer.name.empty() || timer.name.size() > kMaxTimerName || !only_of(timer.name, "_-"))
        return fault(fmt::format("{} is no timer's name; allowed: 1 to {} of letters, digits, _ and -",
                                 quote(timer.name), kMaxTimerName));
    auto text = colon == std::string_view::npos ? item : trimmed(item.substr(colon + 1));
    if (text.empty())
        return fault(fmt::format("the timer {} has no time", timer.name),
                     fmt::format("for example {}:10s", timer.name));
    auto time = parse_value(times, text);
    if (!time) return std::unexpected(time.error());
    timer.limit = time->time;
    return timer;
}

// ADDRESS:PORT, numeric: a name would have to be looked up, which can take for ever.
Checked<void> check_address(const std::string& text) {
    auto good = parse_endpoint(text);
    if (good && text.find(':') != std::string::npos && text[0] != '@') return {};
    return fault(good ? fmt::format("{} is no ADDRESS:PORT", quote(text)) : good.error().text,
                 "for example 127.0.0.1:80 or [::1]:80; names are not looked up");
}

Checked<void> check_target(std::string_view text) {
    for (char c : text)
        if (c <= ' ' || c > '~')
            return fault(fmt::format("{} has a blank or a control character in it",
                                     quote(std::string(text))));
    if (text.size() > kMaxTarget)
        return fault(fmt::format("longer than {} characters", kMaxTarget));
    if (text.starts_with("tcp:")) return check_address(std::string(text.substr(4)));
    if (text.starts_with("unix:")) {
        auto path = parse_path(text.substr(5));
        if (!path) return std::unexpected(path.error());
        if (auto good = parse_endpoint(*path); !good) return fault(good.error().text);
        return {};
    }
    auto rest = text.substr(7); // http://
    auto slash = rest.find('/');
    if (slash == std::string_view::npos)
        return fault(fmt::format("{} has no path", quote(std::string(text))),
                     fmt::format("for example {}/", text));
    auto address = std::string(rest.substr(0, slash));
    auto colon = address.rfind(':');
    bool port = colon != std::string::npos && !address.ends_with(']');
    return check_address(port ? address : address + ":80");
}

Checked<void> set_probe_command(S& s, const V& v, std::string_view text) {
    auto words = split_command(text);
    if (!words) return fault(words.error().text);
    if (words->empty()) return fault("'probe:' without a command", "for example probe:/bin/check");
    V filled = v;
    filled.items = std::move(*words);
    auto argv = filled_in(s, filled);
    if (!argv) return std::unexpected(argv.error());
    s.watchdog_source = WatchdogSource::probe;
    s.probe = std::move(*argv);
    s.probe_target.clear();
    return {};
}

} // namespace

Checked<void> set_watchdog(S& s, const V& v) {
    auto items = split_items(v.text);
    if (!items) return std::unexpected(items.error());
    std::vector<WatchdogTimer> timers;
    for (const auto& item : *items) {
        auto timer = parse_timer(item);
        if (!timer) return std::unexpected(timer.error());
        if (timer->limit.count() == 0) {
            if (items->size() == 1) break;
            return fault(fmt::format("the timer {} has no limit", timer->name), "leave it out");
        }
        if (std::ranges::find(timers, timer->name, &WatchdogTimer::name) != timers.end())
            return fault(fmt::format("the timer {} is there twice", timer->name),
                         timer->name == kMainTimer ? "a time without a name is that of `main`" : "");
        if (timers.size() == kMostTimers) return fault(fmt::format("more than {} timers", kMostTimers));
        timers.push_back(std::move(*timer));
    }
    auto shortest = std::ranges::min_element(timers, {}, &WatchdogTimer::limit);
    s.watchdog = shortest == timers.end() ? Ms{0} : shortest->limit;
    s.watchdog_timers = std::move(timers);
    return {};
}

Checked<void> set_watchdog_source(S& s, const V& v) {
    std::string_view text = v.text;
    auto plain = [&](WatchdogSource source) -> Checked<void> {
        s.watchdog_source = source;
        s.probe.clear();
        s.probe_target.clear();
        return {};
    };
    if (text == "heartbeat") return plain(WatchdogSource::heartbeat);
    if (text == "tasks") return plain(WatchdogSource::tasks);
    if (text == "progress") return plain(WatchdogSource::progress);
    if (text == "probe") return fault("'probe' without a command", "for example probe:/bin/check");
    if (text.starts_with("probe:")) return set_probe_command(s, v, text.substr(6));
    if (text.starts_with("tcp:") || text.starts_with("unix:") || text.starts_with("http://")) {
        auto target = fill_in(text, s.name);
        if (!target) return std::unexpected(target.error());
        if (auto good = check_target(*target); !good) return good;
        plain(WatchdogSource::probe);
        s.probe_target = std::move(*target);
        return {};
    }
    if (text.starts_with("https:"))
        return fault("there is no https here", "take tcp:ADDRESS:PORT, or probe: with a command");
    return fault(fmt::format("{}; allowed: {}", quote(v.text), kSourceGrammar),
                 did_you_mean(closest_word(v.text, {"heartbeat", "tasks", "progress"})));
}

} // namespace leash::setters
