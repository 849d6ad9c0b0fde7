// SPDX-License-Identifier: MIT
// What the plugin and its prober say to each other: one message of fixed size per datagram of a
// SOCK_SEQPACKET pair. Both are of one build, so nothing of it has to be stable; anything of another
// size ends the conversation. Times in milliseconds.
#pragma once

#include <cstdint>

namespace leash_watchdog {

inline constexpr int kProberSocket = 3;        // the descriptor in the prober
inline constexpr unsigned kMostProbes = 256;   // at a time; one more is refused
inline constexpr std::uint32_t kAskMagic = 0x70726231, kToldMagic = 0x70726232;

enum class ProbeKind : std::uint32_t { progress = 1, connect };

struct ProbeAsk {
    std::uint32_t magic = kAskMagic;
    ProbeKind kind = ProbeKind::connect;
    std::uint64_t id = 0;     // comes back: the start
    std::int64_t limit = 0;   // connect: how long it may take
    std::int32_t pid = 0;     // progress: the main process
    std::uint32_t serial = 0; // as well: which one of that id
    char target[208] = "";    // connect: tcp:, unix: or http://, NUL at its end
};

// progress: sums over the threads of the processes that were looked at. They may go down when one ends:
// what counts is that they change.
struct Progress {
    std::uint64_t waits = 0;   // voluntary context switches
    std::uint64_t io = 0;      // read and write calls
    std::uint64_t cpu_ms = 0;
    std::uint32_t threads = 0; // of the main process; 0: not known
    std::uint32_t moving = 0;  // of those: neither stopped nor dead
};

struct ProbeTold {
    std::uint32_t magic = kToldMagic;
    std::int32_t good = 0; // connect: 1, a sign of life; progress: 1, the numbers are known
    std::uint64_t id = 0;
    std::uint32_t serial = 0;
    Progress progress;
    char why[96] = "";     // connect: what was wrong, for people
};

} // namespace leash_watchdog
