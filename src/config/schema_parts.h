// SPDX-License-Identifier: MIT
// The parts of the tables. Of system_schema(): [system] first, then a file for each plugin that comes
// with Leash. A section with a label, [PLUGIN LABEL], has rows of its own, whose section is "PLUGIN
// LABEL" with a word in capitals for the label, as the man page shows it: "watchdog DEVICE".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"

namespace leash {

// The table as it was made last; empty: not yet, or not any more.
std::vector<KeySpec>& kept_service_schema();
std::vector<KeySpec>& kept_system_schema();

// [watchdog]: the timer itself, then why the machine was reset.
void add_watchdog_causes(std::vector<KeySpec>& table);
void add_watchdog(std::vector<KeySpec>& table);
void add_monitor(std::vector<KeySpec>& table);
void add_finder(std::vector<KeySpec>& table);
// Of [service]: what finders look for, and the answers.
void add_finder_rows(std::vector<KeySpec>& table);

// Of [service]: capabilities, resource limits and the like.
void add_rights(std::vector<KeySpec>& table);
// Of [service]: what the kernel module holds its starts to.
void add_kernel_limits(std::vector<KeySpec>& table);
void add_kernel_trouble(std::vector<KeySpec>& table); // of [system]: the kernel module's deadman

// A policy of the machine, by the reader of the answer itself: a step that it would refuse when there is
// trouble is refused here, with its line.
[[nodiscard]] Checked<void> check_machine_policy(SystemSettings& settings, const Value& value);

// What is wrong with a section as a whole, though each of its lines is right. `key`: "" for the section.
struct SectionFault {
    std::string key, text, hint;
};
[[nodiscard]] std::vector<SectionFault> monitor_faults(std::string_view label, const TextPairs& texts);

} // namespace leash
