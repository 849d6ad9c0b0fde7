// SPDX-License-Identifier: MIT
// A record of trouble: one JSON object on one line, whose last key is a checksum over all bytes before
// it. What was torn by a power cut or changed on the disk is seen, and is left out. A file of them can
// be read with any tool that knows JSON lines; man/leash-troubles.5 tells what the keys mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/tag.h"

namespace leash::records {

struct Record {
    // trouble: seen for the first time; step: an `after` has passed; over: it stands no more; result:
    // how an action came out; exit: a start ended that was not to; evidence: what its tasks were at.
    std::string event;
    std::string service;          // "": trouble of the machine
    std::string source;           // ... who has found it: "monitor memory"
    StartId start = 0;            // 0: of no start
    std::string kind;             // as in on-KIND; "" for an exit
    std::optional<int> level;     // percent of the limit, for kinds that have levels
    std::string evidence;         // for people
    std::string answer;           // what the policy says: "signal SIGABRT; then restart in 5s"
    std::string next;             // the step that waits
    std::optional<Ms> due;        // ... and for how long yet
    std::string state;            // of the service, afterwards
    std::optional<int> main_pid, restarts;
    std::string result;           // of an action
    std::string file;             // of a dump
    std::string facts;            // a JSON object on one line, taken as it is: tasks, counters
    std::uint64_t dropped = 0;    // records before this one for which there was no room
};

// Which one it is: an id of the life of the machine (or container), and a number that counts up in it.
struct Key {
    std::string boot;
    std::uint64_t number = 0;
    friend bool operator==(const Key&, const Key&) = default;
    friend auto operator<=>(const Key&, const Key&) = default;
};

inline constexpr std::size_t kMostLine = 12 * 1024; // bytes; longer facts are left out, texts cut
inline constexpr std::size_t kMostText = 512;       // bytes of each text

// `date`: seconds since 1970, UTC; `uptime` of CLOCK_BOOTTIME. Without the '\n'.
[[nodiscard]] std::string encode(const Record& record, const Key& key, std::int64_t date, Ms uptime);

// The line is a whole record: its checksum holds, and this is its key.
[[nodiscard]] std::optional<Key> key_of(std::string_view line);

struct Lines {
    std::vector<std::string_view> whole; // of the text that was given; each once, by its key
    std::size_t damaged = 0;             // lines that are no records
    bool torn = false;                   // the last line has no end
};
[[nodiscard]] Lines lines_of(std::string_view text);

[[nodiscard]] std::string show_date(std::int64_t date); // "2026-11-22T13:40:00Z"

} // namespace leash::records
