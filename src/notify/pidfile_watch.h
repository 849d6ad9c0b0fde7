// SPDX-License-Identifier: MIT
// Readiness in the old way: the service is ready when its pid file names a process.
//
// The file is read on PID 1's loop, so it must lie where a read cannot wait for a disk: on the file
// system of /run itself. No other file system mounted below it and no symbolic link counts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

// The path below /run for a path below /run or /var/run ("/var/run/a/b.pid": "a/b.pid"); an error
// that says so for any other, and for one with "..", "." or an empty part.
[[nodiscard]] Result<std::string> pidfile_below_run(std::string_view path);

class PidfileWatch {
  public:
    // Looks each 50 ms, and calls back whenever the file holds a pid (above 1) that it did not hold
    // at the last look, or was written anew. Destroy the watch once a pid has been accepted:
    // whether the pid belongs to the service is for the caller to find out, and a stale file may
    // name anybody. The callback may destroy the watch. `run` is for tests.
    PidfileWatch(EventLoop& loop, std::string_view path, std::function<void(pid_t)> found,
                 const std::string& run = "/run");
    ~PidfileWatch();
    PidfileWatch(const PidfileWatch&) = delete;
    PidfileWatch& operator=(const PidfileWatch&) = delete;

    void drain(); // looks now

  private:
    struct Core;
    std::shared_ptr<Core> core_;
};

} // namespace leash
