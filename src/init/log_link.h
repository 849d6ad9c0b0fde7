// SPDX-License-Identifier: MIT
// PID 1's side of the logger process: starts it, starts it again when it dies, holds the pipes that
// carry the output of services, so that not a line is lost in between.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/log_channel.h"
#include "base/unique_fd.h"

namespace leash {

class LogLink {
  public:
    explicit LogLink(EventLoop& loop);

    // Starts the logger. Until then, and where it cannot be started, messages go to the console
    // straight, without ever waiting for it.
    void start();
    void set_log_size(std::uint64_t bytes);

    // The end of the pipe that becomes a service's stdout and stderr, opened for that start alone; none
    // where there is none to be had.
    UniqueFd output_of(const std::string& service);
    void forget(const std::string& service);

    // Across lives of init: the numbers that the state page keeps, and how they are taken over.
    [[nodiscard]] int pipe_of(const std::string& service) const; // -1: none
    void adopt_output(const std::string& service, UniqueFd pipe);
    void adopt(UniqueFd channel, pid_t logger);
    [[nodiscard]] int channel_fd() const { return channel_ ? channel_->fd() : -1; }
    // Told whenever channel or pid are others than before.
    void set_changed(std::function<void()> changed) { changed_ = std::move(changed); }

    void line(log::Level level, bool console, std::string_view text);
    // Calls back once all that was sent is written; never if the logger is gone.
    void flush(std::function<void()> done);

    // True if `pid` was the logger, which is then replaced.
    bool child_exited(pid_t pid);
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    void spawn();
    void announce_outputs();
    void to_console(std::string_view text) const;

    EventLoop& loop_;
    std::unique_ptr<LogChannel> channel_;
    pid_t pid_ = 0;
    std::uint64_t log_size_ = 65'536;
    // Pipes, open for both: neither the end of a service nor that of the logger is the end of one. One
    // descriptor each, since every child is born with a copy of the table of all.
    std::map<std::string, UniqueFd> outputs_;
    std::function<void()> changed_;
    Timer restart_;
    int deaths_ = 0;    // in a row: of loggers that did not live long
    Ms since_{0};
};

} // namespace leash
