// SPDX-License-Identifier: MIT
// The virtual file systems that everything else needs: proc, sys, dev, pts, shm, run, cgroup2, tmp.
// None of them waits for a device, so PID 1 mounts them itself, before its loop runs.
#pragma once

#include <string>
#include <vector>

namespace leash {

struct EarlyMountReport {
    std::vector<std::string> problems; // one sentence each; none of them stops the boot
};

// What is mounted already (by a boot loader's initramfs, by a container manager) stays as it is.
[[nodiscard]] EarlyMountReport mount_early_file_systems();

// /run/leash and the folders below it.
void make_runtime_folders(std::vector<std::string>& problems);

// Opens 0, 1 and 2 where they are closed: the console, else /dev/null.
void open_standard_descriptors();

} // namespace leash
