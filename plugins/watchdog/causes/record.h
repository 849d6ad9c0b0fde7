// SPDX-License-Identifier: MIT
// A record of why the machine was reset: plain data, and the text that lies on the disk.
//
//     cause     = missed-heartbeat
//     service   = httpd
//     ...
//     check     = 1b2c3d4e
//
// Keys in a fixed order, one a line, then a checksum over all bytes before its line: what was torn or
// edited is seen. A history is one record behind the other, the oldest first. Keys that are not known
// are passed over: a newer Leash wrote them. Without a heap: the recorder's memory is locked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leash_watchdog {

struct Record {
    char cause[32] = "unknown"; // a word: see kCauses, or a kind of trouble
    char end[16] = "";          // how the machine was to end: reboot, poweroff, halt, wdt-reset; else ""
    char service[64] = "";      // whose trouble it was
    char client[64] = "";       // label of a client of the watchdog's socket
    std::int32_t task = 0;      // its process, 0: not known
    char task_name[32] = "";
    char evidence[320] = "";    // for people
    std::int64_t date = 0;      // of the reset: seconds since 1970, UTC; 0: not known
    std::int64_t uptime_ms = 0; // of the life that ended; at least that long where inferred
    std::uint32_t resets = 0;   // ends that nobody asked for, up to and with this one
    std::uint32_t boots = 0;    // up to and with the life that ended
    std::uint32_t failed = 0;   // unplanned ends within minimum-uptime in a row, with this one
    bool inferred = false;      // not written by the life that ended, but found out by the next
    bool counts = false;        // against reboot-limit
    char life[40] = "";         // the kernel's boot_id of the life that ended
    char wdt[64] = "";          // what the WDT's driver said at the next boot: "CARDRESET"
    std::int64_t pstore = 0;    // date of the newest panic that was known to this life
};

inline constexpr std::size_t kRecordText = 1536; // no record's text is longer
inline constexpr std::size_t kRing = 32;         // records kept

// The words of causes that are no kinds of trouble of a service, and their meaning: record.cpp.
[[nodiscard]] bool is_planned(std::string_view cause); // somebody asked for it: no failure

// The codes of watchdogd's protocol, 0 to 10.
[[nodiscard]] int code_of(std::string_view cause);
[[nodiscard]] const char* cause_of_code(int code); // nullptr: no such code

// Cuts to size and makes control characters blanks; blanks at the ends are dropped.
void put(char* place, std::size_t size, std::string_view text);
template <std::size_t N> void put(char (&place)[N], std::string_view text) { put(place, N, text); }

// The bytes written; `size` of kRecordText is always enough.
[[nodiscard]] std::size_t encode(const Record& record, char* text, std::size_t size);
// False: torn, damaged or no record; then `record` is untouched.
[[nodiscard]] bool decode(std::string_view text, Record& record);

struct History {
    Record ring[kRing]; // the oldest first
    std::size_t count = 0;
    unsigned damaged = 0; // stretches of text that are no record, left out

    void add(const Record& record); // the oldest makes room
    [[nodiscard]] const Record* last() const { return count == 0 ? nullptr : &ring[count - 1]; }
};
void decode_history(std::string_view text, History& history);

// "2026-11-22T13:40:00Z", "" for 0. `size` of 24 is enough.
const char* show_date(std::int64_t date, char* text, std::size_t size);

} // namespace leash_watchdog
