// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "finder/task_detectors.h"
#include "taskview/names.h"

namespace leash::finder {

void Stuck::look(const Look& look, std::vector<Finding>& found) {
    struct Worst {
        const taskview::Row* row;
        std::uint64_t held_ns;
        std::vector<std::int32_t> tids;
    };
    SubjectMap subjects(look.subjects);
    std::map<std::uint64_t, Worst> worst; // by start
    for (const auto& row : (look.threads != nullptr ? look.threads : look.processes)->rows) {
        const auto& task = row.task;
        if (task.state != 'D') continue;
        const auto* subject = subjects.of(row);
        auto limit = subject != nullptr ? time_setting(*subject, "stuck") : std::nullopt;
        if (!limit) continue;
        // Of a process the switches are sums over its threads: they say nothing of this sleep.
        auto sign = look.threads != nullptr ? task.nvcsw + task.nivcsw : 0;
        auto held = since_.held({task.tid, task.start_ns}, sign, look.now_ns);
        if (held < *limit) continue;
        auto [entry, is_new] = worst.try_emplace(subject->start, Worst{&row, held, {}});
        if (!is_new && entry->second.held_ns < held) {
            entry->second.row = &row;
            entry->second.held_ns = held;
        }
        entry->second.tids.push_back(task.tid);
    }
    since_.end_look();
    for (auto& [start, what] : worst) {
        const auto& task = what.row->task;
        auto text = fmt::format("thread {} ({}) has been in an uninterruptible sleep for {}", task.tid,
                                task.comm, duration_text(what.held_ns));
        if (what.row->has(LEASH_FACT_SYSCALL) && task.sys_nr >= 0) {
            auto name = taskview::system_call_name(task.sys_nr);
            text += name.empty() ? fmt::format(" in system call {}", task.sys_nr)
                                 : fmt::format(" in {}", name);
        }
        auto place = reader_ != nullptr ? reader_->kernel_place(task.tgid, task.tid) : "";
        if (!place.empty()) text += fmt::format(", at {}", place.substr(0, 160));
        if (what.tids.size() > 1) text += fmt::format("; {} threads are", what.tids.size());
        found.push_back({.start = start, .kind = "stuck", .evidence = std::move(text),
                         .tids = std::move(what.tids)});
    }
}

} // namespace leash::finder
