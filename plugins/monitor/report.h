// SPDX-License-Identifier: MIT
// What the helper tells the plugin: packets of this size and no other, over a SOCK_SEQPACKET.
#pragma once

#include <cstdint>
#include <cstring>

namespace leash_monitor {

struct Report {
    static constexpr std::uint32_t kMagic = 0x6d6f6e31; // "mon1"
    static constexpr std::uint16_t kBeat = 0xffff;      // of no monitor: the helper lives
    std::uint32_t magic = kMagic;
    std::uint16_t monitor = kBeat; // by its place in the settings
    std::uint8_t measured = 0; // 0: it could not be; `text` says why, and nothing follows from it
    std::uint8_t fault = 0;    // as enum Level: at least that, whatever the value
    std::uint8_t cap = 2;      // as enum Level: at most that
    std::uint8_t unused[3] = {};
    std::int32_t pid = 0; // the process that it is about; 0: none
    double value = 0;
    char text[168] = {}; // for people

    void say(const char* what) {
        std::memset(text, 0, sizeof text);
        std::strncpy(text, what, sizeof text - 1);
    }
};
static_assert(sizeof(Report) == 192);

// False: not what a helper would send. `monitors`: how many there are.
[[nodiscard]] inline bool read_report(const void* bytes, std::size_t length, std::size_t monitors,
                                      Report& report) {
    if (length != sizeof report) return false;
    std::memcpy(&report, bytes, sizeof report);
    if (report.magic != Report::kMagic || report.measured > 1 || report.fault > 2 || report.cap > 2)
        return false;
    if (report.monitor != Report::kBeat && report.monitor >= monitors) return false;
    // Neither infinite nor no number: both would show up in people's JSON.
    if (!(report.value >= -1e15 && report.value <= 1e15)) return false;
    if (std::memchr(report.text, 0, sizeof report.text) == nullptr) return false;
    for (char& c : report.text)
        if ((c > 0 && c < ' ') || c == 0x7f) c = '?';
    return true;
}

} // namespace leash_monitor
