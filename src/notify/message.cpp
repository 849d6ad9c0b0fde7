// SPDX-License-Identifier: MIT
#include "notify/message.h"

#include <limits>

#include "base/text.h"

namespace leash {
namespace {

bool valid_stored_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxStoredName) return false;
    for (char c : name)
        if (c < ' ' || c > '~' || c == ':') return false;
    return true;
}

bool valid_timer_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxTimerName) return false;
    for (char c : name) {
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!good && c != '_' && c != '-') return false;
    }
    return true;
}

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
    auto small = [&](std::optional<int>& target, int lowest,
                     int highest = std::numeric_limits<int>::max()) {
        auto parsed = parse_unsigned(value);
        if (!parsed || *parsed < static_cast<std::uint64_t>(lowest) ||
            *parsed > static_cast<std::uint64_t>(highest))
            return false;
        target = static_cast<int>(*parsed);
        return true;
    };
    auto text = [&](std::optional<std::string>& target) {
        target = printable(value);
        return true;
    };

    if (key == "READY") return flag(message.ready);
    if (key == "RELOADING") return flag(message.reloading);
    if (key == "STOPPING") return flag(message.stopping);
    if (key == "BARRIER") return flag(message.barrier);
    if (key == "WATCHDOG" && value == "trigger") return message.watchdog_trigger = true;
    if (key == "WATCHDOG") return flag(message.watchdog);
    if (key == "WATCHDOG_TIMER") {
        if (!valid_timer_name(value)) return false;
        message.watchdog_timer = value;
        return true;
    }
    if (key == "RESTART_RESET") return flag(message.restart_reset);
    if (key == "STATUS") return text(message.status);
    if (key == "MAINPID") return small(message.main_pid, 2);
    if (key == "MAINPIDFD") return flag(message.main_pidfd);
    if (key == "MAINPIDFDID") {
        auto id = parse_unsigned(value);
        if (id.value_or(0) > 0) message.main_pidfd_id = id;
        return id.value_or(0) > 0;
    }
    if (key == "ERRNO") return small(message.error_number, 0);
    if (key == "EXIT_STATUS") return small(message.exit_status, 0, 255);
    if (key == "BUSERROR" || key == "VARLINKERROR") return text(message.error);
    if (key == "NOTIFYACCESS") {
        auto access = notify_access_named(value);
        if (access) message.access = access;
        return access.has_value();
    }
    if (key == "FDSTORE") return flag(message.store);
    if (key == "FDSTOREREMOVE") return flag(message.unstore);
    if (key == "FDPOLL" && value == "0") {
        message.poll_stored = false;
        return true;
    }
    if (key == "FDNAME") {
        if (!valid_stored_name(value)) return false;
        message.stored_name = std::string(value);
        return true;
    }
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
    int lines = 0;
    while (!datagram.empty()) {
        auto newline = datagram.find('\n');
        auto line = datagram.substr(0, newline);
        if (!line.empty()) ++lines;
        if (!line.empty() && !take_line(line, message)) ++message.unknown;
        if (newline == std::string_view::npos) break;
        datagram.remove_prefix(newline + 1);
    }
    if (message.barrier && lines > 1) return std::nullopt;
    return message;
}

bool match_descriptors(NotifyMessage& message, std::size_t count) {
    if (message.barrier) return count == 1;
    auto take_out = [&](bool& flag) {
        flag = false;
        ++message.unknown;
    };
    if (message.main_pidfd && (count != 1 || message.store)) take_out(message.main_pidfd);
    if (message.store && count == 0) take_out(message.store);
    return true;
}

} // namespace leash
