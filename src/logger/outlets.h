// SPDX-License-Identifier: MIT
// Where the messages of PID 1 go beside their file: console and kernel log. Either may be slow, and
// neither may hold up the output of services: bounded queues, and little at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace leash {

// Without colours and other sequences of a terminal.
[[nodiscard]] std::string without_sequences(std::string_view text);

// The console is opened for each run of lines and written without waiting. Nobody there, or it
// hangs up: lines are lost.
class Console {
  public:
    Console(EventLoop& loop, std::string path, std::function<void()> drained);
    void line(std::string_view text);
    [[nodiscard]] bool empty() const { return queue_.empty(); }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

  private:
    void write_some();

    std::string path_;
    std::function<void()> drained_;
    UniqueFd fd_;
    std::string queue_; // bytes not yet written
    std::uint64_t lost_ = 0, lost_untold_ = 0;
    Timer again_;
};

// /dev/kmsg. A write there may take as long as the line takes on a serial console, so that there is
// one in each round of the loop, after everything else, and no more than 20 a second for long.
class KernelLog {
  public:
    KernelLog(EventLoop& loop, std::string path, std::function<void()> drained); // path "": none
    void line(log::Level level, std::string_view text);
    [[nodiscard]] bool empty() const { return queue_.empty(); }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

  private:
    void write_one();

    std::string path_;
    std::function<void()> drained_;
    UniqueFd fd_;
    std::deque<std::string> queue_;
    std::uint64_t lost_ = 0, lost_untold_ = 0;
    double tokens_;
    Ms filled_;
    Timer again_;
};

} // namespace leash
