// SPDX-License-Identifier: MIT
// The files of cgroup v2, by the path of a group's folder, and the texts the kernel has about them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/tag.h"
#include "lineage/cgroup.h"

namespace leash {

inline constexpr std::size_t kCgroupTextLimit = 16'384; // of /proc/PID/cgroup

// A file of a group, such as "cgroup.kill". ENOENT: no such group, or the kernel lacks the file.
Result<void> write_group_file(const std::string& folder, const char* file, std::string_view text);
[[nodiscard]] std::optional<std::string> read_small_file(const std::string& path);

[[nodiscard]] std::vector<pid_t> group_processes(const std::string& folder); // not below it
[[nodiscard]] std::vector<std::string> subgroups(const std::string& folder); // names
// `key` of cgroup.events: "populated", "frozen". False if there is no such group.
[[nodiscard]] bool group_event(const std::string& folder, std::string_view key);
// Removes the folder and those in it. EBUSY: something lives there. Success if it does not exist.
Result<void> remove_group(const std::string& folder);

// "remains.<id>" and back; 0 if the name is none.
[[nodiscard]] std::string remains_name(StartId start);
[[nodiscard]] StartId parse_remains_name(std::string_view name);

// Of the text of /proc/PID/cgroup: the path behind "0::", nothing without cgroup v2. The group may
// be gone by now (" (deleted)" is cut off).
[[nodiscard]] std::optional<std::string_view> cgroup2_path(std::string_view proc_cgroup);
// Which service's group is `path`, if LEASH_ROOT is `leash_group`? Both as in /proc/PID/cgroup.
[[nodiscard]] std::optional<CgroupPlace> parse_place(std::string_view path,
                                                     std::string_view leash_group);

struct CgroupMount {
    std::string root; // the group at its top, as in /proc/PID/cgroup
    std::string point;
};
// The cgroup2 mounts in the text of /proc/self/mountinfo.
[[nodiscard]] std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);

} // namespace leash
