// SPDX-License-Identifier: MIT
#include "logger/log_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash {
namespace {

constexpr Ms kBetweenTries{1'000};

void make_folders(const std::string& path) {
    for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
        ::mkdir(path.substr(0, at).c_str(), 0755);
    ::mkdir(path.c_str(), 0700);
}

} // namespace

std::string utc_stamp() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       now.tv_nsec / 1'000'000);
}

LogFile::LogFile(std::string folder, std::string name, std::uint64_t log_size)
    : folder_(std::move(folder)), name_(std::move(name)), log_size_(log_size) {}

std::string LogFile::path(std::string_view suffix) const {
    return fmt::format("{}/{}{}", folder_, name_, suffix);
}

void LogFile::append(std::string_view lines) {
    struct stat info{};
    if (fd_ && (::fstat(fd_.get(), &info) < 0 || info.st_nlink == 0)) fd_.reset(); // deleted
    if (!fd_ && !open()) return lose(lines);

    std::string with_report;
    if (lost_untold_ > 0) {
        with_report = fmt::format("{} {} lines lost\n{}", utc_stamp(), lost_untold_, lines);
        lines = with_report;
    }
    while (!lines.empty()) {
        auto room = log_size_ > size_ ? log_size_ - size_ : 0;
        auto part = lines;
        if (lines.size() > room) {
            auto end = room > 0 ? lines.rfind('\n', room - 1) : std::string_view::npos;
            if (end == std::string_view::npos && size_ > 0) {
                rotate();
                if (!fd_) return lose(lines);
                continue;
            }
            if (end == std::string_view::npos) end = lines.find('\n'); // one line fills the file
            part = lines.substr(0, end == std::string_view::npos ? end : end + 1);
        }
        if (!write_all(part)) return lose(lines);
        lost_untold_ = 0;
        lines.remove_prefix(part.size());
    }
}

bool LogFile::open() {
    if (monotonic_now() < next_try_) return false;
    next_try_ = monotonic_now() + kBetweenTries;
    auto flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    fd_.reset(::open(path(".log").c_str(), flags, 0600));
    if (!fd_ && errno == ENOENT) {
        make_folders(folder_);
        fd_.reset(::open(path(".log").c_str(), flags, 0600));
    }
    struct stat info{};
    if (fd_ && (::fstat(fd_.get(), &info) < 0 || !S_ISREG(info.st_mode))) fd_.reset();
    if (!fd_) return false;
    size_ = static_cast<std::uint64_t>(info.st_size);
    next_try_ = Ms{0};
    return true;
}

void LogFile::rotate() {
    if (::rename(path(".log").c_str(), path(".log.0").c_str()) == 0) {
        fd_.reset();
        open();
    } else if (::ftruncate(fd_.get(), 0) == 0) { // better a short log than an endless one
        size_ = 0;
    } else {
        fd_.reset();
    }
}

bool LogFile::write_all(std::string_view text) {
    std::size_t done = 0;
    while (done < text.size()) {
        auto written = ::write(fd_.get(), text.data() + done, text.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            // No half lines.
            if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) < 0) fd_.reset();
            return false;
        }
        done += static_cast<std::size_t>(written);
    }
    size_ += text.size();
    return true;
}

void LogFile::lose(std::string_view lines) {
    auto count = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    lost_ += count;
    lost_untold_ += count;
}

} // namespace leash
