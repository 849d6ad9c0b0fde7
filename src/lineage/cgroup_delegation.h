// SPDX-License-Identifier: MIT
// `delegate = yes`: NAME/main is the service's own to divide. NAME stays Leash's, with its limits.
#pragma once

#include <string_view>

#include "base/result.h"
#include "lineage/cgroup.h"

namespace leash {

// How far the service may divide it: whoever walks the tree must come to an end.
inline constexpr int kDelegatedDepth = 16, kDelegatedGroups = 1000;

// Before each start: away with what the earlier one has left of it (a group whose controllers are on
// cannot be born into), controllers and bounds as they should be. An error says what is missing, and the
// service can start without.
Result<void> prepare_delegation(CgroupTree& tree, std::string_view service);

} // namespace leash
