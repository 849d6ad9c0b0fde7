// SPDX-License-Identifier: MIT
// Where the machine is between power-on and power-off, and what init could not do on the way.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace leash {

enum class Phase { booting, settled, going_down };

struct SystemState {
    Phase phase = Phase::booting;
    std::string target = "default";
    bool in_container = false;
    std::string module_text = "not tried yet";
    std::string cgroup_text;
    std::vector<std::string> notes; // each one sentence; shown by `initctl status`
};

} // namespace leash
