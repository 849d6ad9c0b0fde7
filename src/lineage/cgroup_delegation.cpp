// SPDX-License-Identifier: MIT
#include "lineage/cgroup_delegation.h"

#include "lineage/cgroup_folder.h"
#include "lineage/cgroup_limits.h"

namespace leash {

Result<void> prepare_delegation(CgroupTree& tree, std::string_view service) {
    if (auto entered = tree.enter(service); !entered) return std::unexpected(entered.error());
    auto folder = tree.path_of(service);
    auto removed = remove_group(folder + "/main");
    auto deep = write_group_file(folder, "cgroup.max.depth", std::to_string(kDelegatedDepth));
    auto wide = write_group_file(folder, "cgroup.max.descendants", std::to_string(kDelegatedGroups));
    auto controllers = enable_controllers(tree.root());
    if (controllers) controllers = enable_controllers(folder);
    for (const auto& step : {removed, deep, wide, controllers})
        if (!step) return step;
    return {};
}

} // namespace leash
