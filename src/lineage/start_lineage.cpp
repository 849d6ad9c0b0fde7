// SPDX-License-Identifier: MIT
#include "lineage/start_lineage.h"

#include <algorithm>
#include <csignal>

#include "base/log.h"

namespace leash {

namespace {

std::optional<leash_whois> proven(const KernelLineage* kernel, pid_t pid) {
    auto whose = kernel ? kernel->whois(pid) : std::nullopt;
    if (!whose || whose->start == 0 || whose->via == LEASH_VIA_TAG) return std::nullopt;
    return whose;
}

} // namespace

bool is_proven(const KernelLineage* kernel, pid_t pid) { return proven(kernel, pid).has_value(); }

StartLineage::StartLineage(KernelLineage* kernel, StartId start)
    : kernel_(start != 0 ? kernel : nullptr), start_(start),
      known_(kernel_ && kernel_->start(start).has_value()) {}

void StartLineage::list() {
    members_.clear();
    marked_.clear();
    if (!known_) return;
    auto seen = kernel_->snapshot(0, {.start = start_}, [this](const leash_task& task) {
        if ((task.flags & LEASH_TASK_DEAD) || task.via == LEASH_VIA_TAG) return;
        members_.insert(task.tgid);
        if (task.flags & LEASH_TASK_SPARED) marked_.insert(task.tgid);
    });
    if (!seen) log::warning("{}", seen.error().text);
}

StartLineage::Verdict StartLineage::judge(pid_t pid) const {
    auto whose = proven(kernel_, pid);
    if (!whose) return Verdict::unknown;
    if (whose->start != start_) return Verdict::elsewhere;
    return whose->flags & LEASH_WHOIS_SPARED ? Verdict::spared : Verdict::ours;
}

void StartLineage::spare(const PidSet& pids, const PidSet& without_descendants) {
    if (!known_) return;
    for (pid_t pid : pids) {
        bool tree = !without_descendants.contains(pid);
        auto spared = kernel_->spare(start_, {.pid = pid, .tree = tree});
        // ESRCH: it has ended, or it is in the cgroup and not of this descent.
        if (!spared && spared.error().code != ESRCH)
            log::warning("cannot spare process {}: {}", pid, spared.error().text);
    }
}

void StartLineage::kill(bool spared_too) {
    if (!known_) return;
    auto done = kernel_->kill(start_, SIGKILL, {.spared = spared_too});
    if (done) killed_ = std::max(killed_, done->signalled);
    else if (done.error().code == ENOENT) known_ = false;
    else log::warning("{}", done.error().text);
}

bool StartLineage::over(bool spared_too) {
    if (!known_) return true;
    auto left = kernel_->kill(start_, 0, {.spared = spared_too});
    if (!left) return left.error().code == ENOENT;
    incomplete_ = left->incomplete;
    if (!incomplete_ || rescans_ >= kMostRescans) return left->live == 0;
    ++rescans_;
    if (auto found = kernel_->rescan(); !found) log::warning("{}", found.error().text);
    return false; // look again with what it has found
}

} // namespace leash
