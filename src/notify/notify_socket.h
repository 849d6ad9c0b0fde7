// SPDX-License-Identifier: MIT
// The datagram socket of one start: what its tasks say in the words of sd_notify. A socket of its
// own for each start tells which service is meant, even when the sender has gone already.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "notify/message.h"

namespace leash {

// The kernel vouches for pid and uid of the sender; root may give another pid than its own.
struct NotifySender {
    pid_t pid = 0;
    uid_t uid = 0;
};
// What the callback leaves in `descriptors` is discarded behind it.
using NotifyCallback = std::function<void(const NotifyMessage&, const NotifySender&,
                                          std::vector<UniqueFd>& descriptors)>;
// Closing a descriptor can wait: for a lingering connection, for a file system that a process of the
// service serves. So whoever must not wait gives a way to be rid of them.
using Discard = std::function<void(std::vector<UniqueFd>)>;

class NotifySocket {
  public:
    // More than kBurst messages at once, or kRate a second for long, are a flood: then the socket is
    // left alone for kPause again and again. What waits in it is read by drain() all the same.
    static constexpr int kBurst = 1000, kRate = 100;
    static constexpr Ms kPause{500};

    // The callback may destroy the NotifySocket. Without `discard`, descriptors are closed.
    NotifySocket(EventLoop& loop, NotifyCallback callback, Discard discard = {});
    ~NotifySocket(); // unlinks the path, unless another socket has taken it over
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    // Binds to `path`, mode 0666, in the place of whatever is there. The folder must be there.
    [[nodiscard]] Result<void> open(const std::string& path);
    // A bound socket that an earlier life of init has opened.
    void adopt(UniqueFd bound, const std::string& path);

    // Called once when a flood begins.
    void set_flooded(std::function<void()> flooded);

    // Receives what has arrived, 64 messages at most: before a deadline is called missed and before
    // a child is reaped.
    void drain();

    [[nodiscard]] int fd() const; // -1: not open; close-on-exec
    [[nodiscard]] const std::string& path() const;
    struct Counts {
        std::uint64_t received = 0; // and passed on
        std::uint64_t dropped = 0;  // malformed
        std::uint64_t pauses = 0;   // of kPause each
    };
    [[nodiscard]] const Counts& counts() const;

  private:
    struct Core;
    std::shared_ptr<Core> core_; // a callback in progress keeps it
};

} // namespace leash
