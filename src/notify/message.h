// SPDX-License-Identifier: MIT
// One datagram of the sd_notify protocol, as values. Who sent it, and whether that task may say so,
// is for others to judge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/notify_access.h"

namespace leash {

inline constexpr std::size_t kMaxNotifyMessage = 4096; // bytes, as systemd has it

inline constexpr std::size_t kMaxStoredName = 255; // bytes of FDNAME=
inline constexpr std::size_t kMaxTimerName = 15;   // bytes of WATCHDOG_TIMER=

// Where one message says several things, STOPPING counts before READY, and READY before RELOADING.
struct NotifyMessage {
    bool ready = false;            // READY=1: start or reload is done; may come again
    bool reloading = false;        // RELOADING=1
    bool stopping = false;         // STOPPING=1
    bool watchdog = false;         // WATCHDOG=1: a heartbeat
    bool watchdog_trigger = false; // WATCHDOG=trigger: "treat me as hung"
    std::string watchdog_timer; // WATCHDOG_TIMER=: which one is meant, 1..15 of letters, digits, _ and -
    bool restart_reset = false;    // RESTART_RESET=1: its restarts count from 0 again
    bool barrier = false;          // BARRIER=1; a descriptor came with it, closed when all is done
    bool main_pidfd = false;       // MAINPIDFD=1; a pidfd of the main process came with it
    bool store = false;            // FDSTORE=1; what came with it is to be kept
    bool unstore = false;          // FDSTOREREMOVE=1: what is kept as `stored_name` is not needed
    bool poll_stored = true;       // FDPOLL=0: keep it even after a hang-up
    std::optional<std::string> stored_name; // FDNAME=, 1..kMaxStoredName printable ASCII, no ':'
    std::optional<std::string> status; // STATUS=: one line of valid UTF-8, no control characters
    std::optional<pid_t> main_pid;     // MAINPID=, 1 and below refused. Not authenticated
    std::optional<std::uint64_t> main_pidfd_id; // MAINPIDFDID=: inode of its pidfd, above 0
    std::optional<int> error_number;   // ERRNO=, 0 and up
    std::optional<int> exit_status;    // EXIT_STATUS=, 0..255
    std::optional<std::string> error;  // BUSERROR= or VARLINKERROR=, a name; as STATUS=
    std::optional<NotifyAccess> access;               // NOTIFYACCESS=
    std::optional<std::uint64_t> watchdog_usec;       // WATCHDOG_USEC=
    std::optional<std::uint64_t> extend_timeout_usec; // EXTEND_TIMEOUT_USEC=
    std::optional<std::uint64_t> monotonic_usec;      // MONOTONIC_USEC=, of the sender
    int unknown = 0; // lines with another key, or a value that the key does not take; ignored
    friend bool operator==(const NotifyMessage&, const NotifyMessage&) = default;
};

// None for what must be dropped whole: nothing in it, longer than kMaxNotifyMessage, a NUL byte
// before the end, a BARRIER=1 that is not alone. Lines end with '\n', the last one may lack it. Of a
// key that comes twice the last good value counts.
[[nodiscard]] std::optional<NotifyMessage> parse_notify(std::string_view datagram);

// Compares a message with how many descriptors came with it. A barrier takes exactly one: false, to be
// dropped whole, if it has not. MAINPIDFD=1 with another number than one, or beside FDSTORE=1, and
// FDSTORE=1 without any are taken out of the message.
[[nodiscard]] bool match_descriptors(NotifyMessage& message, std::size_t count);

} // namespace leash
