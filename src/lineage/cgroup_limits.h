// SPDX-License-Identifier: MIT
// Limits of a group as a whole: cpu.max, memory.high, pids.max, cgroup.freeze. `folder` is the path of
// its folder.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace leash {

// The controllers cpu, memory and pids for all groups in LEASH_ROOT (`root`). Memory that a group took
// before is not counted as its own. Of those that the kernel has not, or that somebody else keeps: an
// error that names them, and the others are there.
Result<void> enable_controllers(const std::string& root);

Result<void> limit_cpu(const std::string& folder, std::uint64_t percent); // of one CPU, from 1 on
// May wait for as long as the kernel needs to free memory: in a worker only.
Result<void> limit_memory(const std::string& folder, std::uint64_t bytes);
Result<void> limit_tasks(const std::string& folder, std::uint64_t tasks);
// As many as there are now. 0: not known.
[[nodiscard]] std::uint64_t tasks_now(const std::string& folder);

Result<void> freeze_group(const std::string& folder);
[[nodiscard]] bool is_frozen(const std::string& folder); // as it was asked to be
void thaw_group(const std::string& folder);  // quick where nothing is frozen, as lift_limits()
void lift_limits(const std::string& folder); // all three

} // namespace leash
