// SPDX-License-Identifier: MIT
// A start whose main process is there already: `initctl run --scope`. It is adopted where a service
// is spawned; from then on there is no difference but that PID 1 may not be its parent.
#include "init/executor.h"

#include "base/log.h"
#include "base/process.h"

namespace leash {

void Executor::offer(const std::string& scope, UniqueFd pidfd, pid_t pid) {
    offers_[scope] = Offer{pid, std::move(pidfd)};
}

std::string Executor::main_of(pid_t pid) {
    const auto* live = live_.by_main_pid(pid);
    return live ? live->service : "";
}

void Executor::take_scope(const action::Spawn& wanted) {
    auto offered = offers_.extract(wanted.service);
    auto refuse = [&](std::string reason) {
        core_.post(event::SpawnFailed{wanted.start, std::move(reason)});
    };
    if (offered.empty()) return refuse("a scope cannot be started again");
    LiveStart live;
    live.service = wanted.service;
    live.start = wanted.start;
    live.first_pid = live.main_pid = offered.mapped().pid;
    live.pidfd = std::move(offered.mapped().pidfd);
    UniqueFd group;
    if (tree_) {
        auto entered = tree_->enter(wanted.service);
        if (!entered) return refuse(entered.error().text);
        group = std::move(*entered);
        if (auto moved = tree_->move(live.main_pid, wanted.service); !moved)
            return refuse(moved.error().text);
    }
    if (make_known(wanted.service, wanted.start, group.get()))
        if (auto adopted = kernel_->adopt(wanted.start, {.pid = live.main_pid}, true); !adopted)
            log::warning("{}: {}", wanted.service, adopted.error().text);
    if (auto stat = read_stat(live.main_pid)) live.start_ticks = stat->start_ticks;
    auto& kept = live_.add(std::move(live));
    watch_main(kept);
    core_.post(event::Spawned{wanted.start, kept.main_pid});
    core_.post(event::Executed{wanted.start});
}

} // namespace leash
