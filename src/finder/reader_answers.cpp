// SPDX-License-Identifier: MIT
#include "finder/reader_answers.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace leash::finder {
namespace {

constexpr std::size_t kMostMaps = 8 << 20;

std::optional<std::string> text_of(const std::string& path, std::size_t most) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    std::array<char, 16384> chunk{};
    while (text.size() < most) {
        auto length = ::read(fd.get(), chunk.data(), chunk.size());
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return std::nullopt;
        if (length == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(length));
    }
    return text;
}

// As much from the beginning as is there: a page that is missing ends it.
std::string memory_at(pid_t pid, std::uint64_t address, std::size_t size) {
    std::array<char, kMostAnswer> bytes{};
    size = std::min(size, bytes.size() - 1);
    iovec to{bytes.data(), size};
    std::vector<iovec> from;
    auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    for (std::uint64_t at = address, end = address + size; at < end;) {
        auto next = std::min(end, (at / page + 1) * page);
        from.push_back({reinterpret_cast<void*>(at), next - at});
        at = next;
    }
    auto length = ::process_vm_readv(pid, &to, 1, from.data(), from.size(), 0);
    return length > 0 ? std::string(bytes.data(), static_cast<std::size_t>(length)) : "";
}

std::optional<bool> have_same_memory(pid_t one, pid_t other) {
    auto order = ::syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0);
    if (order < 0) return std::nullopt;
    return order == 0;
}

std::optional<std::uint64_t> pid_namespace(const std::string& process) {
    struct stat info{};
    if (::stat(("/proc/" + process + "/ns/pid").c_str(), &info) != 0) return std::nullopt;
    return info.st_ino;
}

// The last number of the line NSpid: what the thread is called in its own namespace.
std::optional<pid_t> inner_number(const std::string& status) {
    auto line = status.find("\nNSpid:");
    if (line == std::string::npos) return std::nullopt;
    std::istringstream numbers(status.substr(line + 7, status.find('\n', line + 1) - line - 7));
    pid_t number = 0, last = 0;
    while (numbers >> number) last = number;
    return last;
}

std::optional<pid_t> find_thread(pid_t pid, pid_t tid) {
    auto process = std::to_string(pid);
    auto theirs = pid_namespace(process), ours = pid_namespace("self");
    if (!theirs || !ours) return std::nullopt;
    if (*theirs == *ours) {
        struct stat info{};
        if (::stat(fmt::format("/proc/{}", tid).c_str(), &info) == 0) return tid;
        return errno == ENOENT ? std::optional<pid_t>(0) : std::nullopt;
    }
    // Elsewhere a number is looked for among the threads of that process alone; a lock that is
    // held by another process there stays without an owner.
    auto folder = "/proc/" + process + "/task";
    DIR* threads = ::opendir(folder.c_str());
    if (threads == nullptr) return std::nullopt;
    std::optional<pid_t> found;
    while (const auto* entry = ::readdir(threads)) {
        if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
        auto status = text_of(fmt::format("{}/{}/status", folder, entry->d_name), 65536);
        if (status && inner_number(*status) == tid) found = std::atoi(entry->d_name);
        if (found) break;
    }
    ::closedir(threads);
    return found;
}

std::optional<std::string> answer(const Question& question) {
    auto other = static_cast<pid_t>(question.number);
    switch (question.what) {
    case Question::memory: return memory_at(question.pid, question.number, question.size);
    case Question::same_memory:
        if (auto same = have_same_memory(question.pid, other)) return *same ? "y" : "n";
        return std::nullopt;
    case Question::thread_here:
        if (auto here = find_thread(question.pid, other))
            return std::string(reinterpret_cast<const char*>(&*here), sizeof *here);
        return std::nullopt;
    case Question::place: {
        auto maps = text_of(fmt::format("/proc/{}/maps", question.pid), kMostMaps);
        if (!maps) return std::nullopt;
        return place_in_maps(*maps, question.number);
    }
    case Question::kernel_place: {
        auto task = fmt::format("/proc/{}/task/{}/", question.pid, other);
        if (auto stack = text_of(task + "stack", 65536))
            if (auto text = innermost(*stack); !text.empty()) return text;
        auto wchan = text_of(task + "wchan", 256);
        return wchan && *wchan != "0" ? wchan : std::nullopt;
    }
    }
    return std::nullopt;
}

} // namespace

std::string place_in_maps(const std::string& maps, std::uint64_t address) {
    std::istringstream lines(maps);
    std::string name, line;
    std::uint64_t base = 0, last_end = 0;
    while (std::getline(lines, line)) {
        std::uint64_t from = 0, to = 0, inode = 0;
        int path_at = 0;
        if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64 " %n", &from,
                        &to, &inode, &path_at) < 3)
            continue;
        auto path = path_at > 0 ? line.substr(static_cast<std::size_t>(path_at)) : std::string();
        bool bss = path.empty() && from == last_end && !name.empty() && name.front() != '[';
        if (!bss && path != name) {
            name = path;
            base = from;
        }
        last_end = to;
        if (address < from) return {};
        if (address >= to) continue;
        if (name.empty()) return fmt::format("[anon]+0x{:x}", address - from);
        auto slash = name.rfind('/');
        if (slash != std::string::npos && !name.starts_with("/dev/shm/"))
            return fmt::format("{}+0x{:x}", std::string_view(name).substr(slash + 1),
                               address - base);
        return fmt::format("{}+0x{:x}", name, address - base);
    }
    return {};
}

std::string innermost(const std::string& stack) {
    std::istringstream lines(stack);
    std::string line, text;
    for (int depth = 0; depth < 4 && std::getline(lines, line);) {
        // "[<0>] do_wait+0x5f/0xa0", "[<0>] ext4_sync [ext4]"
        auto begin = line.find("] ");
        if (begin == std::string::npos) continue;
        auto end = line.find_first_of("+ ", begin + 2);
        auto function = line.substr(begin + 2, end == std::string::npos ? end : end - begin - 2);
        if (function.empty() || function.starts_with("0x")) continue;
        if (function.starts_with("do_syscall") || function.starts_with("entry_SYSCALL")) break;
        text += (text.empty() ? "" : " < ") + function;
        ++depth;
    }
    return text;
}

void answer_questions(int socket) {
    // Nothing of the parent's is held open.
    constexpr int kAsking = 3;
    if (socket != kAsking) ::dup3(socket, kAsking, O_CLOEXEC);
    ::syscall(SYS_close_range, kAsking + 1, ~0U, 0);
    while (true) {
        Question question;
        auto length = ::recv(kAsking, &question, sizeof question, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length != sizeof question) ::_exit(0);
        auto text = answer(question);
        std::string reply(1, text ? kKnown : kUnknown);
        if (text) reply += text->substr(0, kMostAnswer);
        if (::send(kAsking, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) ::_exit(0);
    }
}

} // namespace leash::finder
