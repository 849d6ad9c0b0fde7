// SPDX-License-Identifier: MIT
// Looks deeper into a process than a sample does: into its memory, its maps, its kernel stack. Any
// of that can hang (a page that FUSE or userfaultfd has to bring, an address space that is locked
// by a thread in an uninterruptible sleep), so whoever implements this has to give up after a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

namespace leash::finder {

struct Piece {
    pid_t pid = 0;
    std::uint64_t address = 0;
    std::uint32_t size = 0; // at most Reader::kMostBytes
};

class Reader {
  public:
    static constexpr std::uint32_t kMostBytes = 1024;

    virtual ~Reader() = default;
    // The time that all questions of one look may take together begins anew.
    virtual void begin_look() {}
    // It is used up: until the next look every answer is that of a question nobody has asked.
    [[nodiscard]] virtual bool out_of_time() const { return false; }
    // One text a piece, as many bytes of it from its beginning as can be read; "": none.
    virtual std::vector<std::string> read(std::span<const Piece> pieces) = 0;
    // Have these two processes one address space? Nothing: it cannot be told.
    virtual std::optional<bool> same_memory(pid_t one, pid_t other) = 0;
    // The number here of the thread that is called `tid` where process `pid` lives (its pid
    // namespace). 0: there is no such thread, here or there. Nothing: it cannot be told.
    virtual std::optional<pid_t> thread_here(pid_t pid, pid_t tid) = 0;
    // What is mapped at the address and how far in: "libfoo.so+0x4a10", "[heap]+0x10"; "" unknown.
    virtual std::string place(pid_t pid, std::uint64_t address) = 0;
    // Where in the kernel the thread sleeps: its innermost functions; "" where the kernel does not
    // say.
    virtual std::string kernel_place(pid_t pid, pid_t tid) = 0;
};

// Reads in a process of its own, each question with a time limit. A process that was too slow is
// not asked about again for ten seconds, and for longer each time, up to ten minutes; what hangs is
// killed and replaced; while more than a few cannot be killed, all answers are empty. `look_ms`: of
// all questions together, from begin_look() on; the one that is under way then ends within its own.
[[nodiscard]] std::unique_ptr<Reader> make_reader(int limit_ms = 1000, int look_ms = 3000);

} // namespace leash::finder
