// SPDX-License-Identifier: MIT
// leashmon: the events of one process or service, until it is gone.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "taskview/event_view.h"

namespace leash::leashmon {

struct World {
    std::function<bool(std::string_view)> out; // false: nobody reads any more
    std::function<void(std::string_view)> err;
    taskview::OpenEventSource open_events;
};

// `args` without the program's name. Gives back the exit status.
[[nodiscard]] int run(const std::vector<std::string>& args, const World& world);

} // namespace leash::leashmon
