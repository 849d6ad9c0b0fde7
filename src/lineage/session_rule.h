// SPDX-License-Identifier: MIT
// `sessions = keep`: which processes of a service belong to somebody's login. Pure.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include <sys/types.h>

namespace leash {

struct Kinship {
    pid_t parent = 0;
    pid_t session = 0;
    int tty = 0; // device number of the controlling terminal, 0 = none
};
using Kin = std::unordered_map<pid_t, Kinship>;
using PidSet = std::unordered_set<pid_t>;

struct SessionQuestion {
    const Kin& all;        // every living process of the machine
    const PidSet& covered; // the service's processes that would be killed
    const PidSet& remains; // what was spared before: its descendants are spared, too
    pid_t main = 0;        // 0: gone
    int own_tty = 0;
};
struct SessionAnswer {
    PidSet spared;   // part of `covered`
    PidSet bridges;  // ancestors only: what else descends from them is not spared for their sake
    PidSet sessions; // the login sessions
};

// A login session has a controlling terminal that is neither the service's own nor got by its main
// process for itself. Spared is who is in one, whoever descends from there, and the ancestors, but
// not the main process and what is above it: the process that an ssh server keeps for each
// connection lives, the server does not.
[[nodiscard]] SessionAnswer apply_session_rule(const SessionQuestion& question);

} // namespace leash
