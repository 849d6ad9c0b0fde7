// SPDX-License-Identifier: MIT
#include "lineage/cgroup.h"

#include <climits>
#include <cstdlib>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

constexpr std::string_view kUsualPlace = "/sys/fs/cgroup";

bool is_cgroup2(const std::string& path) {
    struct statfs facts{};
    return ::statfs(path.c_str(), &facts) == 0 &&
           static_cast<unsigned long>(facts.f_type) == CGROUP2_SUPER_MAGIC;
}

Result<void> make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
        return fail_errno(errno, "cannot make the cgroup {}", path);
    return {};
}

// What of `path` lies below `folder`: "" or "/...". Nothing if it does not.
std::optional<std::string_view> below(std::string_view path, std::string_view folder) {
    if (folder == "/") folder = "";
    if (path == "/") path = "";
    if (!path.starts_with(folder)) return std::nullopt;
    path.remove_prefix(folder.size());
    if (!path.empty() && path[0] != '/') return std::nullopt;
    return path;
}

Result<std::vector<CgroupMount>> cgroup_mounts() {
    auto text = read_small_file("/proc/self/mountinfo");
    if (!text) return fail_errno(errno, "cannot read /proc/self/mountinfo");
    auto mounts = parse_cgroup_mounts(*text);
    if (mounts.empty()) return fail("no cgroup v2 is mounted");
    return mounts;
}

} // namespace

Result<CgroupTree> CgroupTree::open() {
    auto mounts = cgroup_mounts();
    if (!mounts) return std::unexpected(mounts.error());
    auto text = read_small_file("/proc/self/cgroup");
    auto own = text ? cgroup2_path(*text) : std::nullopt;
    if (!own) return fail("/proc/self/cgroup names no cgroup v2");

    const CgroupMount* chosen = nullptr;
    for (const auto& mount : *mounts) {
        // A mount may lie hidden below another one, or show a part that we are not in.
        if (!below(*own, mount.root) || !is_cgroup2(mount.point)) continue;
        if (!chosen || mount.point == kUsualPlace) chosen = &mount;
    }
    if (!chosen) return fail("no cgroup v2 mount shows our own group {}", *own);

    auto group = std::string(below(*own, "/").value_or(""));
    auto place = chosen->point + std::string(below(*own, chosen->root).value_or(""));
    auto in_leash = "/leash/" + std::string(kInitGroup);
    if (group.ends_with(in_leash) && place.ends_with(in_leash)) {
        group.resize(group.size() - in_leash.size());
        place.resize(place.size() - in_leash.size());
    }
    auto root = place + "/leash";
    if (auto made = make_folder(root); !made) return std::unexpected(made.error());
    return CgroupTree(std::move(root), group + "/leash");
}

Result<CgroupTree> CgroupTree::open_at(const std::string& leash_root) {
    if (auto made = make_folder(leash_root); !made) return std::unexpected(made.error());
    char real[PATH_MAX];
    if (!::realpath(leash_root.c_str(), real)) return fail_errno(errno, "{}", leash_root);
    if (!is_cgroup2(real)) return fail("{} is not on a cgroup2 mount", real);
    auto mounts = cgroup_mounts();
    if (!mounts) return std::unexpected(mounts.error());
    const CgroupMount* chosen = nullptr;
    for (const auto& mount : *mounts)
        if (below(real, mount.point) &&
            (!chosen || mount.point.size() >= chosen->point.size()))
            chosen = &mount;
    if (!chosen) return fail("{} is on no mount of /proc/self/mountinfo", real);
    auto group = std::string(below(chosen->root, "/").value_or("")) +
                 std::string(below(real, chosen->point).value_or(""));
    return CgroupTree(real, std::move(group));
}

std::string CgroupTree::path_of(std::string_view service) const {
    return root_ + "/" + std::string(service);
}

Result<UniqueFd> CgroupTree::enter(std::string_view service) {
    auto path = path_of(service);
    if (auto made = make_folder(path); !made) return std::unexpected(made.error());
    UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return fail_errno(errno, "cannot open {}", path);
    return folder;
}

Result<void> CgroupTree::move(pid_t pid, std::string_view service) {
    auto path = path_of(service);
    if (auto made = make_folder(path); !made) return made;
    return write_group_file(path, "cgroup.procs", std::to_string(pid));
}

Result<UniqueFd> CgroupTree::watch(std::string_view service) {
    auto path = path_of(service) + "/cgroup.events";
    UniqueFd events(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!events) return fail_errno(errno, "cannot open {}", path);
    return events;
}

bool CgroupTree::populated(std::string_view service) const {
    return group_event(path_of(service), "populated");
}

std::vector<pid_t> CgroupTree::processes(std::string_view service) const {
    return group_processes(path_of(service));
}

Result<void> CgroupTree::remove(std::string_view service) { return remove_group(path_of(service)); }

std::optional<CgroupPlace> CgroupTree::place_of(pid_t pid) const {
    auto text = read_small_file(fmt::format("/proc/{}/cgroup", pid));
    return text ? place_in(*text) : std::nullopt;
}

std::optional<CgroupPlace> CgroupTree::place_in(std::string_view proc_cgroup) const {
    auto path = cgroup2_path(proc_cgroup);
    return path ? parse_place(*path, group_) : std::nullopt;
}

} // namespace leash
