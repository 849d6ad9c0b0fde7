// SPDX-License-Identifier: MIT
// The lines of an INI text, by way of inih, with their numbers. Knows syntax only: which sections
// and keys exist is not decided here.
#pragma once

#include <string>
#include <vector>

#include "config/complaint.h"
#include "config/source_file.h"

namespace leash {

inline constexpr std::size_t kMaxConfigLine = 4096; // bytes, without the end of line

struct IniEntry {
    int section = 0; // index in IniText::sections
    int line = 0;
    std::string key;   // not empty
    std::string value; // without blanks at its ends
};

struct IniSection {
    std::string name;
    int line = 0;
};

struct IniText {
    std::vector<IniSection> sections; // in the order of the file; names may repeat
    std::vector<IniEntry> entries;
};

// Everything that is not a blank line, a comment (`;` or `#` first), `[section]` or `key = value`
// is an error, and so are over-long lines, control characters and broken UTF-8. Such a line is
// left out; below a broken section header all keys are. Never fails as a whole.
// `before`: what begin_file() said, for a file that is not the first.
[[nodiscard]] IniText read_ini(const std::string& text, FileComplaints& complaints, int before = 0);

} // namespace leash
