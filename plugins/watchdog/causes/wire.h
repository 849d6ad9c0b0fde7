// SPDX-License-Identifier: MIT
// What PID 1 and the recorder tell each other: a struct a message on a SOCK_SEQPACKET pair that only
// the two of them hold. Both sides check magic, version and length; a new PID 1 that meets an older
// recorder of another version replaces it.
#pragma once

#include "budget.h"
#include "record.h"

#include <cstdint>

namespace leash_watchdog {

inline constexpr std::uint32_t kWireMagic = 0x63617573; // "caus"
inline constexpr std::uint32_t kWireVersion = 2;
inline constexpr std::size_t kPathSize = 200;

// The recorder's descriptors; argv[1] says how many verdict pages there are.
inline constexpr int kRecorderSocket = 3, kRecorderPages = 4;
inline constexpr int kMostPages = 8;

enum class Ask : std::uint32_t {
    boot = 1, // read what the last life has left; where that is done already, just tell
    arm,      // the cause, should the machine end from now on
    end,      // the machine goes down in order, for this cause
    overdue,  // the WDT should have reset it by now, and init will
    rules,    // init.conf has been read again
    clear,    // forget: counters to 0, and no record counts against the budget any more
};

struct Request {
    std::uint32_t magic = kWireMagic;
    std::uint32_t version = kWireVersion;
    Ask what{};
    std::uint32_t serial = 0;    // comes back in the answer
    std::uint32_t wdt_flags = 0; // boot: WDIOC_GETBOOTSTATUS
    std::uint32_t anew = 0;      // boot: user space begins, and is not just executed anew
    char file[kPathSize] = "";   // boot: of the last reset; the others lie beside it
    BudgetRules rules;           // boot, rules
    Record record;               // arm, end, overdue
};

enum class Tell : std::uint32_t {
    ring = 1, // one record of the history
    state,    // the whole state; all records of the history have been sent
};

struct Answer {
    std::uint32_t magic = kWireMagic;
    std::uint32_t version = kWireVersion;
    Tell what{};
    std::uint32_t serial = 0; // of the request that this answers, 0: by itself
    std::uint32_t index = 0, count = 0;
    std::uint32_t booted = 0; // what the last life has left is known
    std::int32_t error = 0;   // state: errno of what could not be made durable, 0: it is
    Spent spent;
    Record record;      // ring: that one; state: the last reset's
    Record armed;       // state
    char text[240] = ""; // to be logged, a complaint
};

} // namespace leash_watchdog
