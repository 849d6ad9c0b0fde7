// SPDX-License-Identifier: MIT
// The kernel module's events as words, lines and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <linux/leash.h>

#include "base/result.h"

namespace leash::taskview {

// "fork", "exit", "thread-create" ... of one bit; "" for one that is not known.
[[nodiscard]] std::string_view event_name(std::uint32_t type);
// Names separated by commas; "all", "tasks" (all of processes and threads) and "processes". Also a
// number, as LEASH_EVENT_* has it, 0x7f. The error is a sentence that lists what there is.
[[nodiscard]] Result<std::uint32_t> parse_events(std::string_view list);
// A line for each name, for help.
[[nodiscard]] std::string event_list();

// Now, on the clock of the records' times (CLOCK_BOOTTIME).
[[nodiscard]] std::uint64_t record_clock();
// Events were lost just now, and no record of the module's tells of it.
[[nodiscard]] leash_record loss_record(std::uint32_t lost);
// Where the times of records (CLOCK_BOOTTIME) lie on the clock on the wall, in ns.
[[nodiscard]] std::int64_t wall_clock_offset();

// `service` may be "". The loss before the record, if any, is a line of its own, the first.
[[nodiscard]] std::string event_lines(const leash_record& record, std::string_view service,
                                      std::int64_t offset);
[[nodiscard]] std::string event_json(const leash_record& record, std::string_view service,
                                     std::int64_t offset);

} // namespace leash::taskview
