// SPDX-License-Identifier: MIT
// Numbers as people read them. Programs get the plain ones, by --json.
#pragma once

#include <cstdint>
#include <string>

namespace leash::taskview {

[[nodiscard]] std::string bytes_figure(std::uint64_t bytes); // 0 512 1.5K 20M 1.0G
// CPU time, as top(1) has it: minutes, seconds, hundredths; hours once there are 100 minutes:
// 0:00.12 99:59.99 1h40:00
[[nodiscard]] std::string cpu_figure(std::uint64_t ns);
// How long something has been there, as ps(1) has it: 00:59 01:00:00 2-03:04:05
[[nodiscard]] std::string elapsed_figure(std::uint64_t ns);
[[nodiscard]] std::string percent_figure(double percent); // 0.0 12.3 100.0

} // namespace leash::taskview
