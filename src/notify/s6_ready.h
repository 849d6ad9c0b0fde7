// SPDX-License-Identifier: MIT
// Readiness in the way of s6: the service writes a newline to a descriptor that it was given. A service
// that is watched by its heartbeats keeps it open, and each further newline is one.
#pragma once

#include <functional>
#include <memory>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

struct S6Pipe {
    UniqueFd read, write; // both close-on-exec; `read` is non-blocking
};
[[nodiscard]] Result<S6Pipe> make_s6_pipe();

class S6Ready {
  public:
    // `ready` is called once, at the first newline; it may destroy the S6Ready. A pipe that is
    // closed without one: `closed` instead; the start's time limit is the answer to that.
    // With `beat` the pipe is read on: it is called for what has come in newlines, at most every
    // kBeatPause, so that a service which writes without end holds up itself alone. Without `ready`
    // (it has been told, to an earlier life of init) the first newline is a heartbeat, too.
    static constexpr Ms kBeatPause{20};
    S6Ready(EventLoop& loop, UniqueFd read_end, std::function<void()> ready,
            std::function<void()> closed = {}, std::function<void()> beat = {});
    ~S6Ready();
    S6Ready(const S6Ready&) = delete;
    S6Ready& operator=(const S6Ready&) = delete;

    // Looks now: before a deadline is called missed and before a child is reaped.
    void drain();
    [[nodiscard]] int fd() const; // -1 once ready, if nothing more is heard, or closed by the service

  private:
    struct Core;
    std::shared_ptr<Core> core_;
};

} // namespace leash
