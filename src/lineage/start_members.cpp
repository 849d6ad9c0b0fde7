// SPDX-License-Identifier: MIT
#include "lineage/start_members.h"

#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

void add_members(const std::string& folder, std::set<pid_t>& members) {
    for (pid_t pid : group_processes(folder)) members.insert(pid);
    for (const auto& name : subgroups(folder))
        if (parse_remains_name(name) == 0) add_members(folder + "/" + name, members);
}

} // namespace

std::set<pid_t> start_members(const std::string& group, StartId start, const KernelLineage* kernel) {
    std::set<pid_t> members;
    if (kernel != nullptr && start != 0)
        (void)kernel->snapshot(0, {.start = start}, [&](const leash_task& task) {
            members.insert(task.tgid);
        });
    if (!group.empty()) add_members(group, members);
    return members;
}

} // namespace leash
