// SPDX-License-Identifier: MIT
// Messages of the program itself. PID 1 routes them to its logger process (console, kernel log,
// /run/leash/log); before a sink is set, and in the command-line tools, they go to stderr.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace leash::log {

enum class Level : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 }; // as syslog

using Sink = std::function<void(Level, std::string_view)>;

void set_sink(Sink sink);
void set_threshold(Level level); // default: info; `leash.debug` makes it debug
[[nodiscard]] Level threshold();
void write(Level level, std::string_view text);

template <class... Args> void error(fmt::format_string<Args...> f, Args&&... args) {
    write(Level::error, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args> void warning(fmt::format_string<Args...> f, Args&&... args) {
    write(Level::warning, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args> void notice(fmt::format_string<Args...> f, Args&&... args) {
    write(Level::notice, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args> void info(fmt::format_string<Args...> f, Args&&... args) {
    write(Level::info, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args> void debug(fmt::format_string<Args...> f, Args&&... args) {
    if (threshold() >= Level::debug) write(Level::debug, fmt::format(f, std::forward<Args>(args)...));
}

} // namespace leash::log
