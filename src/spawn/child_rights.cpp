// SPDX-License-Identifier: MIT
// What a child may do and take, by system calls only (child_plan.h). In two steps: what takes root's
// rights comes before it becomes somebody else, what becoming somebody else would undo comes after.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "spawn/child_plan.h"
#include "spawn/raw_call.h"

namespace leash {
namespace {

constexpr int kMostCapabilities = 64;

bool has(std::uint64_t set, int number) { return (set >> number & 1) != 0; }

} // namespace

void ChildPlan::take_rights(const ProcessRights& rights) {
    rights_ = rights;
    for (const auto& limit : rights.limits)
        limit_faults_.push_back(fmt::format("cannot set rlimit-{}", limit.name));
    if (rights.oom_score_adjust) oom_score_ = std::to_string(*rights.oom_score_adjust);
}

void ChildPlan::set_limits() {
    for (std::size_t i = 0; i < rights_.limits.size(); ++i) {
        const auto& limit = rights_.limits[i];
        rlimit64 wanted{limit.soft, limit.hard};
        auto set = raw_call(SYS_prlimit64, 0, limit.resource, &wanted, nullptr);
        if (set < 0) give_up(limit_faults_[i].c_str(), set);
    }
    if (rights_.nice)
        if (auto set = raw_call(SYS_setpriority, PRIO_PROCESS, 0, *rights_.nice); set < 0)
            give_up("cannot set nice", set);
    if (oom_score_.empty()) return;
    auto fd = raw_call(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    auto set = fd >= 0 ? raw_call(SYS_write, fd, oom_score_.data(), oom_score_.size()) : fd;
    if (set < 0) give_up("cannot set oom-score-adjust", set);
    raw_call(SYS_close, fd);
}

// As the kernel documents delegation: the folder, and those of its files. The limits stay as they are.
void ChildPlan::own_group() {
    if (own_group_ < 0) return;
    for (const char* file : {"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"}) {
        int itself = *file == '\0' ? AT_EMPTY_PATH : 0;
        auto given = raw_call(SYS_fchownat, own_group_, file, uid_, gid_, itself);
        if (given < 0) give_up("cannot give it its cgroup", given);
    }
}

// What is taken from the bounding set no program can give back. Those that the kernel does not know end
// the list.
void ChildPlan::bound_capabilities() {
    if (!rights_.capabilities) return;
    for (int number = 0; number < kMostCapabilities; ++number) {
        if (has(*rights_.capabilities, number)) continue;
        auto dropped = raw_call(SYS_prctl, PR_CAPBSET_DROP, number, 0, 0, 0);
        if (dropped == -EINVAL) break;
        if (dropped < 0) give_up("cannot take away capability", dropped, number);
    }
    // Or becoming another user would take all of them.
    if (auto kept = raw_call(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0); kept < 0)
        give_up("cannot keep capabilities", kept);
}

void ChildPlan::give_capabilities() {
    if (rights_.capabilities) {
        auto low = static_cast<std::uint32_t>(*rights_.capabilities);
        auto high = static_cast<std::uint32_t>(*rights_.capabilities >> 32);
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct sets[2] = {{low, low, low}, {high, high, high}};
        auto set = raw_call(SYS_capset, &header, sets);
        if (set < 0) give_up("cannot set capabilities", set);
        // Root's programs get what the bounding set has left.
        for (int number = 0; uid_ != 0 && number < kMostCapabilities; ++number) {
            if (!has(*rights_.capabilities, number)) continue;
            auto raised = raw_call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0);
            if (raised < 0) give_up("cannot give capability", raised, number);
        }
    }
    if (!rights_.no_new_privileges) return;
    if (auto set = raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); set < 0)
        give_up("cannot set no-new-privileges", set);
}

} // namespace leash
