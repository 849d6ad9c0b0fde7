// SPDX-License-Identifier: MIT
// Terminals of console services.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

// The device of `tty = …`: `console` is the last of the kernel's active consoles, which is where
// /dev/console leads (but /dev/console itself cannot be everybody's terminal), else /dev/console.
[[nodiscard]] std::string
tty_path(std::string_view tty, const std::string& active_file = "/sys/class/tty/console/active");

// Opens it without waiting for a carrier and without making it the controlling terminal.
[[nodiscard]] Result<UniqueFd> open_tty(const std::string& path);

// TERM for it: `linux` on a virtual console, else `vt220`.
[[nodiscard]] std::string_view terminal_type(int tty_fd);

} // namespace leash
