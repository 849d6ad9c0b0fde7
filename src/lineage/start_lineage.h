// SPDX-License-Identifier: MIT
// What the kernel module says of one start that is being ended. Without the module, or where it has
// never heard of the start, everything here is empty and says so: cgroup and tag decide then.
#pragma once

#include "lineage/kernel_lineage.h"
#include "lineage/session_rule.h"

namespace leash {

// Is it known by more than its tag which start a process is of? Then the tag adds nothing.
[[nodiscard]] bool is_proven(const KernelLineage* kernel, pid_t pid);

class StartLineage {
  public:
    StartLineage() = default;
    StartLineage(KernelLineage* kernel, StartId start);

    // Its processes, which live, but for those whose tag alone says so. To be asked for again in
    // each round: the module knows better than any list.
    void list();
    [[nodiscard]] const PidSet& members() const { return members_; }
    [[nodiscard]] const PidSet& marked() const { return marked_; } // of these: to be spared

    enum class Verdict { unknown, ours, spared, elsewhere };
    // Proven by the module, not claimed. `elsewhere`: it belongs to another start.
    [[nodiscard]] Verdict judge(pid_t pid) const;

    // KernelLineage::kill passes these by, and what they fork from now on.
    void spare(const PidSet& pids, const PidSet& without_descendants);
    // All at once, new-borns included.
    void kill(bool spared_too);
    [[nodiscard]] int killed() const { return killed_; }

    // Nothing that is to be killed lives. May take time: searches if the module has lost track.
    [[nodiscard]] bool over(bool spared_too);
    // What it says is all there is to know.
    [[nodiscard]] bool complete() const { return known_ && !incomplete_; }

  private:
    static constexpr int kMostRescans = 3;
    KernelLineage* kernel_ = nullptr;
    StartId start_ = 0;
    PidSet members_, marked_;
    bool known_ = false, incomplete_ = false;
    int killed_ = 0, rescans_ = 0;
};

} // namespace leash
