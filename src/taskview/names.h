// SPDX-License-Identifier: MIT
// Numbers of the kernel's by the names that people know them by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leash::taskview {

// "" for one that the headers of this build do not have. The table is that of the machine's own
// width: the number that a 32 bit program on a 64 bit kernel sleeps in gets a wrong name.
[[nodiscard]] std::string_view system_call_name(int number);
[[nodiscard]] std::string_view scheduling_policy_name(unsigned policy); // other fifo ...; ""
// As below /dev: ttyS0, pts/3, console; "MAJOR:MINOR" for others; "" for 0. The number is coded as
// in /proc/PID/stat.
[[nodiscard]] std::string tty_name(std::uint32_t number);

} // namespace leash::taskview
