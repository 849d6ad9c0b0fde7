// SPDX-License-Identifier: MIT
// What end_starts() knows of each job.
#pragma once

#include <optional>

#include "lineage/end_start.h"
#include "lineage/session_rule.h"
#include "lineage/start_lineage.h"

namespace leash {

// Not PID 1, not the worker itself.
[[nodiscard]] bool may_be_signalled(pid_t pid);

// One start that is being ended: what is known of it in this round, and what is done to its cgroup as
// a whole. Which processes are killed is decided in end_start.cpp.
struct EndWork {
    EndWork(EndJob the_job, CgroupTree* tree, KernelLineage* kernel);

    // What sits in its group and what the module knows.
    void list();
    // Moves what is spared to NAME/remains.ID.
    void move_spared();
    // Until it is thawed, nothing in the group forks, while SIGKILL still works.
    void freeze(Ms deadline);
    void thaw();
    // Somebody has put us there: no kill or freeze of the group as a whole.
    [[nodiscard]] bool holds_us() const;

    [[nodiscard]] bool tagged(const std::optional<Tag>& tag) const {
        return job.scope == EndScope::all && tag && tag->start == job.start &&
               tag->service == job.service;
    }
    [[nodiscard]] bool covers_group() const {
        return job.scope != EndScope::main || job.include_remains;
    }
    [[nodiscard]] bool spares_all() const { return job.leave && !job.include_remains; }
    // Nothing is spared that has not been marked in the module before: it needs no look around.
    [[nodiscard]] bool kills_all() const {
        return !polite && job.scope == EndScope::all && !keeps_sessions() && !spares_all();
    }
    [[nodiscard]] bool keeps_sessions() const { return job.keep_sessions && !job.include_remains; }

    EndJob job;
    EndResult result;
    std::string folder; // of the service's group; empty without cgroup v2
    StartLineage lineage;
    bool polite = false;
    int rounds = 0;

    // Of this round:
    PidSet members;     // in the group and below, but for remains.*
    PidSet in_remains;  // in remains.ID of this start, or spared outside of the group
    bool others_live = false; // some remains.* group is populated
    PidSet left;        // to be killed
    PidSet spared;
    PidSet logins;      // sessions
    PidSet bridges;     // spared without their other descendants
    bool main_proven = false;
    bool one_by_one = false; // no cgroup.kill: forks run against us
    bool frozen = false;
    bool struck = false; // the chase found something

    PidSet signalled;
    bool ever_strays = false;
    bool move_failed = false;
    int clean_rounds = 0;
    bool finished = false;
};

} // namespace leash
