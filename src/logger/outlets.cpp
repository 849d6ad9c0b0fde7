// SPDX-License-Identifier: MIT
#include "logger/outlets.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace leash {
namespace {

constexpr std::size_t kMaxConsoleQueue = 64 * 1024; // bytes
constexpr Ms kConsoleFull{20};                      // how long a full console is left alone

constexpr std::size_t kMaxKernelQueue = 200;  // lines
constexpr std::size_t kMaxKernelLine = 900;   // bytes; the kernel refuses more than about 1000
constexpr double kKernelLinesPerMs = 0.02;    // 20 a second
constexpr double kKernelBurst = 100;
constexpr int kDaemonFacility = 3 << 3; // as in syslog.h

} // namespace

std::string without_sequences(std::string_view text) {
    std::string clean;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\033' || i + 1 >= text.size() || text[i + 1] != '[') {
            clean += text[i];
            continue;
        }
        i += 2; // to the final byte, 0x40 to 0x7E
        while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    }
    return clean;
}

// ---- console ------------------------------------------------------------------------------------

Console::Console(EventLoop& loop, std::string path, std::function<void()> drained)
    : path_(std::move(path)), drained_(std::move(drained)), again_(loop, [this] { write_some(); }) {
}

void Console::line(std::string_view text) {
    if (queue_.size() + text.size() > kMaxConsoleQueue) {
        ++lost_;
        ++lost_untold_;
        return;
    }
    if (lost_untold_ > 0) queue_ += fmt::format("{} messages lost\n", lost_untold_);
    lost_untold_ = 0;
    queue_ += text;
    queue_ += '\n';
    if (!again_.armed()) write_some();
}

void Console::write_some() {
    if (!fd_)
        fd_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    std::size_t done = 0;
    while (fd_ && done < queue_.size()) {
        auto written = ::write(fd_.get(), queue_.data() + done, queue_.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) break;
        if (written <= 0) fd_.reset();
        else done += static_cast<std::size_t>(written);
    }
    queue_.erase(0, done);
    if (!fd_) {
        lost_ += static_cast<std::uint64_t>(std::ranges::count(queue_, '\n'));
        queue_.clear();
    }
    if (!queue_.empty()) {
        again_.in(kConsoleFull);
        return;
    }
    fd_.reset(); // a terminal that hangs up is found again at the next line
    drained_();
}

// ---- kernel log ---------------------------------------------------------------------------------

KernelLog::KernelLog(EventLoop& loop, std::string path, std::function<void()> drained)
    : path_(std::move(path)), drained_(std::move(drained)), tokens_(kKernelBurst),
      filled_(monotonic_now()), again_(loop, [this] { write_one(); }) {}

void KernelLog::line(log::Level level, std::string_view text) {
    if (path_.empty()) return;
    if (queue_.size() >= kMaxKernelQueue) {
        ++lost_;
        ++lost_untold_;
        return;
    }
    auto prefix = [](log::Level l) {
        return fmt::format("<{}>leash: ", kDaemonFacility | static_cast<int>(l));
    };
    if (lost_untold_ > 0)
        queue_.push_back(
            fmt::format("{}{} messages lost", prefix(log::Level::warning), lost_untold_));
    lost_untold_ = 0;
    queue_.push_back(prefix(level) + printable(text.substr(0, kMaxKernelLine)));
    if (!again_.armed()) again_.in(Ms{1}); // not in this round
}

void KernelLog::write_one() {
    Ms now = monotonic_now();
    tokens_ = std::min(kKernelBurst,
                       tokens_ + static_cast<double>((now - filled_).count()) * kKernelLinesPerMs);
    filled_ = now;
    if (tokens_ < 1) return again_.in(Ms{50});
    tokens_ -= 1;

    if (!fd_) fd_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC));
    auto line = std::move(queue_.front());
    queue_.pop_front();
    if (!fd_ || ::write(fd_.get(), line.data(), line.size()) < 0) ++lost_;
    if (queue_.empty()) drained_();
    else again_.in(Ms{1});
}

} // namespace leash
