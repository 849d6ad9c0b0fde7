// SPDX-License-Identifier: MIT
// The plugin's side of the prober: one helper process, started when it is needed first, that connects to
// sockets and reads what /proc can make one wait for. It outlives PID 1's re-exec. Nothing here waits.
#pragma once

#include <functional>

#include "plugin/leash_plugin.h"
#include "prober_protocol.h"
#include "watch_table.h"

namespace leash_watchdog {

class Prober {
  public:
    // Takes over the one of an earlier life, if there is one. `lost`: nothing that was asked will be
    // answered.
    void start(const leash_host* host, WatchTable* table, std::function<void()> lost);
    // False: nobody can be asked now; lost() will be called, or has been.
    bool ask(const ProbeAsk& ask, std::int64_t now);
    // Its socket is readable.
    void read(const std::function<void(const ProbeTold&)>& told, std::int64_t now);
    // It has ended; false: that was not it.
    bool exited(int pid, int status, std::int64_t now);
    // It does not answer: end it. Another one is started when something is asked next.
    void replace(const char* why, std::int64_t now);
    [[nodiscard]] std::int32_t pid() const { return pid_; }

  private:
    bool spawn(std::int64_t now);
    void drop(std::int64_t now);
    const leash_host* host_ = nullptr;
    WatchTable* table_ = nullptr;
    std::function<void()> lost_;
    int fd_ = -1;
    std::int32_t pid_ = 0;
    std::int64_t not_before_ = 0; // after a loss there is a pause
};

} // namespace leash_watchdog
