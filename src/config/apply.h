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
    int line = 0;     // of its first good line that counts
    std::string text; // the value as written; of a list, that of its last line
    // All that count. Several for a list only; of one that was cleared, the line that did it.
    std::vector<std::pair<int, std::string>> lines;
};
using SetKeys = std::map<std::string, SetKey, std::less<>>;

// Takes each good line over into `settings` and complains about the others. A list's first good
// line replaces what was there, the next ones add up, an empty value clears. Any other key may
// stand only once. `earlier`: what the files before this one have set; then lists add up with those,
// and any other key takes the place of what they say.
template <class Settings>
SetKeys apply_lines(std::string_view schema_section, const std::vector<const IniEntry*>& lines,
                    Settings& settings, FileComplaints& complaints,
                    const SetKeys* earlier = nullptr);

// Sets one value. `first` of a list: replaces what is there. `over`: it stands in a drop-in, and may
// name anew what an earlier file has named. Replaces %i, %n and %% where the key takes them.
template <class Settings>
[[nodiscard]] Checked<void> apply_value(const KeySpec& spec, std::string_view text, bool first,
                                        Settings& settings, bool over = false);

} // namespace leash
