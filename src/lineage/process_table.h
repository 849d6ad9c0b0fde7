// SPDX-License-Identifier: MIT
// One pass over /proc, for all starts that are being ended at once.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/process.h"
#include "lineage/session_rule.h"
#include "lineage/tag_reader.h"

namespace leash {

struct ProcessEntry {
    ProcessStat stat;
    TagReading reading;
};

class ProcessTable {
  public:
    // Reading a tag waits for as long as the process, or whoever traces it, holds its memory: it is
    // done only where `needs_tag` says so (null: everywhere).
    explicit ProcessTable(std::function<bool(pid_t)> needs_tag = {})
        : needs_tag_(std::move(needs_tag)) {}

    // Looks at every process that lives; zombies and kernel threads are left out.
    void scan(bool with_tags);

    [[nodiscard]] const std::map<pid_t, ProcessEntry>& all() const { return entries_; }
    [[nodiscard]] const ProcessEntry* find(pid_t pid) const;
    [[nodiscard]] const Kin& kin() const { return kin_; }
    [[nodiscard]] bool unsure() const { return unsure_; } // some tag could not be read
    [[nodiscard]] bool churned() const { return churned_; } // something ended during the scan

    // Goes on behind the last pid seen, and again, as long as there are newer processes and `more`
    // says so: how a program that forks faster than a scan takes is caught up with.
    void chase(const std::function<void(const ProcessEntry&)>& visit,
               const std::function<bool()>& more);

  private:
    [[nodiscard]] std::optional<ProcessEntry> look(pid_t pid, bool with_tags) const;

    std::function<bool(pid_t)> needs_tag_;
    ProcessWalk walk_;
    pid_t last_ = 0;
    std::map<pid_t, ProcessEntry> entries_;
    Kin kin_;
    bool unsure_ = false, churned_ = false;
};

} // namespace leash
