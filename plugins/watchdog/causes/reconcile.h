// SPDX-License-Identifier: MIT
// What ended the previous life of the machine: from what it has left on the disk and what the hardware
// and the kernel tell at the next boot. A pure function.
//
// In its first seconds each life writes down what is true if it ends without a word more: "unknown",
// armed. Whoever knows better overwrites that. So at the next boot the armed record is either a cause
// that was written in time, or it is "unknown" and something better may be inferred.
#pragma once

#include "record.h"

#include <cstdint>
#include <string_view>

namespace leash_watchdog {

// What is found at boot.
struct Found {
    char life[40] = "";         // this boot's id
    std::int64_t now_s = 0;     // UTC
    std::int64_t uptime_ms = 0; // since the kernel's start
    std::uint32_t wdt_flags = 0; // WDIOC_GETBOOTSTATUS of all WDTs, WDIOF_*
    std::int64_t panic_s = 0;    // date of the newest dmesg in pstore, 0: there is none
    char panic[200] = "";        // its message
    std::int64_t minimum_uptime_ms = 0;
    // What the kernel module's trouble handler has written of the silence of PID 1, of whichever life;
    // null: nothing.
    const Record* trouble = nullptr;
};

struct Reconciled {
    bool new_record = false; // `last` is to be put into the history
    Record last;             // why the previous life ended; "none" at the very first boot
    Record armed;            // what this life begins with
};

// `armed`: of the previous life, or null (none, or damaged: then `damaged`). `before`: the newest of the
// history, or null.
[[nodiscard]] Reconciled reconcile(const Record* armed, bool damaged, const Record* before,
                                   const Found& found);

} // namespace leash_watchdog
