// SPDX-License-Identifier: MIT
// The datagram socket of one start: what its tasks say in the words of sd_notify. A socket of its
// own for each start tells which service is meant, even when the sender has gone already.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "notify/message.h"

namespace leash {

// The kernel vouches for pid and uid of the sender; root may give another pid than its own.
using NotifyCallback = std::function<void(const NotifyMessage&, pid_t pid, uid_t uid)>;

class NotifySocket {
  public:
    // The callback may destroy the NotifySocket.
    NotifySocket(EventLoop& loop, NotifyCallback callback);
    ~NotifySocket(); // unlinks the path, unless another socket has taken it over
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    // Binds to `path`, mode 0666, in the place of whatever is there. The folder must be there.
    [[nodiscard]] Result<void> open(const std::string& path);
    // A bound socket that an earlier life of init has opened.
    void adopt(UniqueFd bound, const std::string& path);

    // Receives what has arrived, 64 messages at most: before a deadline is called missed and before
    // a child is reaped.
    void drain();

    [[nodiscard]] int fd() const; // -1: not open; close-on-exec
    [[nodiscard]] const std::string& path() const;
    struct Counts {
        std::uint64_t received = 0; // and passed on
        std::uint64_t dropped = 0;  // malformed
        std::uint64_t pauses = 0;   // of 100 ms each, after more than 1000 messages in a second
    };
    [[nodiscard]] const Counts& counts() const;

  private:
    struct Core;
    std::shared_ptr<Core> core_; // a callback in progress keeps it
};

} // namespace leash
