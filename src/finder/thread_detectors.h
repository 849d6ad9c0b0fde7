// SPDX-License-Identifier: MIT
// The detectors of this family, and what a look has to hold for them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "finder/finding.h"
#include "finder/reader.h"

namespace leash::finder {

// One of each. `reader` outlives them.
[[nodiscard]] std::vector<std::unique_ptr<Detector>> thread_detectors(Reader& reader);

// Does anybody's file ask for threads in the look?
[[nodiscard]] bool wants_threads(std::span<const Subject> subjects);

// The facts that their rows of threads, and of processes, are to hold.
[[nodiscard]] std::uint64_t thread_facts();
[[nodiscard]] std::uint64_t process_facts();

} // namespace leash::finder
