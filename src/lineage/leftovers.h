// SPDX-License-Identifier: MIT
// What lives of earlier starts of a service, as the kernel module knows it, and how a new start takes
// it over.
#pragma once

#include <vector>

#include "lineage/kernel_lineage.h"

namespace leash {

struct Leftover {
    pid_t pid;
    std::uint64_t began_ns;
    StartId start;
};

// Whether there is any. To be asked before the new start is made known; it costs one call, while a
// list takes a walk through all processes for each start.
[[nodiscard]] bool has_leftovers(KernelLineage& kernel, const std::string& service);

// Not those that are spared, nor those that only their tag claims.
[[nodiscard]] std::vector<Leftover> leftovers(KernelLineage& kernel, const std::string& service,
                                              StartId current);

struct TakenOver {
    std::vector<Leftover> ours;   // are of `current` now
    std::vector<Leftover> theirs; // could not be taken over, or others fork faster than that
};
// `current` has been made known. What is forked while others are being adopted stays in the earlier
// start, so this looks again, but not for ever.
[[nodiscard]] TakenOver take_over_leftovers(KernelLineage& kernel, const std::string& service,
                                            StartId current);

} // namespace leash
