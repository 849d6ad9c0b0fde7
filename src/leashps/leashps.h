// SPDX-License-Identifier: MIT
// leashps: ps(1) with the eyes of the kernel module.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "taskview/task_source.h"
#include "taskview/terminal.h"

namespace leash::leashps {

struct World {
    std::function<bool(std::string_view)> out;
    std::function<void(std::string_view)> err;
    taskview::Terminal terminal; // what `out` is
    taskview::OpenTaskSource open_source;
};

// `args` without the program's name. Gives back the exit status.
[[nodiscard]] int run(const std::vector<std::string>& args, const World& world);

} // namespace leash::leashps
