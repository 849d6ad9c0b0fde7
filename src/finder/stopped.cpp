// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "finder/task_detectors.h"

namespace leash::finder {
namespace {

bool is_stop(std::uint8_t state) { return state == 'T' || state == 't'; }

struct Tasks { // of a start
    const taskview::Row* main = nullptr;
    char main_state = 0;
    std::vector<std::int32_t> stopped;
    std::size_t going = 0; // that live and are not stopped
};

} // namespace

void Stopped::look(const Look& look, std::vector<Finding>& found) {
    SubjectMap subjects(look.subjects);
    // What threads say of a process whose main thread is dead: all that live are stopped.
    std::map<std::int32_t, bool> all_stopped;
    if (look.threads != nullptr)
        for (const auto& row : look.threads->rows) {
            if (row.task.state == 'Z' || row.task.state == 'X') continue;
            auto [entry, is_new] = all_stopped.try_emplace(row.task.tgid, true);
            entry->second = entry->second && is_stop(row.task.state);
        }
    std::map<std::uint64_t, Tasks> starts;
    for (const auto& row : look.processes->rows) {
        const auto& task = row.task;
        const auto* subject = subjects.of(row);
        if (subject == nullptr || task.state == 'X' || row.is(LEASH_TASK_DEAD)) continue;
        auto state = static_cast<char>(task.state);
        if (state == 'Z') {
            if (!row.is(LEASH_TASK_LEADERLESS)) continue;
            auto threads = all_stopped.find(task.tgid);
            state = threads != all_stopped.end() && threads->second ? 'T' : 'S';
        }
        auto& tasks = starts[subject->start];
        if (is_stop(static_cast<std::uint8_t>(state)))
            tasks.stopped.push_back(task.tgid);
        else
            ++tasks.going;
        if (task.tgid == subject->main_pid) {
            tasks.main = &row;
            tasks.main_state = state;
        }
    }
    for (const auto& [start, tasks] : starts) {
        const auto* subject = subjects.of_start(start);
        auto limit = time_setting(*subject, "stopped");
        if (!limit || tasks.stopped.empty()) continue;
        bool main = tasks.main != nullptr &&
                    is_stop(static_cast<std::uint8_t>(tasks.main_state));
        if (!main && tasks.going != 0) continue;
        auto held = since_.held(start, main ? 'm' : 'a', look.now_ns);
        if (held < *limit) continue;
        auto by = main && tasks.main_state == 't' ? "by the one that traces it" : "by a signal";
        std::string text;
        if (main)
            text = fmt::format("the main process {} ({}) has been stopped {} for {}", tasks.main->task.tgid,
                               tasks.main->task.comm, by, duration_text(held));
        else
            text = fmt::format("all {} processes have been stopped for {}", tasks.stopped.size(),
                               duration_text(held));
        if (main && tasks.going != 0)
            text += fmt::format("; {} other process{} of the service go{} on", tasks.going,
                                tasks.going == 1 ? "" : "es", tasks.going == 1 ? "es" : "");
        found.push_back({.start = start, .kind = "stopped", .evidence = std::move(text),
                         .tids = tasks.stopped});
    }
    since_.end_look();
}

} // namespace leash::finder
