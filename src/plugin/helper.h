// SPDX-License-Identifier: MIT
// A helper process for a plugin: no service, born into PID 1's own cgroup, with nothing of PID 1's
// but the descriptors that it is handed.
#pragma once

#include "plugin/leash_plugin.h"

#include <sys/types.h>

namespace leash {

inline constexpr unsigned kMaxHelperFds = 16;

// Returns as soon as the child exists: the pid, or a negative errno (-EINVAL, -EBADF, -E2BIG: more
// than kMaxHelperFds; fork's). What fails in the child ends it with status 127. It has a session of
// its own, / as working directory, umask 022, default signals, none of them blocked, SCHED_OTHER,
// and PATH as its whole environment.
[[nodiscard]] pid_t spawn_helper_process(const leash_helper& helper);

} // namespace leash
