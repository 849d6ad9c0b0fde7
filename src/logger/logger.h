// SPDX-License-Identifier: MIT
// The process that takes the output of services and of PID 1 to files, console and kernel log, so
// that PID 1 never waits for any of them. base/log_channel.h tells how it is spoken to.
//
// Each line is stored as it came, behind a time stamp: "2026-11-22T02:50:12.345Z text". Whoever
// shows it makes it harmless. A line that is longer than 1024 bytes, or whose end does not come
// within a second, goes on in the next one and ends in '\'.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log_channel.h"
#include "base/unique_fd.h"
#include "logger/line_splitter.h"
#include "logger/log_file.h"
#include "logger/outlets.h"

namespace leash {

inline constexpr std::string_view kOwnLog = "init"; // where the messages of PID 1 are kept

struct LoggerOptions {
    std::string folder = "/run/leash/log";
    std::string console = "/dev/console";
    std::string kernel_log = "/dev/kmsg"; // "": none
};

class Logger {
  public:
    // Stops the loop once the other end of `channel` is closed and everything is written, or two
    // seconds later.
    Logger(EventLoop& loop, LoggerOptions options, UniqueFd channel);
    ~Logger();

  private:
    struct Stream;

    void on_channel();
    void take(LogMessage message);
    [[nodiscard]] bool reads(int fd) const;
    void take_stream(std::string name, UniqueFd fd);
    void take_line(const log_message::Line& line);
    bool read_stream(Stream& stream, std::size_t most); // false: it has ended
    void drain_streams();
    void give_partials();
    void on_drained();
    void end();
    LogFile& file(const std::string& name);

    EventLoop& loop_;
    LoggerOptions options_;
    LogSettings settings_;
    UniqueFd channel_;
    std::map<std::string, LogFile> files_;
    std::list<Stream> streams_;
    Console console_;
    KernelLog kernel_log_;
    std::vector<std::uint32_t> flushes_; // to be answered
    bool ending_ = false;
    Timer partials_; // for lines whose end does not come
    Timer give_up_;
    std::unique_ptr<IoWatch> watch_;
};

} // namespace leash
