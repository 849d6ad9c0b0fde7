// SPDX-License-Identifier: MIT
// A file's text in one go. It may block: on PID 1's loop only for files of proc, sys and cgroup.
#pragma once

#include <string>

namespace leash {

// "" where it cannot be read.
[[nodiscard]] std::string read_whole_file(const std::string& path);
// Of one that holds a single value, as in proc and sys: without the end of its line.
[[nodiscard]] std::string read_value(const std::string& path);

} // namespace leash
