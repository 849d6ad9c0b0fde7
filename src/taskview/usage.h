// SPDX-License-Identifier: MIT
// What changed between two samples: CPU time of tasks, and of services as a whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "taskview/sample.h"

namespace leash::taskview {

inline constexpr std::uint64_t kUsageFacts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS;

// Percent of one CPU: the difference of CPU times over that of the samples' times.
[[nodiscard]] double cpu_share(std::uint64_t before_ns, std::uint64_t after_ns,
                               std::uint64_t elapsed_ns);

// Sets Row::cpu in `now`. A task that `before` does not have was born since and has used all its
// CPU time since. Both hold processes, or both hold threads. Nothing is set if no time has passed.
void set_cpu_shares(const Sample& before, Sample& now);

// All starts of a service, or what belongs to none.
struct Usage {
    enum class Kind { service, nobody, kernel };
    Kind kind = Kind::service;
    std::string service;         // "" unless it is a service
    std::uint32_t tasks = 0;     // threads
    std::uint32_t processes = 0; // with zombies
    double cpu = 0;              // percent of one CPU, of those that ended meanwhile, too
    std::uint64_t rss = 0;       // bytes; what processes share counts in each
    std::uint64_t shmem = 0;
    std::uint64_t fds = 0;
};

// Of samples of processes (not threads) with kUsageFacts: services in the order of their names,
// then nobody's and the kernel's.
[[nodiscard]] std::vector<Usage> usage_of(const Sample& before, const Sample& now);

} // namespace leash::taskview
