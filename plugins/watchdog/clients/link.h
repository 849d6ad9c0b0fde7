// SPDX-License-Identifier: MIT
// What the helper that serves watchdogd's clients and the plugin within PID 1 say to each other, over
// a pair of SOCK_SEQPACKET sockets: one fixed-size message a packet. Neither side waits for the other.
// What matters is said again until it has been answered, so nothing is lost where PID 1 executes
// itself anew with messages on their way.
#pragma once

#include "watchdog/clients/wire.h"

#include <cstdint>
#include <cstring>

namespace leash_clients {

// What the helper finds open, by number.
enum { kLinkFd = 3, kSocketFd = 4, kOldSocketFd = 5 };

inline constexpr std::int64_t kHelloMs = 5'000;
inline constexpr std::int64_t kSilenceMs = 15'000; // of the helper: then it is replaced

enum class Kind : std::uint16_t {
    // helper to plugin
    hello = 1, // pid of the helper: says `enabled` back; each kHelloMs, as a sign of life
    whose,     // id, serial, pid, uid, label, timeout: says `owner` back
    verdict,   // id, serial, pid, uid, label, timeout, start, service, what (enum Verdict),
               // code: says `taken` back
    over,      // start: a client that was late kicks again
    ask,       // serial, command, pid, uid, id, timeout, label: says `answer` back
    reset,     // serial, pid, code, label: says `taken` back
    // plugin to helper
    enabled, // value: 0 or 1
    owner,   // id, serial, start (0: of no service), service
    taken,   // id, serial
    answer,  // serial, error (an errno), value, and what a reason has
    last = answer,
};

struct LinkMessage {
    std::uint32_t magic = kMagic;
    Kind kind = Kind::hello;
    std::uint16_t what = 0;
    std::uint32_t serial = 0;
    std::int32_t id = 0;
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::int32_t command = 0;
    std::int32_t error = 0;
    std::uint32_t value = 0;
    std::uint32_t code = 0;
    std::int32_t timeout = 0;
    std::uint32_t wid = 0;
    std::uint64_t start = 0;
    std::int64_t time = 0;
    char label[kLabelSize] = ""; // printable
    char service[kServiceSize] = "";

    static constexpr std::uint32_t kMagic = 0x6b646731; // "1gdk"
};
static_assert(sizeof(LinkMessage) == 176);

// False: not a message of ours; nothing of it is to be believed.
[[nodiscard]] inline bool take_link(const void* bytes, std::size_t length, LinkMessage& message) {
    if (length != sizeof message) return false;
    std::memcpy(&message, bytes, sizeof message);
    auto kind = static_cast<std::uint16_t>(message.kind);
    return message.magic == LinkMessage::kMagic && kind >= 1 &&
           kind <= static_cast<std::uint16_t>(Kind::last) &&
           std::memchr(message.label, '\0', sizeof message.label) != nullptr &&
           std::memchr(message.service, '\0', sizeof message.service) != nullptr;
}

} // namespace leash_clients
