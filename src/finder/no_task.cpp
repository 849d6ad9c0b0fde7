// SPDX-License-Identifier: MIT
#include <map>

#include <fmt/format.h>

#include "finder/task_detectors.h"

namespace leash::finder {

void NoTask::look(const Look& look, std::vector<Finding>& found) {
    SubjectMap subjects(look.subjects);
    struct Tasks {
        std::size_t living = 0;
        std::vector<std::int32_t> zombies;
        bool main_lives = false;
    };
    std::map<std::uint64_t, Tasks> starts;
    std::map<std::int32_t, std::uint64_t> mains;
    for (const auto& subject : look.subjects)
        if (subject.main_pid != 0) mains[subject.main_pid] = subject.start;
    for (const auto& row : look.processes->rows) {
        const auto& task = row.task;
        bool dead = row.is(LEASH_TASK_DEAD) || task.state == 'X' ||
                    (task.state == 'Z' && !row.is(LEASH_TASK_LEADERLESS));
        const auto* subject = subjects.of(row);
        // The main process counts whoever it is attributed to: init watches over it.
        auto main = mains.find(task.tgid);
        if (main != mains.end() && !dead) starts[main->second].main_lives = true;
        if (subject == nullptr) continue;
        auto& tasks = starts[subject->start];
        if (dead)
            tasks.zombies.push_back(task.tgid);
        else
            ++tasks.living;
    }
    for (const auto& subject : look.subjects) {
        auto limit = time_setting(subject, "no-task");
        if (!limit) continue;
        const auto& tasks = starts[subject.start];
        if (tasks.living != 0 || tasks.main_lives) continue;
        auto held = since_.held(subject.start, ' ', look.now_ns);
        if (held < *limit) continue;
        auto text = tasks.zombies.empty()
            ? fmt::format("no task of the service is left, for {}", duration_text(held))
            : fmt::format("no task of the service lives, for {}: {} zombie{}, the first {}",
                          duration_text(held), tasks.zombies.size(),
                          tasks.zombies.size() == 1 ? "" : "s", tasks.zombies.front());
        found.push_back({.start = subject.start, .kind = "no-task", .evidence = std::move(text),
                         .tids = tasks.zombies});
    }
    since_.end_look();
}

} // namespace leash::finder
