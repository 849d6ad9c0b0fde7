// SPDX-License-Identifier: MIT
// The sources behind an Attribution. To add one: derive from AttributionSource and put it into the
// list in front of the weaker ones.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/process.h"
#include "lineage/attribution.h"
#include "lineage/cgroup.h"
#include "lineage/kernel_lineage.h"
#include "lineage/tag_reader.h"

namespace leash {

// One task under examination. What is costly to learn is learned when a source asks for it.
class TaskEvidence {
  public:
    // `task` is the task's own folder, `process` that of its process (the same but for threads).
    TaskEvidence(pid_t pid, const ProcFolder& task, const ProcFolder& process,
                 const ProcessStat& task_stat, const ProcessStat& process_stat)
        : pid_(pid), task_(task), process_(process), task_stat_(task_stat),
          process_stat_(process_stat) {}

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] pid_t tid() const { return task_stat_.pid; }
    [[nodiscard]] const ProcFolder& folder() const { return task_; }
    [[nodiscard]] std::uint64_t process_start_ticks() const { return process_stat_.start_ticks; }
    [[nodiscard]] const std::optional<Tag>& tag() const;

  private:
    pid_t pid_;
    const ProcFolder& task_;
    const ProcFolder& process_;
    const ProcessStat& task_stat_;
    const ProcessStat& process_stat_;
    mutable std::optional<TagReading> reading_;
};

class AttributionSource {
  public:
    virtual ~AttributionSource() = default;
    // Nothing: this source does not know the task, and the next one is asked.
    [[nodiscard]] virtual std::optional<Attribution> ask(const TaskEvidence& task) const = 0;
};

// What the kernel module has recorded. It says that it found a process by cgroup if it did.
class KernelSource : public AttributionSource {
  public:
    // A tag that the module has seen at an execve is as weak as one that is read now: it is asked
    // for behind the cgroup.
    enum class Trust { proofs, claims };
    // `tree` may be null: without cgroups nothing can leave them.
    KernelSource(const KernelLineage& kernel, const CgroupTree* tree, Trust trust)
        : kernel_(kernel), tree_(tree), trust_(trust) {}
    [[nodiscard]] std::optional<Attribution> ask(const TaskEvidence& task) const override;

  private:
    const KernelLineage& kernel_;
    const CgroupTree* tree_;
    Trust trust_;
};

// Does the answer speak of the process that began at that time? Numbers are given away again.
[[nodiscard]] bool same_process(const leash_whois& whose, std::uint64_t start_ticks);

// Knows the service. The start is told by the tag if that names the same service, else by the name
// of a remains.ID group, else it is 0: the current start.
class CgroupSource : public AttributionSource {
  public:
    explicit CgroupSource(const CgroupTree& tree) : tree_(tree) {}
    [[nodiscard]] std::optional<Attribution> ask(const TaskEvidence& task) const override;

  private:
    const CgroupTree& tree_;
};

class TagSource : public AttributionSource {
  public:
    // Without cgroups nothing can leave them: no task is a stray.
    explicit TagSource(bool with_cgroups) : with_cgroups_(with_cgroups) {}
    [[nodiscard]] std::optional<Attribution> ask(const TaskEvidence& task) const override;

  private:
    bool with_cgroups_;
};

using AttributionSources = std::vector<std::unique_ptr<AttributionSource>>; // the strongest first

// lineage, cgroup and tag; each of the two may be null and must live as long as the result.
[[nodiscard]] AttributionSources usual_sources(const CgroupTree* tree,
                                               const KernelLineage* kernel = nullptr);

[[nodiscard]] std::vector<TaskFacts> survey(bool threads, const AttributionSources& sources);

} // namespace leash
