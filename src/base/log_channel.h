// SPDX-License-Identifier: MIT
// From PID 1 to its logger process: what either end needs of the SOCK_SEQPACKET pair between them.
// One packet a message; the first byte is its kind.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

inline constexpr int kLoggerFd = 3;                // where the logger finds its end
inline constexpr std::size_t kMaxLogText = 4096;   // bytes of a line of PID 1; the rest is cut
inline constexpr std::size_t kMaxLogPacket = 8192; // what a receiver has to have room for

struct LogSettings {
    std::uint64_t log_size = 64 * 1024; // bytes of a log file, before it becomes NAME.log.0
    bool quiet = false;                 // only error and warning go to the console
    friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// ---- messages -----------------------------------------------------------------------------------

namespace log_message {

struct Stream { // + the read end of a pipe: the output of a service
    std::string name;
    UniqueFd fd;
    bool again = false; // the logger may have it already
};
struct Line { // a message of PID 1 itself
    log::Level level = log::Level::info;
    bool console = false;
    std::string text;
};
struct Settings { LogSettings settings; };
struct Flush { std::uint32_t id = 0; }; // is sent back once all before it has been written

} // namespace log_message

using LogMessage = std::variant<log_message::Stream, log_message::Line, log_message::Settings,
                                log_message::Flush>;

[[nodiscard]] std::string encode_log_message(const LogMessage& message); // without the descriptor
// Takes `passed` for a Stream. None: not a message.
[[nodiscard]] std::optional<LogMessage> decode_log_message(std::string_view packet,
                                                           UniqueFd passed);

// ---- both ends ----------------------------------------------------------------------------------

struct LogPair {
    UniqueFd init, logger; // both close-on-exec
};
[[nodiscard]] Result<LogPair> make_log_pair();

// PID 1's end. Never blocks: what does not fit waits in a bounded queue; what does not fit there is
// counted, and the logger is told of it as "N messages lost" once there is room.
class LogChannel {
  public:
    LogChannel(EventLoop& loop, UniqueFd socket);
    ~LogChannel();
    LogChannel(const LogChannel&) = delete;
    LogChannel& operator=(const LogChannel&) = delete;

    // `read_end` stays the caller's. It should be non-blocking.
    // `again`: perhaps the logger reads that pipe already; then nothing changes.
    void stream(std::string_view name, int read_end, bool again = false);
    void line(log::Level level, bool console, std::string_view text);
    void settings(const LogSettings& settings);
    // Calls back once all that was sent before is written: to files, kernel log and console. Never
    // if the logger is gone: have a timer beside it.
    void flush(std::function<void()> done);

    [[nodiscard]] int fd() const { return socket_.get(); } // -1: the logger is gone
    [[nodiscard]] bool broken() const { return !socket_; } // the logger is gone
    [[nodiscard]] std::uint64_t lost() const { return lost_; } // lines, since the beginning

  private:
    struct Packet {
        std::string bytes;
        UniqueFd fd;
    };
    void send(Packet packet, bool may_be_lost);
    bool send_now(const Packet& packet); // false: try again later
    void send_queued();
    void receive();
    void watch_for(int events);
    void close();

    EventLoop& loop_;
    UniqueFd socket_;
    std::unique_ptr<IoWatch> watch_;
    int watched_ = 0;
    Timer retry_; // for refusals that no event ends, such as too many descriptors in flight
    std::deque<Packet> queue_;
    std::size_t queued_bytes_ = 0;
    std::uint64_t lost_ = 0, lost_untold_ = 0;
    std::uint32_t next_flush_ = 1;
    std::map<std::uint32_t, std::function<void()>> flushes_;
};

// The logger's end: one message, or what there is instead.
struct LogReceived {
    enum class What { message, nothing, garbage, closed } what = What::nothing;
    std::optional<LogMessage> message;
};
[[nodiscard]] LogReceived receive_log_message(int socket); // does not block
void send_flushed(int socket, std::uint32_t id);

} // namespace leash
