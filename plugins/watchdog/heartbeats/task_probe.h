// SPDX-License-Identifier: MIT
// Reads /proc/PID/task/*/stat and wchan. That is memory of the kernel, no disk, and neither waits for a
// lock that its process could hold: it does not block PID 1's loop.
#pragma once

#include "supervision.h"

namespace leash_watchdog {

class ProcTaskProbe final : public TaskProbe {
  public:
    TaskCount look(std::int32_t main_pid) override;
    // "42 worker D in nfs_wait, 43 worker S in futex_wait_queue, 7 more": up to kDescribed threads by
    // name, of the first kCounted. What a thread calls itself is made printable.
    void describe(std::int32_t pid, char* text, std::size_t size) override;
    static constexpr unsigned kDescribed = 3, kCounted = 64;
};

// What stands in a line of /proc/PID/stat before the numbers; the command in it may hold blanks and
// brackets.
struct StatBegin {
    char name[17] = ""; // printable
    char state = 0;     // 0: not understood
};
[[nodiscard]] StatBegin stat_begin(const char* stat_line);
[[nodiscard]] inline char state_letter(const char* stat_line) { return stat_begin(stat_line).state; }

} // namespace leash_watchdog
