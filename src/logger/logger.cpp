// SPDX-License-Identifier: MIT
#include "logger/logger.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tag.h"

namespace leash {
namespace {

constexpr int kMessagesPerRound = 64;
constexpr std::size_t kBytesPerRound = 64 * 1024;  // of one stream: all have their turn
constexpr std::size_t kBytesPerDrain = 1024 * 1024; // of one stream: a pipe's largest size
constexpr Ms kPartialLine{1'000};
constexpr Ms kLastChance{2'000};

} // namespace

struct Logger::Stream {
    std::string name;
    UniqueFd fd;
    LineSplitter splitter;
    Ms last{0}; // when something came
    std::unique_ptr<IoWatch> watch;
};

Logger::Logger(EventLoop& loop, LoggerOptions options, UniqueFd channel)
    : loop_(loop), options_(std::move(options)), channel_(std::move(channel)),
      console_(loop, options_.console, [this] { on_drained(); }),
      kernel_log_(loop, options_.kernel_log, [this] { on_drained(); }),
      partials_(loop, [this] { give_partials(); }), give_up_(loop, [this] { loop_.stop(); }) {
    watch_ =
        std::make_unique<IoWatch>(loop_, channel_.get(), UEV_READ, [this](int) { on_channel(); });
}

Logger::~Logger() = default;

void Logger::on_channel() {
    for (int i = 0; i < kMessagesPerRound; ++i) {
        auto received = receive_log_message(channel_.get());
        switch (received.what) {
        case LogReceived::What::nothing: return;
        case LogReceived::What::closed: return end();
        case LogReceived::What::garbage: break;
        case LogReceived::What::message: take(std::move(*received.message)); break;
        }
    }
    watch_->set_events(UEV_READ); // libuev stops a watch when the other end is gone
}

void Logger::take(LogMessage message) {
    if (auto* stream = std::get_if<log_message::Stream>(&message)) {
        if (!stream->again || !reads(stream->fd.get()))
            take_stream(std::move(stream->name), std::move(stream->fd));
    } else if (auto* line = std::get_if<log_message::Line>(&message)) {
        take_line(*line);
    } else if (auto* settings = std::get_if<log_message::Settings>(&message)) {
        settings_ = settings->settings;
        for (auto& [name, log] : files_) log.set_log_size(settings_.log_size);
    } else if (auto* flush = std::get_if<log_message::Flush>(&message)) {
        drain_streams();
        flushes_.push_back(flush->id);
        on_drained();
    }
}

// Two readers of one pipe would tear its lines apart.
bool Logger::reads(int fd) const {
    struct stat asked {};
    if (::fstat(fd, &asked) != 0) return false;
    return std::ranges::any_of(streams_, [&](const Stream& stream) {
        struct stat known {};
        return ::fstat(stream.fd.get(), &known) == 0 && known.st_ino == asked.st_ino &&
               known.st_dev == asked.st_dev;
    });
}

void Logger::take_stream(std::string name, UniqueFd fd) {
    if (!valid_service_name(name)) return;
    ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
    auto stream = streams_.emplace(streams_.end());
    stream->name = std::move(name);
    stream->fd = std::move(fd);
    stream->watch = std::make_unique<IoWatch>(loop_, stream->fd.get(), UEV_READ,
                                              [this, stream](int events) {
        if (!read_stream(*stream, kBytesPerRound)) streams_.erase(stream);
        else if (events & (UEV_HUP | UEV_ERROR)) stream->watch->set_events(UEV_READ); // as above
    });
}

void Logger::take_line(const log_message::Line& line) {
    auto plain = without_sequences(line.text);
    std::string stored;
    auto add = [&](std::string_view part) { stored += fmt::format("{} {}\n", utc_stamp(), part); };
    LineSplitter splitter;
    splitter.feed(plain, add);
    splitter.give_partial(true, add);
    file(std::string(kOwnLog)).append(stored);
    if (line.console && (!settings_.quiet || line.level <= log::Level::warning))
        console_.line(line.text);
    // The kernel puts errors on the console by itself: what is there already goes in more quietly.
    kernel_log_.line(line.console ? std::max(line.level, log::Level::notice) : line.level, plain);
}

bool Logger::read_stream(Stream& stream, std::size_t most) {
    std::string stored;
    std::string stamp; // one for all that came at once
    auto add = [&](std::string_view line) {
        if (stamp.empty()) stamp = utc_stamp();
        stored += fmt::format("{} {}\n", stamp, line);
    };
    bool open = true;
    for (std::size_t total = 0; total < most;) {
        char buffer[16 * 1024];
        auto got = ::read(stream.fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) {
            stream.splitter.give_partial(true, add);
            open = false;
            break;
        }
        stream.splitter.feed({buffer, static_cast<std::size_t>(got)}, add);
        stream.last = monotonic_now();
        total += static_cast<std::size_t>(got);
    }
    if (!stored.empty()) file(stream.name).append(stored);
    if (open && stream.splitter.has_partial() && !partials_.armed()) partials_.in(kPartialLine);
    return open;
}

void Logger::drain_streams() {
    for (auto stream = streams_.begin(); stream != streams_.end();) {
        if (read_stream(*stream, kBytesPerDrain)) ++stream;
        else stream = streams_.erase(stream);
    }
}

void Logger::give_partials() {
    bool more = false;
    Ms now = monotonic_now();
    for (auto& stream : streams_) {
        if (!stream.splitter.has_partial()) continue;
        if (now - stream.last < kPartialLine) {
            more = true;
            continue;
        }
        stream.splitter.give_partial(false, [&](std::string_view line) {
            file(stream.name).append(fmt::format("{} {}\n", utc_stamp(), line));
        });
    }
    if (more) partials_.in(kPartialLine);
}

void Logger::on_drained() {
    if (!console_.empty() || !kernel_log_.empty()) return;
    for (auto id : std::exchange(flushes_, {}))
        if (channel_) send_flushed(channel_.get(), id);
    if (ending_) loop_.stop();
}

// Nobody is left to tell us anything; services may still be writing, but whoever has taken PID 1's
// place starts a new logger, which goes on reading where this one ends.
void Logger::end() {
    watch_.reset();
    channel_.reset();
    drain_streams();
    for (auto& stream : streams_)
        stream.splitter.give_partial(true, [&](std::string_view line) {
            file(stream.name).append(fmt::format("{} {}\n", utc_stamp(), line));
        });
    streams_.clear();
    ending_ = true;
    give_up_.in(kLastChance);
    on_drained();
}

LogFile& Logger::file(const std::string& name) {
    return files_.try_emplace(name, options_.folder, name, settings_.log_size).first->second;
}

} // namespace leash
