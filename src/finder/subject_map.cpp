// SPDX-License-Identifier: MIT
#include "finder/subject_map.h"

#include <fmt/format.h>

#include "finder/settings.h"

namespace leash::finder {

std::optional<std::uint64_t> time_setting(const Subject& subject, std::string_view key) {
    auto amount = amount_of(subject, key);
    if (!amount || amount->percent || amount->ms != 0) return std::nullopt;
    return amount->number * 1'000'000;
}

std::string duration_text(std::uint64_t ns) {
    auto ms = ns / 1'000'000, s = ms / 1000;
    if (s < 1) return fmt::format("{} ms", ms);
    if (s < 120) return fmt::format("{} s", s);
    if (s < 7200) return fmt::format("{} min {} s", s / 60, s % 60);
    return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

SubjectMap::SubjectMap(std::span<const Subject> subjects) {
    for (const auto& subject : subjects) {
        by_start_[subject.start] = &subject;
        if (subject.cgroup != 0) by_cgroup_[subject.cgroup] = &subject;
    }
}

const Subject* SubjectMap::of_start(std::uint64_t start) const {
    auto found = by_start_.find(start);
    return found == by_start_.end() ? nullptr : found->second;
}

const Subject* SubjectMap::of(const taskview::Row& row) const {
    if (row.task.start != 0) return of_start(row.task.start);
    if (row.task.cgroup == 0) return nullptr;
    auto found = by_cgroup_.find(row.task.cgroup);
    return found == by_cgroup_.end() ? nullptr : found->second;
}

} // namespace leash::finder
