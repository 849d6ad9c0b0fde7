// SPDX-License-Identifier: MIT
// The recorder's program as a descriptor to execute.
#pragma once

namespace leash_watchdog {

// A sealed memfd, or a negative errno.
[[nodiscard]] int make_recorder_program();

} // namespace leash_watchdog
