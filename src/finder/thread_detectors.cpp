// SPDX-License-Identifier: MIT
#include "finder/thread_detectors.h"

#include <algorithm>
#include <array>

#include "finder/deadlock.h"
#include "finder/task_detectors.h"
#include "finder/unusual.h"

namespace leash::finder {

std::vector<std::unique_ptr<Detector>> thread_detectors(Reader& reader) {
    std::vector<std::unique_ptr<Detector>> all;
    all.push_back(std::make_unique<Deadlock>(reader));
    all.push_back(std::make_unique<Livelock>());
    all.push_back(std::make_unique<Stuck>(&reader));
    all.push_back(std::make_unique<Stopped>());
    all.push_back(std::make_unique<NoTask>());
    all.push_back(std::make_unique<Stray>(cgroup_tree()));
    all.push_back(std::make_unique<Unusual>());
    return all;
}

bool wants_threads(std::span<const Subject> subjects) {
    constexpr std::array<std::string_view, 5> kKeys{"deadlock", "livelock", "stuck", "stopped",
                                                    "unusual"};
    return std::ranges::any_of(subjects, [&](const Subject& subject) {
        return std::ranges::any_of(kKeys, [&](auto key) {
            return time_setting(subject, key).has_value();
        });
    });
}

std::uint64_t thread_facts() {
    return LEASH_FACT_CPU | LEASH_FACT_SCHED | LEASH_FACT_SYSCALL | LEASH_FACT_IO;
}

std::uint64_t process_facts() { return LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_CGROUP; }

} // namespace leash::finder
