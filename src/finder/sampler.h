// SPDX-License-Identifier: MIT
// One look at the machine for all detectors: by the kernel module in bulk, else from /proc and cgroup v2
// for the processes of the subjects alone.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "finder/finding.h"
#include "finder/group_figures.h"
#include "finder/hogs.h"
#include "lineage/cgroup.h"
#include "taskview/task_source.h"

namespace leash::finder {

class Sampler : public HogFacts {
  public:
    Sampler();

    // Fills in the cgroup of a subject; it has to exist by then.
    void find_group(Subject& subject) const;
    // Valid until the next one.
    const Look& look(std::span<const Subject> subjects, bool threads);
    [[nodiscard]] bool by_module() const { return source_ != nullptr; }

    std::uint64_t machine_memory() override;
    std::optional<std::uint64_t> group_cpu_ns(const Subject& subject) override;
    std::optional<std::uint64_t> group_shmem(const Subject& subject,
                                             std::uint64_t mapped) override;
    std::uint64_t descriptor_limit(std::int32_t pid) override;
    std::map<std::int32_t, std::uint64_t> detached_segments() override;

  private:
    bool ask_module(bool threads);
    void read_proc(std::span<const Subject> subjects, bool threads);
    void read_group(const std::string& folder, const Subject& subject, bool fds);
    void read_process(pid_t pid, std::uint64_t cgroup, const Subject& subject, bool fds);
    [[nodiscard]] std::string folder_of(const Subject& subject) const;

    std::unique_ptr<taskview::TaskSource> source_;
    std::uint64_t try_again_ns_ = 0; // to reach the module
    std::optional<CgroupTree> tree_;
    taskview::Sample processes_, threads_;
    Look look_;
    GroupFigures groups_;
    std::uint64_t memory_ = 0, round_ = 0;
    std::map<std::int32_t, std::uint32_t> fds_; // counted at an earlier look
    std::optional<std::map<std::int32_t, std::uint64_t>> segments_; // of this look
};

} // namespace leash::finder
