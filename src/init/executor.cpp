// SPDX-License-Identifier: MIT
#include "init/executor.h"

#include <cerrno>
#include <csignal>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "init/hook.h"
#include "init/scratch_memory.h"
#include "spawn/spawn.h"

namespace leash {
namespace {

EndScope scope_of(KillScope kill) {
    switch (kill) {
    case KillScope::all: return EndScope::all;
    case KillScope::cgroup: return EndScope::cgroup;
    case KillScope::main: return EndScope::main;
    }
    return EndScope::all;
}

// Whether its number is surely its own still: there is a pidfd, or it is a child that PID 1, and nobody
// else, has yet to reap.
bool holds_main(const LiveStart& live) {
    return live.pidfd || (live.main_pid > 0 && live.main_pid == live.first_pid);
}

// ESRCH: it has just died, and SIGCHLD is on its way.
void signal_main(const LiveStart& live, int signal) {
    if (live.pidfd) (void)signal_pidfd(live.pidfd.get(), signal);
    else if (holds_main(live)) (void)kill(live.main_pid, signal);
}

} // namespace

Executor::Executor(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers,
                   LogLink& logs, CgroupTree* tree, Recovery& recovery, HeartbeatSink heartbeats)
    : loop_(loop), manager_(manager), core_(core), workers_(workers), logs_(logs), tree_(tree),
      recovery_(recovery), heartbeats_(std::move(heartbeats)), stores_(loop, recovery, closer_),
      sockets_(loop, manager, core, workers, recovery),
      ender_(workers, tree, [this](const EndResult& result) { ended(result); }) {}

void Executor::use_module(KernelLineage* kernel) {
    kernel_ = kernel;
    ender_.use_module(kernel);
}

bool Executor::make_known(const std::string& service, StartId start, int cgroup_fd) {
    if (!kernel_) return false;
    struct stat folder{};
    bool has_cgroup = cgroup_fd >= 0 && fstat(cgroup_fd, &folder) == 0;
    auto known = kernel_->set_start(start, service, has_cgroup ? folder.st_ino : 0);
    if (!known && known.error().code == ENOSPC) unfollowed_.insert(start);
    else unfollowed_.erase(start);
    if (!known) log::warning("{}: {}", service, known.error().text);
    else limit(service, start);
    return known.has_value();
}

// Those of the settings that the start was made with: again after a crash of init does no harm.
void Executor::limit(const std::string& service, StartId start) {
    const auto* settings = manager_.settings_of(start);
    if (!settings) return;
    const auto& wanted = *settings->kernel_limits;
    if (wanted.processes == 0 && wanted.forks.count == 0) return;
    KernelLineage::Limits limits;
    limits.processes = static_cast<std::uint32_t>(wanted.processes);
    limits.forks = static_cast<std::uint32_t>(wanted.forks.count);
    if (limits.forks != 0) limits.period = wanted.forks.window;
    limits.action = wanted.action == LimitAction::kill     ? LEASH_LIMIT_KILL
                    : wanted.action == LimitAction::refuse ? LEASH_LIMIT_REFUSE
                                                           : LEASH_LIMIT_TELL;
    if (auto done = kernel_->limit_start(start, limits); !done)
        log::warning("{}: {}", service, done.error().text);
}

void Executor::spawn(const action::Spawn& wanted) {
    const auto* settings = manager_.settings_of(wanted.start);
    if (!settings) return;
    record(wanted.service, Recovery::Intent::spawn);
    if (settings->scope) return take_scope(wanted);
    if (!clear_leftovers(wanted, *settings)) return;

    SpawnRequest request;
    request.settings = settings;
    request.start = wanted.start;
    request.pidfd = false; // a child of ours, whose number is its own until it is reaped here
    auto refuse = [&](std::string reason) {
        core_.post(event::SpawnFailed{wanted.start, std::move(reason)});
    };
    prepare_group(*settings);
    auto group = group_for(*settings, "main");
    request.cgroup_fd = group.folder.get();
    bool known = make_known(wanted.service, wanted.start, group.folder.get());
    if (known) request.kernel = kernel_;
    UniqueFd output;
    if (settings->type != ServiceType::console) output = logs_.output_of(wanted.service);
    request.output_fd = output.get();

    sockets_.unwatch(wanted.service);
    request.passed = sockets_.passed(*settings);

    LiveStart live;
    live.service = wanted.service;
    live.start = wanted.start;
    // There is one already where command-pre has had it.
    if (auto* before = live_.find(wanted.start)) {
        live.notify = std::move(before->notify);
        live.access = before->access;
        live.ignored = before->ignored;
    }
    if (auto opened = open_notify(live, *settings); !opened) return refuse(opened.error().text);
    add_notify_environment(live, *settings, request);
    if (settings->fd_store_max == 0) stores_.drop(wanted.service);
    for (auto& each : stores_.of(wanted.service)) request.passed.push_back(std::move(each));
    if (auto cause = manager_.cause_of(wanted.service); !cause.service.empty()) {
        request.extra_environment.emplace_back("TROUBLED_SERVICE", cause.service);
        request.extra_environment.emplace_back("REASON", cause.reason);
    }
    UniqueFd s6_write, s6_read;
    if (settings->notify.kind == NotifyKind::s6) {
        auto pipe = make_s6_pipe();
        if (!pipe) return refuse(pipe.error().text);
        s6_write = std::move(pipe->write);
        s6_read = std::move(pipe->read);
        request.notify_fd = s6_write.get();
    }

    // A crash between the clone and the next record: what is in the page by now has to be enough to
    // find the child, and to hear it.
    auto& kept = live_.add(std::move(live));
    attach_readiness(kept, *settings, std::move(s6_read));
    record(wanted.service, Recovery::Intent::spawn);
    ScratchMemory scratch; // a plan is over as soon as its child executes
    auto spawned = leash::spawn(request);
    if (!spawned) {
        scratch.end();
        live_.erase(wanted.start);
        return refuse(spawned.error().text);
    }
    put_in_place(wanted.service, wanted.start, *spawned, group, known);
    kept.first_pid = kept.main_pid = spawned->pid;
    kept.start_ticks = spawned->start_ticks;
    kept.outcome = std::move(spawned->outcome);
    kept.outcome_watch = std::make_unique<IoWatch>(loop_, kept.outcome.get(), UEV_READ,
                                                   [this, start = wanted.start](int) {
                                                       on_outcome(start);
                                                   });
    scratch.end();
    core_.post(event::Spawned{wanted.start, kept.main_pid});
}

// Where the kernel would not let it be born there: it has been outside for a moment.
void Executor::put_in_place(const std::string& service, StartId start, const Spawned& spawned,
                            const Group& group, bool known) {
    if (tree_ && !spawned.in_cgroup)
        if (auto moved = tree_->move(spawned.pid, group.name); !moved)
            log::warning("{}: {}", service, moved.error().text);
    if (known && !spawned.in_lineage)
        if (auto adopted = kernel_->adopt(start, {.pid = spawned.pid, .tree = true}); !adopted)
            log::warning("{}: {}", service, adopted.error().text);
}

void Executor::attach_readiness(LiveStart& live, const ServiceSettings& settings,
                                UniqueFd s6_read_end, bool ready) {
    auto start = live.start;
    if (settings.notify.kind == NotifyKind::s6) {
        std::function<void()> is_ready, beat;
        if (!ready) is_ready = [this, start] { core_.post(event::Ready{start}); };
        if (beats(settings)) beat = [this, start] { on_newline(start); };
        live.s6 = std::make_unique<S6Ready>(loop_, std::move(s6_read_end), std::move(is_ready),
                                            [this, service = live.service] { record(service); },
                                            std::move(beat));
    } else if (settings.notify.kind == NotifyKind::pidfile) {
        live.pidfile = std::make_unique<PidfileWatch>(
            loop_, settings.notify.path, [this, start](pid_t pid) { on_pidfile(start, pid); });
    }
}

void Executor::on_outcome(StartId start) {
    auto* live = live_.find(start);
    if (!live) return;
    auto failure = read_outcome(live->outcome.get());
    live->outcome_watch.reset();
    live->outcome.reset();
    if (failure) core_.post(event::SpawnFailed{start, *failure});
    else core_.post(event::Executed{start});
}

EndJob Executor::job_for(const std::string& service, StartId start) {
    EndJob job;
    job.service = service;
    job.start = start;
    auto live = live_.find(start);
    if (live) {
        job.main_pid = live->main_pid;
        if (live->main_pid != 0 && live->main_pid == live->first_pid) job.main_ticks = live->start_ticks;
    }
    const auto* settings = manager_.settings_of(start);
    if (!settings) settings = manager_.settings(service);
    if (settings) {
        job.scope = scope_of(settings->kill);
        job.keep_sessions = settings->sessions == SessionPolicy::keep;
        job.leave = settings->type == ServiceType::oneshot && settings->leave == LeavePolicy::keep;
    }
    return job;
}

void Executor::signal(const action::SignalStart& wanted) {
    if (held_back(wanted)) return;
    thaw(wanted.service);
    auto job = job_for(wanted.service, wanted.start);
    job.signal = wanted.signal;
    auto* live = live_.find(wanted.start);
    // The common case, a service of one process, needs no worker.
    bool alone = job.scope == EndScope::main;
    if (!alone && tree_ && live) {
        auto members = tree_->processes(wanted.service);
        auto known = kernel_ ? kernel_->start(wanted.start) : std::nullopt;
        bool nowhere_else = !known || known->live <= 1;
        alone = members.size() == 1 && members.front() == live->main_pid && nowhere_else;
    }
    if (alone && live && holds_main(*live)) {
        signal_main(*live, wanted.signal);
        signal_main(*live, SIGCONT);
        return;
    }
    ender_.add(std::move(job));
}

void Executor::end(const action::EndStart& wanted) {
    record(wanted.service, Recovery::Intent::end);
    if (held_back(wanted)) return;
    auto job = job_for(wanted.service, wanted.start);
    if (wanted.everything) {
        job.keep_sessions = job.leave = false;
        job.include_remains = true;
        job.scope = EndScope::all;
    }
    ender_.add(std::move(job));
}

void Executor::ended(const EndResult& result) {
    if (cleaned_up(result)) return;
    auto service = manager_.service_of(result.start);
    if (!service.empty()) thaw(service); // what is spared
    if (!result.empty) {
        std::string who;
        for (pid_t pid : result.stuck) who += fmt::format(" {}", pid);
        log::error("{}: {} cannot be killed (uninterruptible sleep?); going on without them", service,
                   who.empty() ? std::string("some tasks") : "processes" + who);
    }
    if (result.remains > 0)
        log::notice("{}: {} processes spared by its policy remain", service, result.remains);
    core_.post(event::Emptied{result.start, result.remains, sockets_.has_traffic(service)});
    forget_if_over(result.start);
    auto view = manager_.view(service); // none: a scope
    if (tree_ && !service.empty() && (!view || !is_alive(view->state)))
        (void)tree_->remove(service); // EBUSY where something remains
}

void Executor::reload(const action::ReloadMain& wanted) {
    if (auto* live = live_.find(wanted.start)) signal_main(*live, SIGHUP);
}

void Executor::run_hook(const action::RunHook& wanted) {
    auto* live = live_.find(wanted.start);
    const auto* settings = manager_.settings(wanted.service);
    leash::run_hook(workers_,
                    {wanted.service,
                     wanted.command,
                     {{"TROUBLED_SERVICE", wanted.service},
                      {"TROUBLED_PID", std::to_string(live ? live->main_pid : 0)},
                      {"REASON", wanted.reason}},
                     settings ? settings->exec_timeout : ServiceSettings{}.exec_timeout,
                     [this, service = wanted.service](const std::string& result) {
                         if (result_) result_(service, result);
                     }});
}

bool Executor::child_exited(pid_t pid, int wait_status) {
    if (closer_.child_exited(pid)) return true;
    LiveStart* live = live_.by_main_pid(pid);
    if (!live) {
        // Of a daemon that forks: the parent, when the core knows the child as main process.
        if (auto* begun = live_.first_is_gone(pid)) record(begun->service);
        return control_exited(pid, wait_status);
    }
    auto start = live->start;
    // The outcome may be unread still: a program that ends at once is executed first.
    if (live->outcome_watch) on_outcome(start);
    live = live_.find(start);
    if (!live) return true;
    live_.first_is_gone(pid);
    live->main_pid = 0;
    live->pidfd_watch.reset();
    live->pidfd.reset();
    // Of a daemon that forks, this may be the parent: the core waits for its pid file then.
    core_.post(event::MainExited{start, wait_status});
    forget_if_over(start);
    return true;
}

void Executor::forget_if_over(StartId start) {
    auto service = manager_.service_of(start);
    auto view = service.empty() ? std::nullopt : manager_.view(service);
    if (view && view->start == start) return;
    live_.erase(start);
    unfollowed_.erase(start);
    // It stays known as long as any process of it is left. ENOENT: it has been forgotten before.
    if (kernel_) (void)kernel_->forget_start(start);
}

} // namespace leash
