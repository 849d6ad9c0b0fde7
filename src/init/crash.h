// SPDX-License-Identifier: MIT
// The short path that every fatal signal takes: exec the same binary again, in place, with all
// descriptors open. Between the signal and the exec only sigprocmask, fcntl and execve are called, and
// what crash_scene.h needs to write down where it was: the heap may be broken.
#pragma once

namespace leash {

// PID 1 raises its own limit to this, and each of its lives looks at no more than these: three for
// each service that runs, and some.
inline constexpr int kMostDescriptors = 8192;

// From now on a fatal signal leads to `init --resume PAGE`. Call again when the page is another one.
// What the signal tells goes to the black box, if that has been started. `outermost`: what lies on the
// stack from there on is no frame worth telling; null: all of it is.
void install_crash_handler(int page_fd, const void* outermost = nullptr);

// The same for a life that is to end: executes `program`, or the binary that runs where that cannot be.
// Comes back only if neither could be executed, with all as it was and errno from the
// first try.
void exec_next_life(const char* program);

// The last resort: /sbin/leash-rescue takes the place of init. Comes back only if that cannot be.
void become_rescue(const char* why);

// First thing in a new life: the synchronous signals have come here blocked, and one that stays so
// would kill PID 1 for good the second time.
void unblock_fatal_signals();

// Closes what nobody claimed; everything else gets FD_CLOEXEC back.
void close_unclaimed_descriptors(const int* claimed, int count);

} // namespace leash
