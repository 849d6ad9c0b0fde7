// SPDX-License-Identifier: MIT
// Reads LEASH_TAG from the memory of a process. It may wait for that process's memory lock: only a
// worker process calls this.
#pragma once

#include <optional>
#include <string_view>

#include "base/process.h"
#include "base/tag.h"

namespace leash {

inline constexpr std::size_t kEnvironmentLimit = 65'536; // what lies behind is not looked at

// The first LEASH_TAG among variables that are separated by NUL, as getenv would find it.
[[nodiscard]] std::optional<Tag> find_tag(std::string_view environment);

struct TagReading {
    std::optional<Tag> tag;
    // The environment could not be seen, as in the middle of an execve: ask again.
    bool unsure = false;
};
// Of a process, also of one whose main thread has ended before the others. A process that is gone
// has no tag.
[[nodiscard]] TagReading read_tag(const ProcFolder& process, const ProcessStat& stat);

} // namespace leash
