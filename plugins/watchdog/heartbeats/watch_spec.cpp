// SPDX-License-Identifier: MIT
#include "watch_spec.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kMostTime = 7LL * 24 * 3'600'000; // above every key's range; sums stay small
constexpr std::int64_t kShortestInterval = 20;

bool parse_time(std::string_view text, std::int64_t& value) {
    if (text.empty() || text.size() > 12) return false;
    value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    return value <= kMostTime;
}

template <std::size_t N>
bool copy(std::string_view text, char (&room)[N]) {
    if (text.empty() || text.size() >= N) return false;
    std::memcpy(room, text.data(), text.size());
    room[text.size()] = '\0';
    return true;
}

bool parse_timers(std::string_view list, WatchSpec& spec) {
    while (!list.empty()) {
        auto comma = list.find(',');
        auto item = list.substr(0, comma);
        auto colon = item.find(':');
        if (colon == std::string_view::npos || spec.timer_count == kMostTimers) return false;
        auto& timer = spec.timers[spec.timer_count++];
        if (!copy(item.substr(0, colon), timer.name)) return false;
        if (!parse_time(item.substr(colon + 1), timer.limit) || timer.limit == 0) return false;
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
    return false;
}

} // namespace

bool parse_watch(const char* text, WatchSpec& spec) {
    std::string_view rest = text;
    while (!rest.empty()) {
        auto blank = rest.find(' ');
        auto word = rest.substr(0, blank);
        rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
        auto equals = word.find('=');
        if (equals == std::string_view::npos) return false;
        auto key = word.substr(0, equals);
        auto value = word.substr(equals + 1);
        bool good = true;
        if (key == "timers") good = parse_timers(value, spec);
        else if (key == "soft") good = parse_time(value, spec.soft);
        else if (key == "grace") good = parse_time(value, spec.grace);
        else if (key == "extend") good = parse_time(value, spec.extend);
        else if (key == "probe") good = copy(value, spec.probe);
        else if (key == "interval") good = parse_time(value, spec.interval);
        else if (key == "timeout") good = parse_time(value, spec.timeout);
        if (!good) return false;
    }
    return spec.timer_count > 0;
}

WatchSpec plain_watch(Source source, std::int64_t limit) {
    WatchSpec spec;
    spec.source = source;
    spec.timer_count = 1;
    copy(kMainTimer, spec.timers[0].name);
    spec.timers[0].limit = limit;
    return spec;
}

std::int64_t probe_interval(const WatchSpec& spec) {
    auto interval = spec.interval > 0 ? spec.interval : spec.timers[0].limit / 3;
    return std::max(interval, kShortestInterval);
}

std::int64_t probe_timeout(const WatchSpec& spec) {
    return spec.timeout > 0 ? spec.timeout : spec.timers[0].limit;
}

} // namespace leash_watchdog
