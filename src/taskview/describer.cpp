// SPDX-License-Identifier: MIT
#include "taskview/describer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace leash::taskview {
namespace {

constexpr std::size_t kCommandLimit = 4096;
constexpr int kFileIdKernfs = 0xFE; // FILEID_KERNFS of the kernel's exportfs.h
constexpr std::array kCgroupMounts{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

std::string link_target(int folder, const std::string& path) {
    std::array<char, 4096> target{};
    auto length = ::readlinkat(folder, path.c_str(), target.data(), target.size());
    return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : "";
}

// map[key], made by make() the first time.
template <class Map, class Make>
const std::string& once(Map& map, typename Map::key_type key, Make make) {
    auto [entry, is_new] = map.try_emplace(key);
    if (is_new) entry->second = make();
    return entry->second;
}

} // namespace

std::string command_text(std::string cmdline, const leash_task& task) {
    while (cmdline.ends_with('\0')) cmdline.pop_back();
    std::ranges::replace(cmdline, '\0', ' ');
    return cmdline.empty() ? fmt::format("[{}]", task.comm) : cmdline;
}

Describer::Describer() : proc_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    for (const char* mount : kCgroupMounts) {
        struct statfs info{};
        if (::statfs(mount, &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) continue;
        cgroups_.reset(::open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        cgroup_mount_ = mount;
        break;
    }
}

void Describer::next_sample() {
    cmdlines_.clear();
    programs_.clear();
}

void Describer::describe(Row& row, unsigned extras) {
    const auto& task = row.task;
    // The memory of a kernel thread, a zombie and the like holds no command line.
    bool no_memory = row.is(LEASH_TASK_KERNEL) || row.is(LEASH_TASK_DEAD);
    if (extras & extra::command) {
        row.command = command_text(
            no_memory ? "" : once(cmdlines_, task.tgid, [&] { return read_cmdline(task); }), task);
    }
    if ((extras & extra::exe) && !no_memory)
        row.exe = once(programs_, task.tgid, [&] { return read_exe(task); });
    if (extras & extra::user)
        row.user = once(users_, task.uid, [&] { return user_name(task.uid); });
    if ((extras & extra::cgroup_path) && row.has(LEASH_FACT_CGROUP))
        row.cgroup_path = once(groups_, task.cgroup, [&] { return cgroup_folder(task.cgroup); });
}

std::string Describer::read_cmdline(const leash_task& task) const {
    auto path = fmt::format("{}/cmdline", task.tgid);
    UniqueFd file(::openat(proc_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text(kCommandLimit, '\0');
    ssize_t length = -1;
    if (file) {
        do length = ::read(file.get(), text.data(), text.size());
        while (length < 0 && errno == EINTR);
    }
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text;
}

std::string Describer::read_exe(const leash_task& task) const {
    return link_target(proc_.get(), fmt::format("{}/exe", task.tgid));
}

std::string Describer::user_name(std::uint32_t uid) {
    const auto* account = ::getpwuid(uid);
    return account != nullptr ? account->pw_name : std::to_string(uid);
}

// The number of a cgroup is a file handle, too: no search through the tree.
std::string Describer::cgroup_folder(std::uint64_t inode) const {
    if (!cgroups_) return "";
    alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof inode> space{};
    auto* handle = reinterpret_cast<file_handle*>(space.data());
    handle->handle_bytes = sizeof inode;
    handle->handle_type = kFileIdKernfs;
    std::memcpy(handle->f_handle, &inode, sizeof inode);
    UniqueFd folder(::open_by_handle_at(cgroups_.get(), handle, O_PATH | O_CLOEXEC));
    if (!folder) return "";
    auto path = link_target(proc_.get(), fmt::format("self/fd/{}", folder.get()));
    if (path == cgroup_mount_) return "/";
    return path.starts_with(cgroup_mount_ + "/") ? path.substr(cgroup_mount_.size()) : path;
}

} // namespace leash::taskview
