// SPDX-License-Identifier: MIT
// What the reader's process does: it answers one question after the other, until nobody asks any more.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace leash::finder {

struct Question {
    enum What : std::uint32_t { memory, same_memory, thread_here, place, kernel_place };
    What what = memory;
    pid_t pid = 0;
    std::uint64_t number = 0; // an address, or a process or thread
    std::uint32_t size = 0;   // of memory
    std::uint32_t reserved = 0;
};
inline constexpr std::size_t kMostAnswer = 1024;
inline constexpr char kKnown = '+', kUnknown = '-'; // an answer's first byte

// Closes every other descriptor.
[[noreturn]] void answer_questions(int socket);

// The mapping of `address` in the text of /proc/PID/maps: "libfoo.so+0x4a10", counted from the first
// mapping of that file as addr2line does for libraries; memory right behind a file's last mapping (.bss)
// counts as the file's.
[[nodiscard]] std::string place_in_maps(const std::string& maps, std::uint64_t address);
// The names of at most four innermost functions in the text of /proc/PID/stack.
[[nodiscard]] std::string innermost(const std::string& stack);

} // namespace leash::finder
