// SPDX-License-Identifier: MIT
// Who is watched and until when, in shared memory that outlives PID 1: its next life goes on with the
// same deadlines.
#pragma once

#include <cstdint>
#include <span>

#include "plugin/leash_plugin.h"

namespace leash_watchdog {

// One timer of a watched start, as its numbers were last. A check sum tells a half-written one.
struct SavedWatch {
    std::uint64_t start = 0; // 0: free
    std::int64_t limit = 0, last_sign = 0, due = 0, plain_due = 0, promised = 0;
    std::int32_t main_pid = 0, sender = 0;
    std::uint8_t source = 0, flags = 0, index = 0;
    char name[16] = "";
    std::uint16_t check = 0;
};

class WatchTable {
  public:
    static constexpr std::size_t kSlots = 2048;

    // The table of an earlier life, or else a new one. Without memory there is none: all deadlines
    // begin anew with a next life then.
    void open(const leash_host* host);
    [[nodiscard]] std::span<SavedWatch> slots();

    // The last moment at which somebody was there to hear heartbeats.
    void note(std::int64_t now);
    [[nodiscard]] std::int64_t noted() const; // 0: not known

    // The process that probes, so that a next life can end it; 0: none.
    void note_prober(std::int32_t pid);
    [[nodiscard]] std::int32_t prober() const;

  private:
    struct Page;
    bool map(int fd);
    Page* page_ = nullptr;
};

} // namespace leash_watchdog
