// SPDX-License-Identifier: MIT
// What the kernel module tells as it happens: an open /dev/leash that watches. Needs CAP_SYS_PTRACE.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <linux/leash.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "base/tag.h"
#include "base/unique_fd.h"

namespace leash {

class KernelEvents {
  public:
    // Errors as KernelLineage::open(); EPROTO: the module does not tell events.
    static Result<KernelEvents> open();
    static Result<KernelEvents> take_over(UniqueFd fd);

    struct What {
        StartId start = 0;        // 0: any
        std::uint64_t group = 0;  // 0: any; see group_of()
        pid_t pid = 0;            // 0: any
        std::uint32_t events = 0; // LEASH_EVENT_*
        bool attributed = false;  // only what belongs to a start
        std::uint32_t queue = 0;  // records; 0: as the module has it. The first watch decides.
        Ms coalesce{0};           // wakes who sleeps that late at most; up to a minute
        int signal = 0;           // not 0: a signal for each event, to the calling thread
    };
    // The bit that it has in leash_record::watches. ESRCH: no such process.
    Result<std::uint32_t> watch(const What& what);
    // The next events, as they came; none if there are none now. Valid until the next call.
    Result<std::span<const leash_record>> read();
    // What was told and lost so far.
    Result<leash_unwatch> totals();

    [[nodiscard]] int fd() const { return fd_.get(); } // readable: events are there

  private:
    explicit KernelEvents(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
    std::vector<leash_record> records_;
};

} // namespace leash
