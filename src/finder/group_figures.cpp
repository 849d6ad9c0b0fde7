// SPDX-License-Identifier: MIT
#include "finder/group_figures.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "lineage/cgroup_folder.h"

namespace leash::finder {
namespace {

std::optional<std::uint64_t> figure(const std::string& folder, const char* file,
                                    std::string_view key) {
    auto text = read_small_file(folder + "/" + file);
    return text ? number_behind(*text, key) : std::nullopt;
}

std::optional<std::uint64_t> used_us(const std::string& folder) {
    return figure(folder, "cpu.stat", "usage_usec ");
}

std::vector<std::string> remains_in(const std::string& folder) {
    auto names = subgroups(folder);
    std::erase_if(names, [](const std::string& name) { return parse_remains_name(name) == 0; });
    return names;
}

} // namespace

GroupFigures::Memory& GroupFigures::memory_of(std::uint64_t start) {
    auto& memory = memories_[start];
    memory.round = round_;
    return memory;
}

void GroupFigures::end_look() {
    std::erase_if(memories_, [&](const auto& each) { return each.second.round != round_; });
    ++round_;
}

std::optional<std::uint64_t> GroupFigures::cpu_ns(const std::string& folder, std::uint64_t start) {
    auto& remains = memory_of(start).cpu_of_remains;
    // These first: what they use in between counts for the start then, instead of being missing.
    for (const auto& name : remains_in(folder))
        if (auto us = used_us(folder + "/" + name)) remains[name] = std::max(remains[name], *us);
    auto us = used_us(folder);
    if (!us) return std::nullopt;
    std::uint64_t foreign = 0;
    for (const auto& [name, used] : remains) foreign += used;
    return (*us - std::min(foreign, *us)) * 1000;
}

std::optional<std::uint64_t> GroupFigures::shmem(const std::string& folder, std::uint64_t start,
                                                 std::uint64_t mapped) {
    auto& before = memory_of(start).shmem_before;
    std::uint64_t foreign = 0;
    auto names = remains_in(folder);
    for (const auto& name : names)
        foreign += figure(folder + "/" + name, "memory.stat", "shmem ").value_or(0);
    auto charged = figure(folder, "memory.stat", "shmem ");
    if (!charged) return std::nullopt;
    auto own = *charged - std::min(foreign, *charged);
    if (!before) before = names.empty() ? 0 : own - std::min(mapped, own);
    *before = std::min(*before, own);
    return own - *before;
}

} // namespace leash::finder
