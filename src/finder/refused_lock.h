// SPDX-License-Identifier: MIT
// Who would close a circle of PI locks is not let in by the kernel (EDEADLK), and glibc puts that thread
// to sleep for ever at a word of its own stack: for a normal mutex there is nobody to tell. The lock
// that it wanted is found if its callers have left a pointer to it on the stack near that word; if not, the
// sleep itself tells: of what sleeps in that manner, a semaphore and a condition variable can be told apart.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "finder/locks.h"
#include "finder/reader.h"

namespace leash::finder {

inline constexpr std::uint32_t kStackBefore = 256, kStackBytes = 640;

// Can the thread be such a one?
[[nodiscard]] bool may_be_refused(const FutexWait& wait, const Surroundings& memory);
// The pointers in this part of a stack that can lead to a lock, each once.
[[nodiscard]] std::vector<std::uint64_t> pointers_in(std::string_view stack);
// The locks that the thread of process `pid` may have wanted: a PI mutex that another thread holds. Who
// asks takes one only if its owner waits for this very thread.
[[nodiscard]] std::vector<Hold> refused_locks(Reader& reader, pid_t pid, pid_t tid,
                                              const FutexWait& wait);

} // namespace leash::finder
