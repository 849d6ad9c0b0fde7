// SPDX-License-Identifier: MIT
// A helper's binary in a sealed memfd: no file of it keeps a file system busy, no disk is needed to page
// it in, and nobody can change a program that runs with our rights.
#pragma once

namespace leash_watchdog {

// `begin`, `end`: of programs.h. A descriptor to execute, or a negative errno.
[[nodiscard]] int make_sealed_program(const char* name, const char* begin, const char* end);
// The one of helpers.h, made at the first call and kept open: not to be closed.
[[nodiscard]] int helpers_program();

} // namespace leash_watchdog
