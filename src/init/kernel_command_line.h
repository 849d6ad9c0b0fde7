// SPDX-License-Identifier: MIT
// What the kernel command line asks of init. Words that are not ours are ignored.
#pragma once

#include <string>
#include <string_view>

namespace leash {

struct KernelCommandLine {
    std::string text;               // all of it
    std::string target = "default"; // leash.target=NAME; `single` means rescue
    bool no_module = false;         // leash.nomodule: leave the kernel module out
    bool no_wdt = false;            // leash.nowdt: leave the watchdog plugin out
    bool debug = false;             // leash.debug: log everything
};

[[nodiscard]] KernelCommandLine parse_kernel_command_line(std::string_view text);

} // namespace leash
