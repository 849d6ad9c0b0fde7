// SPDX-License-Identifier: MIT
// The processes of a start, as the module and its cgroup tell them together. Reads files: in a worker
// only.
#pragma once

#include <set>
#include <string>

#include <sys/types.h>

#include "base/tag.h"
#include "lineage/kernel_lineage.h"

namespace leash {

// `group` is the folder of its cgroup ("": none), of which what remains of earlier starts is left out;
// `kernel` may be null, `start` 0.
[[nodiscard]] std::set<pid_t> start_members(const std::string& group, StartId start,
                                            const KernelLineage* kernel);

} // namespace leash
