// SPDX-License-Identifier: MIT
// What every child of PID 1 needs between fork and its own work or execve.
#pragma once

#include <vector>

namespace leash {

// Default dispositions for all signals, empty mask.
void reset_signals_to_default();

// Closes everything from 3 up except `keep`; 0, 1, 2 stay.
void close_descriptors_except(std::vector<int> keep);

} // namespace leash
