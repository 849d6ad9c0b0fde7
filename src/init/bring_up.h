// SPDX-License-Identifier: MIT
// The steps that bring up a machine and may block: each runs in a worker. Messages about what went
// wrong are written to `out`, one line each; the exit status is 0 where all went well.
#pragma once

#include <string>
#include <vector>

#include "config/system_settings.h"

namespace leash {

int apply_sysctls(const TextPairs& settings, int out);
// Each entry: NAME [PARAMETER=VALUE ...].
int load_modules(const std::vector<std::string>& modules, int out);
int mount_file_systems(const std::vector<MountEntry>& mounts, int out);

// Loads the Leash kernel module under the protection of the mark: a machine that died while loading
// it leaves it out at its next boot. Writes one line that says what came of it; exit status 0 where
// the module is there.
int load_leash_module(bool forbidden, int out);
inline constexpr const char* kModuleMark = "/var/lib/leash/module-mark";

// Not blocking: PID 1 does these itself. "" or what went wrong.
[[nodiscard]] std::string set_host_name(const std::string& name);
[[nodiscard]] std::string bring_up_loopback();
[[nodiscard]] std::string set_panic_behaviour(int seconds);

} // namespace leash
