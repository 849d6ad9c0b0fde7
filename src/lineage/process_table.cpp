// SPDX-License-Identifier: MIT
#include "lineage/process_table.h"

#include <unistd.h>

namespace leash {

std::optional<ProcessEntry> ProcessTable::look(pid_t pid, bool with_tags) const {
    auto folder = ProcFolder::open(pid);
    auto stat = folder ? folder->stat() : std::nullopt;
    if (!stat || stat->kernel || living_thread(*folder, *stat) == 0) return std::nullopt;
    ProcessEntry entry{std::move(*stat), {}};
    if (with_tags && (!needs_tag_ || needs_tag_(pid)))
        entry.reading = read_tag(*folder, entry.stat);
    return entry;
}

void ProcessTable::scan(bool with_tags) {
    entries_.clear();
    kin_.clear();
    unsure_ = churned_ = false;
    last_ = 0;
    walk_.restart();
    for (auto pids = walk_.next(); !pids.empty(); pids = walk_.next()) {
        for (pid_t pid : pids) {
            last_ = pid;
            auto entry = look(pid, with_tags);
            if (!entry) {
                churned_ = churned_ || ::access(fmt::format("/proc/{}", pid).c_str(), F_OK) != 0;
                continue;
            }
            unsure_ = unsure_ || entry->reading.unsure;
            kin_[pid] = {entry->stat.parent, entry->stat.session, entry->stat.tty};
            entries_.emplace(pid, std::move(*entry));
        }
    }
}

const ProcessEntry* ProcessTable::find(pid_t pid) const {
    auto entry = entries_.find(pid);
    return entry == entries_.end() ? nullptr : &entry->second;
}

void ProcessTable::chase(const std::function<void(const ProcessEntry&)>& visit,
                         const std::function<bool()>& more) {
    while (more()) {
        walk_.restart(last_);
        auto pids = walk_.next();
        if (pids.empty()) return;
        for (pid_t pid : pids) {
            last_ = pid;
            if (auto entry = look(pid, true)) visit(*entry);
        }
    }
}

} // namespace leash
