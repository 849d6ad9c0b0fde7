// SPDX-License-Identifier: MIT
#include "lineage/leftovers.h"

#include <cerrno>

#include "base/log.h"

namespace leash {
namespace {

constexpr int kMostPasses = 8;

} // namespace

bool has_leftovers(KernelLineage& kernel, const std::string& service) {
    auto left = kernel.kill(group_of(service), 0, {.group = true});
    return left && left->live > 0; // ENOENT: it is the first start
}

std::vector<Leftover> leftovers(KernelLineage& kernel, const std::string& service, StartId current) {
    std::vector<Leftover> found;
    auto starts = kernel.starts(group_of(service));
    if (!starts) return found;
    for (const auto& start : *starts) {
        if (start.id == current || start.live == 0) continue;
        auto seen = kernel.snapshot(0, {.start = start.id}, [&](const leash_task& task) {
            if (task.flags & (LEASH_TASK_DEAD | LEASH_TASK_SPARED)) return;
            if (task.via != LEASH_VIA_TAG)
                found.push_back({task.tgid, task.start_ns, task.start});
        });
        if (!seen) log::warning("{}", seen.error().text);
    }
    return found;
}

TakenOver take_over_leftovers(KernelLineage& kernel, const std::string& service, StartId current) {
    TakenOver taken;
    std::string complaint;
    for (int pass = 0; pass < kMostPasses; ++pass) {
        taken.theirs = leftovers(kernel, service, current);
        if (taken.theirs.empty()) return taken;
        for (const auto& process : taken.theirs) {
            KernelLineage::Which which{.pid = process.pid, .start_ns = process.began_ns};
            auto adopted = kernel.adopt(current, which, true);
            if (adopted) taken.ours.push_back(process);
            else if (adopted.error().code != ESRCH) complaint = adopted.error().text;
        }
    }
    taken.theirs = leftovers(kernel, service, current);
    if (!taken.theirs.empty() && !complaint.empty()) log::warning("{}: {}", service, complaint);
    return taken;
}

} // namespace leash
