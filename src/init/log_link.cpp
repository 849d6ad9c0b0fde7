// SPDX-License-Identifier: MIT
#include "init/log_link.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/child_process.h"

namespace leash {
namespace {

constexpr const char* kLogger = "/usr/lib/leash/leash-logger";
constexpr int kPipeBytes = 65'536;
constexpr Ms kPause{5'000};       // between loggers that cannot be made, or die as soon as they live
constexpr Ms kLongEnough{60'000}; // one that has lived that long was well

// Neither waits nor reads a disk: the pipe has a reader and a writer.
UniqueFd open_again(const UniqueFd& pipe, int how) {
    auto path = fmt::format("/proc/self/fd/{}", pipe.get());
    return UniqueFd(open(path.c_str(), how | O_CLOEXEC));
}

[[noreturn]] void logger_child(int socket) {
    setsid();
    reset_signals_to_default();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2 && null >= 0; ++fd) dup2(null, fd);
    if (socket != kLoggerFd) dup2(socket, kLoggerFd);
    else fcntl(socket, F_SETFD, 0);
    close_descriptors_except({kLoggerFd});
    char name[] = "leash-logger", path[] = "PATH=/sbin:/usr/sbin:/bin:/usr/bin";
    char* argv[] = {name, nullptr};
    char* environment[] = {path, nullptr};
    execve(kLogger, argv, environment);
    _exit(127);
}

} // namespace

LogLink::LogLink(EventLoop& loop) : loop_(loop), restart_(loop, [this] { spawn(); }) {}

void LogLink::start() { spawn(); }

void LogLink::spawn() {
    since_ = monotonic_now();
    auto pair = make_log_pair();
    if (!pair) {
        to_console("leash: no logger: " + pair.error().text);
        restart_.in(kPause);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) logger_child(pair->logger.get());
    if (pid < 0) {
        to_console(std::string("leash: no logger: fork: ") + std::strerror(errno));
        restart_.in(kPause);
        return;
    }
    pid_ = pid;
    channel_ = std::make_unique<LogChannel>(loop_, std::move(pair->init));
    channel_->settings(LogSettings{log_size_, false});
    announce_outputs();
    if (changed_) changed_();
}

void LogLink::adopt(UniqueFd channel, pid_t logger) {
    channel_ = std::make_unique<LogChannel>(loop_, std::move(channel));
    pid_ = logger;
    since_ = monotonic_now();
}

int LogLink::pipe_of(const std::string& service) const {
    auto known = outputs_.find(service);
    return known == outputs_.end() ? -1 : known->second.get();
}

void LogLink::adopt_output(const std::string& service, UniqueFd pipe) {
    // The earlier life's word of it may have waited in its queue, or there was no logger to hear it.
    if (channel_) channel_->stream(service, open_again(pipe, O_RDONLY | O_NONBLOCK).get(), true);
    outputs_.insert_or_assign(service, std::move(pipe));
}

void LogLink::announce_outputs() {
    for (const auto& [service, pipe] : outputs_)
        channel_->stream(service, open_again(pipe, O_RDONLY | O_NONBLOCK).get());
}

void LogLink::set_log_size(std::uint64_t bytes) {
    log_size_ = bytes;
    if (channel_) channel_->settings(LogSettings{log_size_, false});
}

UniqueFd LogLink::output_of(const std::string& service) {
    auto refuse = [&] {
        log::warning("{}: its output is lost: {}", service, std::strerror(errno));
        return UniqueFd();
    };
    if (auto known = outputs_.find(service); known != outputs_.end()) {
        auto end = open_again(known->second, O_WRONLY);
        return end ? std::move(end) : refuse();
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return refuse();
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    auto both = open_again(write_end, O_RDWR);
    if (!both) return refuse();
    fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
    fcntl(write_end.get(), F_SETPIPE_SZ, kPipeBytes);
    if (channel_) channel_->stream(service, read_end.get());
    outputs_.emplace(service, std::move(both));
    return write_end;
}

void LogLink::forget(const std::string& service) { outputs_.erase(service); }

void LogLink::line(log::Level level, bool console, std::string_view text) {
    if (channel_ && !channel_->broken()) channel_->line(level, console, text);
    else if (console) to_console(text);
}

// Only while there is no logger. A console that takes nothing loses the line: PID 1 does not wait.
void LogLink::to_console(std::string_view text) const {
    UniqueFd console(open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    std::string line(text);
    line += "\r\n";
    if (console) [[maybe_unused]] auto ignored = write(console.get(), line.data(), line.size());
}

void LogLink::flush(std::function<void()> done) {
    if (channel_ && !channel_->broken()) channel_->flush(std::move(done));
}

bool LogLink::child_exited(pid_t pid) {
    if (pid != pid_ || pid == 0) return false;
    pid_ = 0;
    channel_.reset();
    if (changed_) changed_(); // a next life must not take over what is closed
    to_console("leash: the logger has died, starting another one");
    // At once, unless it dies as soon as it lives.
    deaths_ = monotonic_now() - since_ < kLongEnough ? deaths_ + 1 : 1;
    restart_.in(deaths_ <= 5 ? Ms{0} : kPause);
    return true;
}

} // namespace leash
