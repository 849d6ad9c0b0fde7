// SPDX-License-Identifier: MIT
// What the kernel module told about all tasks at one moment, and what was learned beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lineage/kernel_lineage.h"

namespace leash::taskview {

// One task: the module's record and the texts that belong to it.
struct Row {
    leash_task task{};
    std::string service;              // "": it has no start, or the start is gone meanwhile
    std::uint64_t time_ns = 0;        // of the sample, CLOCK_BOOTTIME
    std::uint64_t sched_ns = 0;       // of the sample, on the clock of last_ran_ns
    std::optional<double> cpu;        // percent of one CPU since an earlier sample
    // Not in the record: fetched where they are shown (extra::*).
    std::string command, exe, user, cgroup_path;

    [[nodiscard]] bool has(std::uint64_t facts) const { return (task.facts & facts) == facts; }
    [[nodiscard]] bool is(std::uint32_t flag) const { return (task.flags & flag) != 0; }
};

// anon + file + shmem, bytes: what of the process is in memory. Pages that several share count in
// each of them.
[[nodiscard]] inline std::uint64_t resident(const leash_task& task) {
    return task.anon + task.file + task.shmem;
}

struct Sample {
    std::uint64_t time_ns = 0;  // CLOCK_BOOTTIME when it began
    std::uint32_t state = 0;    // LEASH_STATE_*
    std::vector<Row> rows;      // in the order of their numbers
    std::vector<leash_start_info> starts; // oldest first; all that are known
};

struct Query {
    std::uint64_t facts = 0; // LEASH_FACT_*
    KernelLineage::Filter filter;
};

// What a record does not hold, and somebody else has to be asked for: a set of these.
namespace extra {
inline constexpr unsigned command = 1U << 0;     // /proc/PID/cmdline, else [comm]
inline constexpr unsigned exe = 1U << 1;         // /proc/PID/exe
inline constexpr unsigned user = 1U << 2;        // the name of uid
inline constexpr unsigned cgroup_path = 1U << 3; // the folder of the cgroup's number
} // namespace extra

} // namespace leash::taskview
