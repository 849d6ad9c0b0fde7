// SPDX-License-Identifier: MIT
#include "init/log_link.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/child_process.h"

namespace leash {
namespace {

constexpr const char* kLogger = "/usr/lib/leash/leash-logger";
constexpr int kPipeBytes = 65'536;
constexpr Ms kPause{5'000};       // between loggers that cannot be made, or die as soon as they live
constexpr Ms kLongEnough{60'000}; // one that has lived that long was well

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

std::optional<LogLink::Ends> LogLink::ends_of(const std::string& service) const {
    auto known = outputs_.find(service);
    if (known == outputs_.end()) return std::nullopt;
    return Ends{known->second.read_end.get(), known->second.write_end.get()};
}

void LogLink::adopt_output(const std::string& service, UniqueFd read_end, UniqueFd write_end) {
    outputs_.insert_or_assign(service, Output{std::move(read_end), std::move(write_end)});
    // The earlier life's word of it may have waited in its queue, or there was no logger to hear it.
    if (channel_) channel_->stream_again(service, outputs_.at(service).read_end.get());
}

void LogLink::announce_outputs() {
    for (const auto& [service, output] : outputs_) channel_->stream(service, output.read_end.get());
}

void LogLink::set_log_size(std::uint64_t bytes) {
    log_size_ = bytes;
    if (channel_) channel_->settings(LogSettings{log_size_, false});
}

int LogLink::output_of(const std::string& service) {
    auto known = outputs_.find(service);
    if (known != outputs_.end()) return known->second.write_end.get();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    Output output{UniqueFd(ends[0]), UniqueFd(ends[1])};
    fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK);
    fcntl(output.write_end.get(), F_SETPIPE_SZ, kPipeBytes);
    if (channel_) channel_->stream(service, output.read_end.get());
    return outputs_.emplace(service, std::move(output)).first->second.write_end.get();
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
