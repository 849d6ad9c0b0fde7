// SPDX-License-Identifier: MIT
// What the plugin and its helper tell each other, over a SOCK_SEQPACKET: packets of these sizes and no
// other. Each side checks what it gets.
#pragma once

#include <cstdint>
#include <cstring>

namespace leash_finder {

inline constexpr int kSocket = 3; // in the helper

// From the plugin.
struct Order {
    static constexpr std::uint32_t kMagic = 0x66696e31; // "fin1"
    enum What : std::uint32_t {
        watch = 1, // this start, with these settings; told again: from now on with these
        drop = 2,  // it is over
        anew = 3,  // what is not told again within some seconds is over
        pace = 4,  // interval_ms
    };
    std::uint32_t magic = kMagic;
    std::uint32_t what = 0;
    std::uint64_t start = 0;
    std::int32_t main_pid = 0;
    std::uint32_t interval_ms = 0;
    char service[64] = {};
    char settings[680] = {}; // as the event has it in `finder`
};
static_assert(sizeof(Order) == 768);

// From the helper: all findings of a look, then `looked`; `alive` while it is at it.
struct Report {
    static constexpr std::uint32_t kMagic = 0x66696e32;
    enum What : std::uint32_t { found = 1, looked = 2, alive = 3 };
    static constexpr int kTids = 8;
    std::uint32_t magic = kMagic;
    std::uint32_t what = looked;
    std::uint64_t start = 0;   // found
    std::int32_t percent = 0;  // found: of the limit, 1..1000000
    std::uint32_t tasks = 0;   // looked: processes seen
    std::uint32_t subjects = 0;
    std::uint32_t by_module = 0;
    std::uint64_t cost_ns = 0; // looked: CPU time of this look
    std::uint64_t span_ns = 0; // ... and the time since the one before
    char kind[32] = {};
    char evidence[408] = {};   // for people
    std::int32_t tids[kTids] = {};
};
static_assert(sizeof(Report) == 520);

inline bool is_text(const char* text, std::size_t size) {
    return std::memchr(text, 0, size) != nullptr;
}

[[nodiscard]] inline bool read_report(const void* bytes, std::size_t length, Report& report) {
    if (length != sizeof report) return false;
    std::memcpy(&report, bytes, sizeof report);
    if (report.magic != Report::kMagic) return false;
    if (!is_text(report.kind, sizeof report.kind) || !is_text(report.evidence, sizeof report.evidence))
        return false;
    for (char& c : report.evidence)
        if ((c > 0 && c < ' ') || c == 0x7f) c = '?';
    if (report.what == Report::looked || report.what == Report::alive) return true;
    return report.what == Report::found && report.start != 0 && report.kind[0] != 0 &&
           report.percent >= 1 && report.percent <= 1'000'000;
}

[[nodiscard]] inline bool read_order(const void* bytes, std::size_t length, Order& order) {
    if (length != sizeof order) return false;
    std::memcpy(&order, bytes, sizeof order);
    return order.magic == Order::kMagic && order.what >= Order::watch && order.what <= Order::pace &&
           is_text(order.service, sizeof order.service) &&
           is_text(order.settings, sizeof order.settings);
}

} // namespace leash_finder
