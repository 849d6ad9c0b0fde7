// SPDX-License-Identifier: MIT
// The file systems at the end of the machine: made read-only, unmounted, and what they stood on (loop,
// dm, md, swap) given back. Runs in a worker; every step that can hang has a process of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leash {

struct MountLine {
    std::string source, target, type;
};

// The lines of /proc/self/mounts, the newest mount first: what lies upon another comes before it.
[[nodiscard]] std::vector<MountLine> mounts_newest_first(std::string_view text);
// Needed to the last moment: by the logger, by PID 1 itself.
[[nodiscard]] bool stays_mounted(const MountLine& mount);

// Writes a line for each obstacle to `out`. 0: everything is unmounted or read-only.
int unmount_everything(int out);

} // namespace leash
