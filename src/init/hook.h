// SPDX-License-Identifier: MIT
// The command of a policy's step `exec`. It has a time limit, at which it is killed with all of its
// process group; a failure, be it by status, by a signal or by that limit, is told and stops nothing.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "init/workers.h"

namespace leash {

struct Hook {
    std::string who; // for messages: a service, or the source of a trouble
    std::vector<std::string> command;
    std::vector<std::pair<std::string, std::string>> environment;
    Ms limit{30'000};
    // Once, in words: "done", or why not.
    std::function<void(const std::string& result)> ended{};
};
void run_hook(Workers& workers, Hook hook);

// "" for status 0, else what there is to say: "ended with status 3", "was killed by signal 9",
// "took longer than 30 s and was killed".
[[nodiscard]] std::string failure_of_hook(const WorkerEnd& end, Ms limit);

} // namespace leash
