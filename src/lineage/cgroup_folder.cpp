// SPDX-License-Identifier: MIT
#include "lineage/cgroup_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"

namespace leash {
namespace {

constexpr std::string_view kRemains = "remains.";

} // namespace

Result<void> write_group_file(const std::string& folder, const char* file, std::string_view text) {
    auto path = folder + "/" + file;
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return fail_errno(errno, "cannot open {}", path);
    if (::write(fd.get(), text.data(), text.size()) < 0)
        return fail_errno(errno, "cannot write '{}' to {}", text, path);
    return {};
}

std::optional<std::string> read_small_file(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    char buffer[4096];
    while (true) {
        auto got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

std::vector<pid_t> group_processes(const std::string& folder) {
    std::vector<pid_t> pids;
    auto text = read_small_file(folder + "/cgroup.procs");
    if (!text) return pids;
    for (auto line : split(*text, '\n', true)) {
        auto pid = parse_unsigned(line);
        if (pid && *pid > 0) pids.push_back(static_cast<pid_t>(*pid)); // 0: not in our namespace
    }
    return pids;
}

std::vector<std::string> subgroups(const std::string& folder) {
    std::vector<std::string> names;
    DIR* open_folder = ::opendir(folder.c_str());
    if (!open_folder) return names;
    while (auto* entry = ::readdir(open_folder)) {
        std::string_view name = entry->d_name;
        if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(open_folder);
    return names;
}

bool group_event(const std::string& folder, std::string_view key) {
    auto text = read_small_file(folder + "/cgroup.events");
    if (!text) return false;
    for (auto line : split(*text, '\n', true))
        if (line.starts_with(key) && line.substr(key.size()) == " 1") return true;
    return false;
}

Result<void> remove_group(const std::string& folder) {
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) return fail_errno(errno, "cannot remove {}", folder);
    if (group_event(folder, "populated")) return fail_errno(EBUSY, "cannot remove {}", folder);
    for (const auto& name : subgroups(folder))
        if (auto removed = remove_group(fmt::format("{}/{}", folder, name)); !removed) return removed;
    if (::rmdir(folder.c_str()) != 0 && errno != ENOENT)
        return fail_errno(errno, "cannot remove {}", folder);
    return {};
}

std::string remains_name(StartId start) { return std::string(kRemains) + format_start_id(start); }

StartId parse_remains_name(std::string_view name) {
    if (!name.starts_with(kRemains)) return 0;
    return parse_start_id(name.substr(kRemains.size())).value_or(0);
}

std::optional<std::string_view> cgroup2_path(std::string_view proc_cgroup) {
    for (auto line : split(proc_cgroup, '\n', true)) {
        if (!line.starts_with("0::")) continue;
        line.remove_prefix(3);
        constexpr std::string_view kDeleted = " (deleted)";
        if (line.ends_with(kDeleted)) line.remove_suffix(kDeleted.size());
        return line;
    }
    return std::nullopt;
}

std::optional<CgroupPlace> parse_place(std::string_view path, std::string_view leash_group) {
    if (leash_group == "/") leash_group = "";
    if (!path.starts_with(leash_group)) return std::nullopt;
    path.remove_prefix(leash_group.size());
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    auto end = path.find('/');
    auto name = path.substr(0, end);
    if (!valid_service_name(name) || name == kInitGroup) return std::nullopt;
    CgroupPlace place{std::string(name), 0};
    if (end != std::string_view::npos) {
        path.remove_prefix(end + 1);
        place.remains_of = parse_remains_name(path.substr(0, path.find('/')));
    }
    return place;
}

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo) {
    std::vector<CgroupMount> mounts;
    for (auto line : split(mountinfo, '\n', true)) {
        auto dash = line.find(" - ");
        if (dash == std::string_view::npos || !line.substr(dash + 3).starts_with("cgroup2 "))
            continue;
        auto fields = split(line.substr(0, dash), ' ', true);
        if (fields.size() >= 5) mounts.push_back({unescape_octal(fields[3]), unescape_octal(fields[4])});
    }
    return mounts;
}

} // namespace leash
