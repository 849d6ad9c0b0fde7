// SPDX-License-Identifier: MIT
// Lines of one section become settings, by the schema table.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaint.h"
#include "config/ini_lines.h"
#include "config/schema.h"

namespace leash {

// Which keys a section has set, and how.
struct SetKey {
    int line = 0;     // of its first good line
    std::string text; // the value as written; of a list, that of its last line
};
using SetKeys = std::map<std::string, SetKey, std::less<>>;

// Takes each good line over into `settings` and complains about the others. A list's first good
// line replaces what was there, the next ones add up, an empty value clears. Any other key may
// stand only once.
template <class Settings>
SetKeys apply_lines(std::string_view schema_section, const std::vector<const IniEntry*>& lines,
                    Settings& settings, FileComplaints& complaints);

// Sets one value. `first` of a list: replaces what is there.
template <class Settings>
[[nodiscard]] Checked<void> apply_value(const KeySpec& spec, std::string_view text, bool first,
                                        Settings& settings);

} // namespace leash
