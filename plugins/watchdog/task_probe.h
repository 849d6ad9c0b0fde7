// SPDX-License-Identifier: MIT
// Reads /proc/PID/task/*/stat. That is memory of the kernel, no disk: it does not block PID 1's
// loop.
#pragma once

#include "supervision.h"

namespace leash_watchdog {

class ProcTaskProbe final : public TaskProbe {
  public:
    TaskCount look(std::int32_t main_pid) override;
};

// The state letter of a line of /proc/PID/stat; the command in it may hold blanks and brackets. 0:
// not understood.
[[nodiscard]] char state_letter(const char* stat_line);

} // namespace leash_watchdog
