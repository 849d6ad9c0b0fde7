// SPDX-License-Identifier: MIT
// The executor across lives of init: what it writes down, and how it takes over what it finds.
#include "init/executor.h"

#include <algorithm>
#include <cstring>

#include <sys/wait.h>

#include "base/fixed_text.h"
#include "base/log.h"
#include "base/process.h"

namespace leash {

void Executor::record(const std::string& service, Recovery::Intent intent) {
    const auto* life = manager_.life(service);
    if (!life) return;
    ServiceRecord record{};
    service.copy(record.name, sizeof record.name - 1);
    record.life = pack(*life);
    record.intent = static_cast<std::uint32_t>(intent);
    record.scope = manager_.settings(service)->scope ? 1 : 0;
    record.described_by = recovery_.configuration().kept_description(service);
    const auto* under = manager_.settings_of(life->start);
    bool older = under && under != manager_.settings(service);
    if (older) record.in_force = recovery_.configuration().held(service);
    record.notify_access = -1;
    record.notify_fd = record.s6_fd = -1;
    if (auto* live = live_.find(life->start)) {
        record.first_pid = live->first_pid;
        record.first_ticks = live->start_ticks;
        if (live->notify) record.notify_fd = live->notify->fd();
        if (live->access) record.notify_access = static_cast<std::int32_t>(*live->access);
        if (live->s6) record.s6_fd = live->s6->fd();
    }
    record.output = logs_.pipe_of(service);
    if (auto held = held_.find(life->start); held != held_.end()) {
        std::size_t used = 0;
        for (const auto& wanted : held->second.signals)
            if (used < ServiceRecord::kHeld) record.held[used++] = wanted.signal;
    }
    recovery_.record(record);
}

// It was to be spawned, and the crash came before that: what is spawned is made known first, and the
// module counts what is born into it. Where it had no room, or was not there yet, the cgroup tells of
// a child.
bool Executor::was_never_spawned(const Life& life) const {
    auto service = manager_.service_of(life.start);
    const auto* settings = manager_.settings_of(life.start);
    if (!kernel_ || service.empty() || !settings || settings->scope) return false;
    if (life.state != State::starting || life.end_asked || life.main_pid != 0 || life.main_exited)
        return false;
    if (!tree_) return false;
    if (auto known = kernel_->start(life.start); known && (known->forks != 0 || known->processes != 0))
        return false;
    auto members = main_processes(service);
    return std::ranges::all_of(members, [this, &life](pid_t pid) {
        auto whose = kernel_->whois(pid);
        return whose && whose->start != 0 && whose->start != life.start &&
               whose->via < LEASH_VIA_CGROUP;
    });
}

// Where a main process is born: as group_for.
std::vector<pid_t> Executor::main_processes(const std::string& service) const {
    if (!tree_) return {};
    auto members = tree_->processes(service);
    for (pid_t pid : tree_->processes(service + "/main")) members.push_back(pid);
    return members;
}

void Executor::adopt(const ServiceRecord& record) {
    auto service = get_text(record.name);
    if (record.output >= 0) logs_.adopt_output(service, UniqueFd(record.output));
    UniqueFd notify(record.notify_fd), s6(record.s6_fd);
    const auto* known = manager_.life(service);
    if (known && known->listens) sockets_.watch(service);
    if (!known || known->start == 0 || !is_alive(known->state)) return;
    Life life = *known;
    const auto* settings = manager_.settings_of(life.start);
    if (was_never_spawned(life)) {
        // As when it waits for the end of an earlier start: of that, nothing is written down.
        log::notice("{}: init crashed before it was spawned; trying again", service);
        return spawn(action::Spawn{service, life.start});
    }

    LiveStart live;
    live.service = service;
    live.start = life.start;
    // It may have been reaped right before the crash: then the number is anybody's by now.
    auto first = record.first_pid > 0 ? read_stat(record.first_pid) : std::nullopt;
    if (first && record.first_ticks != 0 && first->start_ticks == record.first_ticks)
        live.first_pid = record.first_pid;
    live.main_pid = life.main_exited ? 0 : life.main_pid;
    live.start_ticks = record.first_ticks;
    if (notify) {
        live.notify = make_notify_socket(service, life.start);
        live.notify->adopt(std::move(notify), notify_path(service));
    }
    if (record.notify_access >= 0 && record.notify_access <= static_cast<int>(NotifyAccess::all))
        live.access = static_cast<NotifyAccess>(record.notify_access);
    // A child of ours needs none: see Executor::spawn.
    if (live.main_pid > 0 && (live.main_pid != live.first_pid || record.scope != 0))
        if (auto pidfd = open_pidfd(live.main_pid)) live.pidfd = std::move(*pidfd);
    auto& kept = live_.add(std::move(live));
    bool by_s6 = settings->notify.kind == NotifyKind::s6 && s6;
    if (life.state == State::starting && (by_s6 || settings->notify.kind == NotifyKind::pidfile))
        attach_readiness(kept, *settings, std::move(s6));
    else if (by_s6 && beats(*settings))
        attach_readiness(kept, *settings, std::move(s6), true);

    bool lost = life.control.running && !adopt_control(kept, life.control);
    if (kept.main_pid != 0) send_held(service, record);
    adopt_main(kept, record, life);
    if (lost)
        core_.post(event::ControlFailed{life.start, life.control.serial,
                                        "it ended unseen while init had crashed"});
}

void Executor::adopt_main(LiveStart& kept, const ServiceRecord& record, const Life& life) {
    auto service = kept.service;
    if (life.main_pid == 0 && !life.main_exited) {
        find_unrecorded_child(kept, life, record.scope != 0);
        return;
    }
    if (!life.main_exited) {
        auto stat = read_stat(life.main_pid);
        bool same = stat && (life.main_pid != record.first_pid || record.first_ticks == 0 ||
                             stat->start_ticks == record.first_ticks);
        if (!same) {
            log::warning("{}: its main process {} has gone unseen", service, life.main_pid);
            kept.main_pid = 0;
            auto status = status_of_no_child(service, life.start, life.main_pid);
            core_.post(event::MainExited{life.start, status});
            return;
        }
        // SIGCHLD does not tell of what others are the parents of.
        bool own = life.main_pid == record.first_pid && record.scope == 0;
        if (!own && kept.pidfd) watch_main(kept);
        if (life.state == State::starting) core_.post(event::Executed{life.start});
    }
    if (kernel_ && !life.main_exited) {
        auto whose = kernel_->whois(life.main_pid);
        if (!whose || whose->start != life.start) {
            auto group = group_for(*manager_.settings_of(life.start), "main");
            if (make_known(service, life.start, group.folder.get()))
                (void)kernel_->adopt(life.start, {.pid = life.main_pid, .tree = true});
        }
    }
    if (life.end_asked && !life.emptied) end(action::EndStart{service, life.start, false});
}

// Init died between the intent and the clone's answer: there may be a child that nobody knows the
// number of. It was born into the service's cgroup, which was empty, and is the one child of PID 1 in
// there. With none, what has the tag is ended and the policy goes on.
void Executor::find_unrecorded_child(LiveStart& live, const Life& life, bool scope) {
    pid_t child = 0;
    auto members = scope ? std::vector<pid_t>{} : main_processes(live.service);
    // What has ended by now waits to be reaped, and is in no list of a cgroup.
    if (kernel_ && !scope && members.empty())
        (void)kernel_->snapshot(0, {.start = life.start}, [&](const leash_task& task) {
            if (task.ppid == 1) members.push_back(task.tgid);
        });
    for (pid_t pid : members) {
        auto stat = read_stat(pid);
        if (!stat || stat->parent != 1) continue;
        auto whose = kernel_ ? kernel_->whois(pid) : std::nullopt;
        bool other = whose && whose->start != 0 && whose->start != life.start;
        if (other || child != 0) { // an orphan among them: which one is it?
            child = 0;
            break;
        }
        child = pid;
        live.start_ticks = stat->start_ticks;
    }
    if (child == 0) {
        core_.post(event::SpawnFailed{life.start, "init crashed while it was being started"});
        return;
    }
    live.first_pid = live.main_pid = child;
    auto group = group_for(*manager_.settings_of(life.start), "main");
    if (make_known(live.service, life.start, group.folder.get()))
        (void)kernel_->adopt(life.start, {.pid = child, .tree = true});
    core_.post(event::Spawned{life.start, child});
    core_.post(event::Executed{life.start}); // if it cannot be, it ends with 127
}

void Executor::rests(const std::string& service) {
    const auto* settings = manager_.settings(service);
    if (!settings || settings->fd_store_keep == FdStoreKeep::restart) stores_.drop(service);
}

void Executor::adopt_stored() {
    is_resumed_ = true;
    stores_.adopt([this](const std::string& service) {
        const auto* life = manager_.life(service);
        if (!life) return false;
        bool rests = !is_alive(life->state) && life->state != State::waiting &&
                     life->state != State::backoff;
        return !rests || manager_.settings(service)->fd_store_keep == FdStoreKeep::always;
    });
}

void Executor::forget_starts_that_are_over() {
    if (!kernel_) return;
    auto starts = kernel_->starts();
    if (!starts) {
        log::warning("{}", starts.error().text);
        return;
    }
    for (const auto& start : *starts)
        if (manager_.service_of(start.id).empty()) (void)kernel_->forget_start(start.id);
}

} // namespace leash
