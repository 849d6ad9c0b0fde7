// SPDX-License-Identifier: MIT
#include "initctl/log_files.h"

#include <algorithm>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/tag.h"

namespace leash::initctl {
namespace {

constexpr std::size_t kStampSize = std::string_view("2026-11-22T02:50:12.345Z").size();

bool is_stamp(std::string_view text) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return false;
    }
    return true;
}

// Fails with errno.
UniqueFd open_log(const std::string& path, ino_t& inode) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) return fd;
    struct stat info{};
    if (::fstat(fd.get(), &info) < 0 || !S_ISREG(info.st_mode)) {
        fd.reset();
        errno = ENOENT; // no log, whatever it is
        return fd;
    }
    inode = info.st_ino;
    return fd;
}

} // namespace

LogLine parse_log_line(std::string_view name, std::string_view line) {
    if (line.size() > kStampSize && line[kStampSize] == ' ' && is_stamp(line))
        return {std::string(line.substr(0, kStampSize)), std::string(name),
                std::string(line.substr(kStampSize + 1))};
    return {"", std::string(name), std::string(line)};
}

LogReader::LogReader(std::string folder, std::string name)
    : folder_(std::move(folder)), name_(std::move(name)) {}

Result<std::vector<LogLine>> LogReader::read() {
    std::vector<LogLine> lines;
    DIR* folder = ::opendir(folder_.c_str());
    if (folder == nullptr) return fail_errno(errno, "{}", folder_);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(folder)) {
        std::string_view file = entry->d_name;
        if (!file.ends_with(".log")) continue;
        file.remove_suffix(4);
        if (valid_service_name(file) && (name_.empty() || file == name_)) names.emplace_back(file);
    }
    ::closedir(folder);
    std::ranges::sort(names);
    for (const auto& name : names)
        if (auto done = read_one(name, lines); !done) return std::unexpected(done.error());
    std::ranges::stable_sort(lines, {}, &LogLine::stamp);
    return lines;
}

Result<void> LogReader::read_one(const std::string& name, std::vector<LogLine>& lines) {
    auto path = folder_ + "/" + name + ".log";
    ino_t inode = 0;
    UniqueFd now = open_log(path, inode);
    if (!now && (errno == EACCES || errno == EPERM)) return fail_errno(errno, "{}", path);
    if (!now) return {};
    auto& position = positions_[name];
    if (!position.fd) { // the first time: the older file comes before
        ino_t older_inode = 0;
        position.fd = open_log(path + ".0", older_inode);
        position.inode = older_inode;
    }
    if (position.inode != inode) {
        read_on(name, position, lines); // what was written before it was rotated away
        if (!position.rest.empty()) lines.push_back(parse_log_line(name, position.rest));
        position.rest.clear();
        position.fd = std::move(now);
        position.inode = inode;
    }
    read_on(name, position, lines);
    return {};
}

void LogReader::read_on(const std::string& name, Position& position, std::vector<LogLine>& lines) {
    char bytes[65536];
    std::string last_stamp;
    while (position.fd) {
        auto got = ::read(position.fd.get(), bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return;
        position.rest.append(bytes, static_cast<std::size_t>(got));
        std::size_t begin = 0;
        for (auto end = position.rest.find('\n'); end != std::string::npos;
             end = position.rest.find('\n', begin)) {
            auto line =
                parse_log_line(name, std::string_view(position.rest).substr(begin, end - begin));
            if (line.stamp.empty()) line.stamp = last_stamp; // stays where it was written
            last_stamp = line.stamp;
            lines.push_back(std::move(line));
            begin = end + 1;
        }
        position.rest.erase(0, begin);
    }
}

} // namespace leash::initctl
