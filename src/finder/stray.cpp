// SPDX-License-Identifier: MIT
#include <map>

#include <fmt/format.h>

#include "finder/task_detectors.h"

namespace leash::finder {

void Stray::look(const Look& look, std::vector<Finding>& found) {
    constexpr int kLooks = 3;
    SubjectMap subjects(look.subjects);
    std::map<std::uint64_t, std::vector<const taskview::Row*>> strays; // by start
    std::map<std::pair<std::int32_t, std::uint64_t>, int> looks;
    for (const auto& row : look.processes->rows) {
        const auto& task = row.task;
        if (task.start == 0 || task.cgroup == 0 || task.state == 'Z' || row.is(LEASH_TASK_DEAD))
            continue;
        const auto* subject = subjects.of_start(task.start);
        if (subject == nullptr || subject->cgroup == 0 || task.cgroup == subject->cgroup ||
            !subject->settings.contains("strays"))
            continue;
        auto below = is_below_(task.cgroup, subject->cgroup);
        if (!below || *below) continue;
        auto key = std::pair{task.tid, task.start_ns};
        auto before = looks_.find(key);
        auto count = looks[key] = before == looks_.end() ? 1 : before->second + 1;
        since_.held(key, task.cgroup, look.now_ns);
        if (count >= kLooks) strays[subject->start].push_back(&row);
    }
    looks_ = std::move(looks);
    for (const auto& [start, rows] : strays) {
        const auto& first = rows.front()->task;
        auto held = since_.held({first.tid, first.start_ns}, first.cgroup, look.now_ns);
        auto text = fmt::format("process {} ({}) has left the service's cgroup, for {}", first.tgid,
                                first.comm, duration_text(held));
        if (rows.size() > 1) text += fmt::format("; {} processes have", rows.size());
        std::vector<std::int32_t> tids;
        for (const auto* row : rows) tids.push_back(row->task.tgid);
        found.push_back({.start = start, .kind = "stray", .evidence = std::move(text),
                         .tids = std::move(tids)});
    }
    since_.end_look();
}

} // namespace leash::finder
