// SPDX-License-Identifier: MIT
#include "base/process.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"

namespace leash {
namespace {

constexpr std::uint64_t kKernelThread = 0x0020'0000; // PF_KTHREAD

constexpr int kMostExtensions = 200; // of one walk

template <class Number> bool to_number(std::string_view text, Number& value) {
    auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && at == text.data() + text.size();
}

// As <dirent.h> has it for getdents64, which is called directly because readdir hides positions.
struct Entry {
    std::uint64_t inode;
    std::int64_t next; // the position of the following entry
    unsigned short length;
    unsigned char type;
    char name[];
};

} // namespace

Result<UniqueFd> open_pidfd(pid_t pid) {
    auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return fail_errno(errno, "pidfd_open({})", pid);
    return UniqueFd(fd);
}

Result<void> signal_pidfd(int pidfd, int signal) {
    if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0)
        return fail_errno(errno, "pidfd_send_signal({})", signal);
    return {};
}

DescriptorKind kind_of_descriptor(int fd) {
    char target[32] = "";
    auto link = fmt::format("/proc/self/fd/{}", fd);
    if (::readlink(link.c_str(), target, sizeof target - 1) < 0) return DescriptorKind::other;
    std::string_view name(target);
    if (name.starts_with("socket:[")) return DescriptorKind::socket;
    if (name.starts_with("pipe:[")) return DescriptorKind::pipe;
    bool pidfd = name.starts_with("anon_inode:[pidfd]") || name.starts_with("pidfd:[");
    return pidfd ? DescriptorKind::pidfd : DescriptorKind::other;
}

Result<pid_t> pid_of_pidfd(int pidfd) {
    // Asked by name first: what other files tell of themselves may take a lock.
    if (kind_of_descriptor(pidfd) != DescriptorKind::pidfd) return fail("it is no pidfd");
    UniqueFd info(::open(fmt::format("/proc/self/fdinfo/{}", pidfd).c_str(), O_RDONLY | O_CLOEXEC));
    char text[1024];
    auto got = info ? ::read(info.get(), text, sizeof text) : -1;
    std::string_view lines(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    auto at = lines.find("\nPid:");
    if (at == std::string_view::npos) return fail("it is no pidfd");
    auto pid = std::strtol(std::string(lines.substr(at + 5, 16)).c_str(), nullptr, 10);
    if (pid <= 0) return fail("that process has ended, or is of another PID namespace");
    return static_cast<pid_t>(pid);
}

std::optional<std::uint64_t> pidfd_id(int pidfd) {
    constexpr std::uint64_t kPidFs = 0x50494446;
    struct statfs system {};
    struct stat info {};
    if (::fstatfs(pidfd, &system) != 0 || static_cast<std::uint64_t>(system.f_type) != kPidFs)
        return std::nullopt;
    if (::fstat(pidfd, &info) != 0) return std::nullopt;
    return info.st_ino;
}

std::optional<ProcessStat> parse_stat(std::string_view line) {
    // The name may hold blanks and brackets, and the process chooses it: the last ')' ends it.
    auto open = line.find(" (");
    auto close = line.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2)
        return std::nullopt;
    ProcessStat stat;
    if (!to_number(line.substr(0, open), stat.pid)) return std::nullopt;
    stat.comm = line.substr(open + 2, close - open - 2);

    // proc(5) counts from 1, and the name is field 2.
    std::array<std::string_view, 53> field;
    std::size_t count = 3;
    line.remove_prefix(close + 1);
    while (count < field.size()) {
        auto start = line.find_first_not_of(" \n");
        if (start == std::string_view::npos) break;
        auto end = std::min(line.find_first_of(" \n", start), line.size());
        field[count++] = line.substr(start, end - start);
        line.remove_prefix(end);
    }
    if (count <= 22 || field[3].size() != 1) return std::nullopt;
    std::uint64_t flags = 0, user = 0, system = 0, environment_start = 0, environment_end = 0;
    if (!to_number(field[4], stat.parent) || !to_number(field[5], stat.group) ||
        !to_number(field[6], stat.session) || !to_number(field[7], stat.tty) ||
        !to_number(field[9], flags) || !to_number(field[14], user) ||
        !to_number(field[15], system) || !to_number(field[20], stat.threads) ||
        !to_number(field[22], stat.start_ticks))
        return std::nullopt;
    stat.state = field[3][0];
    stat.kernel = (flags & kKernelThread) != 0;
    stat.cpu_ticks = user + system;
    if (count > 51 && to_number(field[50], environment_start) &&
        to_number(field[51], environment_end))
        stat.environment_is_empty = environment_end != 0 && environment_start == environment_end;
    return stat;
}

