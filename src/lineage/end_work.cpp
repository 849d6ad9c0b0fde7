// SPDX-License-Identifier: MIT
#include "lineage/end_work.h"

#include <algorithm>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

constexpr Ms kFreezeTime{20};

void collect(const std::string& folder, PidSet& pids) {
    for (pid_t pid : group_processes(folder)) pids.insert(pid);
    for (const auto& name : subgroups(folder)) collect(fmt::format("{}/{}", folder, name), pids);
}

} // namespace

bool may_be_signalled(pid_t pid) { return pid > 1 && pid != ::getpid(); }

EndWork::EndWork(EndJob the_job, CgroupTree* tree, KernelLineage* kernel)
    : job(std::move(the_job)), lineage(kernel, job.start), polite(job.signal != SIGKILL) {
    result.service = job.service;
    result.start = job.start;
    if (tree) folder = tree->path_of(job.service);
}

bool EndWork::holds_us() const {
    return members.contains(::getpid()) || members.contains(1);
}

void EndWork::list() {
    members.clear();
    in_remains.clear();
    others_live = false;
    lineage.list();
    if (!job.include_remains)
        for (pid_t pid : lineage.marked()) in_remains.insert(pid);
    if (folder.empty()) return;
    for (pid_t pid : group_processes(folder)) members.insert(pid);
    for (const auto& name : subgroups(folder)) {
        auto below = folder + "/" + name;
        auto start = parse_remains_name(name);
        if (start == 0 || job.include_remains) {
            collect(below, members);
            continue;
        }
        if (group_event(below, "populated")) others_live = true;
        if (start == job.start) collect(below, in_remains);
    }
}

void EndWork::freeze(Ms deadline) {
    if (frozen || !write_group_file(folder, "cgroup.freeze", "1")) return;
    frozen = true;
    auto end = std::min(deadline, monotonic_now() + kFreezeTime);
    while (!group_event(folder, "frozen") && monotonic_now() < end)
        std::this_thread::sleep_for(Ms{1});
}

void EndWork::thaw() {
    frozen = false;
    // There may be no such group.
    [[maybe_unused]] auto thawed = write_group_file(folder, "cgroup.freeze", "0");
}

void EndWork::move_spared() {
    if (folder.empty() || move_failed) return;
    auto remains = folder + "/" + remains_name(job.start);
    for (pid_t pid : spared) {
        if (!members.contains(pid)) continue;
        if (::mkdir(remains.c_str(), 0755) != 0 && errno != EEXIST) {
            log::warning("{}: cannot make {}: {}", job.service, remains, std::strerror(errno));
            move_failed = true;
            return;
        }
        auto moved = write_group_file(remains, "cgroup.procs", std::to_string(pid));
        if (!moved && moved.error().code != ESRCH) {
            log::warning("{}: {}", job.service, moved.error().text);
            move_failed = true;
        }
    }
}

} // namespace leash
