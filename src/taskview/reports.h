// SPDX-License-Identifier: MIT
// What the module says about itself: its starts and its counters, for people and for programs.
#pragma once

#include <span>
#include <string>

#include "lineage/kernel_lineage.h"
#include "taskview/terminal.h"

namespace leash::taskview {

[[nodiscard]] std::string start_table(std::span<const leash_start_info> starts,
                                      const Terminal& terminal, bool heading = true);
// {"start_id","service","live","processes","forks","execs","exits","aborts","runtime_ns","cgroup",
//  "flags"}
[[nodiscard]] std::string start_json(const leash_start_info& start);

[[nodiscard]] std::string stats_table(const leash_version& version, const leash_stats& stats);
// {"abi","features","facts","state","starts",...}: the names of struct leash_stats; features, facts
// and state are arrays of words.
[[nodiscard]] std::string stats_json(const leash_version& version, const leash_stats& stats);

} // namespace leash::taskview