std::optional<ProcFolder> ProcFolder::open(pid_t pid) {
    auto path = fmt::format("/proc/{}", pid);
    UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return std::nullopt;
    return ProcFolder(std::move(folder));
}

std::optional<ProcFolder> ProcFolder::open(pid_t pid, pid_t tid) {
    auto process = open(pid);
    return process ? process->task(tid) : std::nullopt;
}

std::optional<ProcFolder> ProcFolder::task(pid_t tid) const {
    auto path = fmt::format("task/{}", tid);
    UniqueFd folder(::openat(fd(), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return std::nullopt;
    return ProcFolder(std::move(folder));
}

std::optional<std::string> ProcFolder::read(const char* file, std::size_t limit) const {
    UniqueFd open_file(::openat(fd(), file, O_RDONLY | O_CLOEXEC));
    if (!open_file) return std::nullopt;
    std::string text(std::min<std::size_t>(limit, 4096), '\0');
    std::size_t used = 0;
    while (true) {
        auto got = ::read(open_file.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        used += static_cast<std::size_t>(got);
        if (got == 0 || used == limit) break;
        if (used == text.size()) text.resize(std::min(limit, text.size() * 4));
    }
    text.resize(used);
    return text;
}

std::optional<ProcessStat> ProcFolder::stat() const {
    auto line = read("stat", 4096);
    return line ? parse_stat(*line) : std::nullopt;
}

std::vector<pid_t> ProcFolder::tasks() const {
    std::vector<pid_t> tids;
    int fd = ::openat(folder_.get(), "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* folder = fd < 0 ? nullptr : ::fdopendir(fd);
    if (!folder) {
        if (fd >= 0) ::close(fd);
        return tids;
    }
    while (auto* entry = ::readdir(folder))
        if (pid_t tid = 0; to_number(std::string_view(entry->d_name), tid)) tids.push_back(tid);
    ::closedir(folder);
    return tids;
}

std::optional<ProcessStat> read_stat(pid_t pid) {
    auto folder = ProcFolder::open(pid);
    return folder ? folder->stat() : std::nullopt;
}

std::uint32_t open_descriptors(pid_t pid) {
    DIR* folder = opendir(fmt::format("/proc/{}/fd", pid).c_str());
    if (folder == nullptr) return 0;
    std::uint32_t count = 0;
    while (const dirent* entry = readdir(folder))
        if (entry->d_name[0] != '.') ++count;
    closedir(folder);
    return count;
}

pid_t living_thread(const ProcFolder& folder, const ProcessStat& stat) {
    if (!stat.dead()) return stat.pid;
    if (stat.threads <= 1) return 0;
    for (pid_t tid : folder.tasks()) {
        auto task = folder.task(tid);
        auto task_stat = task ? task->stat() : std::nullopt;
        if (task_stat && !task_stat->dead()) return tid;
    }
    return 0;
}

ProcessWalk::ProcessWalk()
    : proc_(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), buffer_(16'384) {}

std::vector<pid_t> ProcessWalk::next() {
    std::vector<pid_t> pids;
    bool extended = false;
    while (proc_ && pids.empty()) {
        auto got = ::syscall(SYS_getdents64, proc_.get(), buffer_.data(), buffer_.size());
        if (got < 0) break;
        if (got == 0) {
            // The kernel does not look beyond what was the end a moment ago. We do.
            if (!shift_ || extended || ++extensions_ > kMostExtensions) break;
            extended = true;
            seek(behind_);
            continue;
        }
        std::optional<std::int64_t> next_position;
        for (long at = 0; at < got;) {
            char* place = buffer_.data() + at;
            std::int64_t position;
            unsigned short length;
            std::memcpy(&position, place + offsetof(Entry, next), sizeof position);
            std::memcpy(&length, place + offsetof(Entry, length), sizeof length);
            at += length;
            pid_t pid = 0;
            bool process = to_number(std::string_view(place + offsetof(Entry, name)), pid);
            if (process && next_position) shift_ = *next_position - pid;
            next_position = position;
            if (process && pid > behind_) pids.push_back(pid);
        }
        if (!pids.empty()) behind_ = pids.back();
    }
    return pids;
}

void ProcessWalk::restart(pid_t behind) {
    extensions_ = 0;
    seek(behind);
}

void ProcessWalk::seek(pid_t behind) {
    behind_ = behind;
    auto position = behind > 0 && shift_ ? behind + 1 + *shift_ : 0;
    if (proc_) ::lseek(proc_.get(), position, SEEK_SET);
}

} // namespace leash
