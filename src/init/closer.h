// SPDX-License-Identifier: MIT
// Closes descriptors that services have sent. That can wait: for a connection that lingers, for the
// process that serves a FUSE file system. A child that shares PID 1's table of descriptors does it,
// and may wait as long as it likes.
#pragma once

#include <set>
#include <vector>

#include <sys/types.h>

#include "base/unique_fd.h"

namespace leash {

class Closer {
  public:
    // Pipes and pidfds are closed at once: the sender of a barrier waits for that.
    void close(std::vector<UniqueFd> descriptors);
    // True if `pid` was one of its children.
    bool child_exited(pid_t pid);
    [[nodiscard]] std::size_t running() const { return running_.size(); }

  private:
    void launch();

    static constexpr std::size_t kMaxRunning = 16;
    static constexpr std::size_t kMaxWaiting = 512;
    std::set<pid_t> running_;
    std::vector<UniqueFd> waiting_;
};

} // namespace leash
