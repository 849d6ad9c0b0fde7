// SPDX-License-Identifier: MIT
// One datagram of the sd_notify protocol, as values. Who sent it, and whether that task may say so,
// is for others to judge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace leash {

inline constexpr std::size_t kMaxNotifyMessage = 4096; // bytes, as systemd has it

// Where one message says several things, STOPPING counts before READY, and READY before RELOADING.
struct NotifyMessage {
    bool ready = false;            // READY=1: start or reload is done; may come again
    bool reloading = false;        // RELOADING=1
    bool stopping = false;         // STOPPING=1
    bool watchdog = false;         // WATCHDOG=1: a heartbeat
    bool watchdog_trigger = false; // WATCHDOG=trigger: "treat me as hung"
    bool barrier = false;          // BARRIER=1; a descriptor came with it, closed when all is done
    std::optional<std::string> status; // STATUS=: one line of valid UTF-8, no control characters
    std::optional<pid_t> main_pid;     // MAINPID=, 1 and below refused. Not authenticated
    std::optional<int> error_number;   // ERRNO=, 0 and up
    std::optional<std::uint64_t> watchdog_usec;       // WATCHDOG_USEC=
    std::optional<std::uint64_t> extend_timeout_usec; // EXTEND_TIMEOUT_USEC=
    std::optional<std::uint64_t> monotonic_usec;      // MONOTONIC_USEC=, of the sender
    int unknown = 0; // lines with another key, or a value that the key does not take; ignored
    friend bool operator==(const NotifyMessage&, const NotifyMessage&) = default;
};

// None for what must be dropped whole: nothing in it, longer than kMaxNotifyMessage, a NUL byte
// before the end. Lines end with '\n', the last one may lack it. Of a key that comes twice the last
// good value counts.
[[nodiscard]] std::optional<NotifyMessage> parse_notify(std::string_view datagram);

} // namespace leash
