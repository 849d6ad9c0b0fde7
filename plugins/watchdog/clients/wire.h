// SPDX-License-Identifier: MIT
// The messages of watchdogd's clients, of all its generations. AF_UNIX, SOCK_STREAM, one connection a
// request: the client writes one struct and reads one; native byte order; all numbers have 32 bits.
//
//   generation   version    bytes  fields at
//   v2           2.x         44    cmd 0 err 4 id 8 pid 12 label[16] 16 timeout 32 ack 36 next_ack 40
//   v3           3.0         76    cmd 0 err 4 id 8 pid 12 timeout 16 ack 20 next_ack 24 label[48] 28
//   v4           3.1 to 4.x 204    as v3, padding[128] 76
//
// A generation is told by the length. The answer is the question with other values; cmd is then 255
// (v2) or -1 where err says what is wrong, an errno. In the answers to LIST_CLIENTS the padding begins
// with the name of the service, NUL-terminated, which clients of watchdogd do not look at.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leash_clients {

enum class Generation : std::uint8_t { v2, v3, v4 };

enum Command : std::int32_t {
    kSubscribe = 1,   // label, timeout: id, next_ack
    kUnsubscribe = 2, // id, ack
    kKick = 3,        // id, ack, timeout (0 or less: as subscribed): next_ack
    kSetDebug = 4,    // v3: id
    kGetDebug = 5,    // v3: next_ack
    kEnable = 10,     // id: 0 or 1
    kStatus = 11,     // next_ack: 0 or 1
    kReset = 12,      // v3: id is a pid, label, timeout: milliseconds until then
    kReason = 13,     // v3: a wdog_reason_t in place of a message
    kReasonRaw = 14,
    kClear = 15,
    kSetLoglevel = 16, // v3: id, as syslog
    kGetLoglevel = 17, // v3: next_ack
    kCounter = 18,     // v3: next_ack
    kReload = 19,
    kFailed = 20,      // v4: 20 + code 1..10; id is a pid, label, timeout (0: only recorded)
    kFailedLast = 30,
    kListClients = 31, // v4: a message for each client (timeout, next_ack: milliseconds left), then EOF
};

// Reset codes; with kFailed they are commands.
enum Code : std::uint32_t {
    kCodeNone = 0,
    kCodeFailedKick = 3,
    kCodeFailedUnsubscribe = 4,
    kCodeDeadline = 5,
    kCodeForcedReset = 6,
    kCodeUnknown = 7,
};

inline constexpr std::size_t kLabelSize = 48; // with its NUL
inline constexpr std::size_t kServiceSize = 64;
inline constexpr std::size_t kMaxMessage = 204;

struct Message {
    Generation generation = Generation::v4;
    std::int32_t command = 0;
    std::int32_t error = 0; // of an answer: an errno, 0 if all is well
    std::int32_t id = 0;
    std::int32_t pid = 0;
    std::int32_t timeout = 0; // ms
    std::uint32_t ack = 0;
    std::uint32_t next_ack = 0;
    char label[kLabelSize] = "";
    char service[kServiceSize] = ""; // answers to kListClients
};

struct Reason {
    std::uint32_t counter = 0; // resets so far
    std::uint32_t wid = 0;     // id of the client
    std::uint32_t code = 0;
    char label[kLabelSize] = "";
    std::int64_t time = 0; // of the reset: seconds since 1970, UTC
};

[[nodiscard]] std::size_t size_of(Generation generation);
// Whether a client of this generation can mean this command.
[[nodiscard]] bool knows(Generation generation, std::int32_t command);
// False: no generation has messages of this length.
[[nodiscard]] bool decode(const void* bytes, std::size_t length, Message& message);
// Bytes written to `bytes`, which has room for kMaxMessage.
std::size_t encode(const Message& answer, void* bytes);
std::size_t encode(const Message& question, const Reason& reason, void* bytes);
// Copies what people may see: printable ASCII, anything else as '?'.
void printable_label(const char* label, char (&text)[kLabelSize]);

} // namespace leash_clients
