// SPDX-License-Identifier: MIT
#include "notify/message.h"

#include <limits>

#include "base/text.h"

namespace leash {
namespace {

// True if the line was understood.
bool take_line(std::string_view line, NotifyMessage& message) {
    auto equals = line.find('=');
    if (equals == std::string_view::npos) return false;
    auto key = line.substr(0, equals);
    auto value = line.substr(equals + 1);

    auto flag = [&](bool& target) {
        if (value != "1") return false;
        target = true;
        return true;
    };
    auto number = [&](std::optional<std::uint64_t>& target) {
        auto parsed = parse_unsigned(value);
        if (parsed) target = parsed;
        return parsed.has_value();
    };
    auto small = [&](std::optional<int>& target, std::uint64_t lowest) {
        auto parsed = parse_unsigned(value);
        if (!parsed || *parsed < lowest || *parsed > std::numeric_limits<int>::max()) return false;
        target = static_cast<int>(*parsed);
        return true;
    };

    if (key == "READY") return flag(message.ready);
    if (key == "RELOADING") return flag(message.reloading);
    if (key == "STOPPING") return flag(message.stopping);
    if (key == "BARRIER") return flag(message.barrier);
    if (key == "WATCHDOG" && value == "trigger") return message.watchdog_trigger = true;
    if (key == "WATCHDOG") return flag(message.watchdog);
    if (key == "STATUS") {
        message.status = printable(value);
        return true;
    }
    if (key == "MAINPID") return small(message.main_pid, 2);
    if (key == "ERRNO") return small(message.error_number, 0);
    if (key == "WATCHDOG_USEC") return number(message.watchdog_usec);
    if (key == "EXTEND_TIMEOUT_USEC") return number(message.extend_timeout_usec);
    if (key == "MONOTONIC_USEC") return number(message.monotonic_usec);
    return false;
}

} // namespace

std::optional<NotifyMessage> parse_notify(std::string_view datagram) {
    if (datagram.size() > kMaxNotifyMessage) return std::nullopt;
    if (datagram.ends_with('\0')) datagram.remove_suffix(1);
    if (datagram.empty() || datagram.find('\0') != std::string_view::npos) return std::nullopt;

    NotifyMessage message;
    while (!datagram.empty()) {
        auto newline = datagram.find('\n');
        auto line = datagram.substr(0, newline);
        if (!line.empty() && !take_line(line, message)) ++message.unknown;
        if (newline == std::string_view::npos) break;
        datagram.remove_prefix(newline + 1);
    }
    return message;
}

} // namespace leash
