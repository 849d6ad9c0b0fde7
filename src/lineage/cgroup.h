// SPDX-License-Identifier: MIT
// The cgroup v2 tree of Leash: LEASH_ROOT/NAME holds the tasks of service NAME's current start;
// LEASH_ROOT/NAME/remains.ID what the policy spared of start ID. Everything here touches kernfs only
// and never waits, so PID 1's loop may call it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/tag.h"
#include "base/unique_fd.h"

namespace leash {

struct CgroupPlace {
    std::string service;
    StartId remains_of = 0; // 0: the current start's group
};

// LEASH_ROOT/init: where init puts itself in a container. No service can have this name.
inline constexpr std::string_view kInitGroup = "init";

class CgroupTree {
  public:
    // Finds the v2 hierarchy (at /sys/fs/cgroup, else wherever /proc/self/mountinfo has it) and
    // makes LEASH_ROOT = <mount>/<own group>/leash below the group this process is in (the real
    // root for PID 1 of a machine). In <group>/leash/init it finds <group>/leash again. An error
    // means: no cgroup v2 here; the tag alone has to do.
    static Result<CgroupTree> open();
    // For tests: any folder on a cgroup2 mount as LEASH_ROOT.
    static Result<CgroupTree> open_at(const std::string& leash_root);

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::string path_of(std::string_view service) const;

    // Makes the group of a service if need be and opens its folder (for CLONE_INTO_CGROUP).
    Result<UniqueFd> enter(std::string_view service);
    // Moves a process into it: the fall-back where CLONE_INTO_CGROUP is refused.
    Result<void> move(pid_t pid, std::string_view service);
    // cgroup.events, to be polled with POLLPRI; `populated 0` = nothing lives in it or below (and
    // remains.* are below: with remains, ask `processes`).
    Result<UniqueFd> watch(std::string_view service);
    [[nodiscard]] bool populated(std::string_view service) const;
    [[nodiscard]] std::vector<pid_t> processes(std::string_view service) const; // not below it
    // Removes the group, and those in it, if nothing lives there. Error EBUSY otherwise; no error
    // if there is no such group.
    Result<void> remove(std::string_view service);

    // Where a process is, by /proc/PID/cgroup: nothing if outside LEASH_ROOT.
    [[nodiscard]] std::optional<CgroupPlace> place_of(pid_t pid) const;
    // The same from the text of a /proc/PID/cgroup or /proc/PID/task/TID/cgroup.
    [[nodiscard]] std::optional<CgroupPlace> place_in(std::string_view proc_cgroup) const;

  private:
    CgroupTree(std::string root, std::string group)
        : root_(std::move(root)), group_(std::move(group)) {}
    std::string root_;
    std::string group_; // LEASH_ROOT as /proc/PID/cgroup names it
};

} // namespace leash
