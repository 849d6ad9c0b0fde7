// SPDX-License-Identifier: MIT
// The dependency graph of service descriptions: names that lead nowhere, cycles, and what can never be
// alive together.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "service/settings.h"

namespace leash {

struct GraphFault {
    std::string service; // the one to leave out
    std::string key;     // requires, ..., on-failure; the key that closes the cycle
    std::string text;    // e.g. "dependency cycle: a requires b, b after a"
    std::string hint;    // what to do; "did you mean ..."
    bool fatal = true;   // false: only a warning (an unknown name in wants, after or before)
};

// Services to leave out, worst first, so that what stays has no cycle and no missing requirement, no
// service that would be started to answer a failure of its own making, no two `auto` ones that conflict,
// and none that requires what conflicts with it or among itself. Of two that conflict the one whose line
// says so is left out.
// A service that requires one that is left out is left out as well. Of a cycle only as few services
// as needed are left out: the one that takes the fewest others along; of several such, the one
// whose line closes the cycle (names in alphabetical order). Warnings come last.
[[nodiscard]] std::vector<GraphFault>
check_graph(const std::map<std::string, ServiceSettings>& services);

} // namespace leash
