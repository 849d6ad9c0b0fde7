// SPDX-License-Identifier: MIT
// Commands beside the main process: born as it is, but into a part of the cgroup of their own, so
// that whoever kills the one does not kill the other. Nobody waits for them: SIGCHLD tells.
#include "init/executor.h"

#include <algorithm>
#include <csignal>

#include <sys/wait.h>

#include "base/log.h"
#include "base/process.h"
#include "base/signal_name.h"
#include "lineage/cgroup_folder.h"
#include "spawn/spawn.h"

namespace leash {
namespace {

// As systemd names them.
void add_exit(SpawnRequest& request, int status) {
    auto& environment = request.extra_environment;
    if (WIFEXITED(status)) {
        environment.emplace_back("EXIT_CODE", "exited");
        environment.emplace_back("EXIT_STATUS", std::to_string(WEXITSTATUS(status)));
    } else if (WIFSIGNALED(status)) {
        auto name = signal_name(WTERMSIG(status));
        environment.emplace_back("EXIT_CODE", WCOREDUMP(status) ? "dumped" : "killed");
        environment.emplace_back("EXIT_STATUS", name.starts_with("SIG") ? name.substr(3) : name);
    }
}

bool probes(const ServiceSettings& settings) {
    return settings.watchdog > Ms{0} && !settings.probe.empty();
}

} // namespace

// The group is divided only where there are such commands: each part costs memory.
Executor::Group Executor::group_for(const ServiceSettings& settings, const char* part) {
    Group group{settings.name, UniqueFd()};
    if (!tree_) return group;
    auto entered = tree_->enter(group.name);
    bool divided = probes(settings) || settings.rights->delegate ||
                   std::ranges::any_of(*settings.control,
                                       [](const auto& commands) { return !commands.empty(); });
    if (entered && divided) {
        group.name += fmt::format("/{}", part);
        entered = tree_->enter(group.name);
    }
    if (entered) group.folder = std::move(*entered);
    else log::warning("{}: no cgroup: {}", settings.name, entered.error().text);
    return group;
}

void Executor::run_control(const action::RunControl& wanted) {
    const auto* settings = manager_.settings_of(wanted.start);
    if (!settings) return;
    record(wanted.service);
    if (wanted.kind == ControlKind::pre) prepare_group(*settings);
    if (wanted.kind == ControlKind::stop) thaw(wanted.service);
    SpawnRequest request;
    request.settings = settings;
    request.start = wanted.start;
    request.control = &wanted.command;
    auto main_group = group_for(*settings, "main");
    auto group = group_for(*settings, "control");
    request.cgroup_fd = group.folder.get();
    bool known = make_known(wanted.service, wanted.start, main_group.folder.get());
    if (known) request.kernel = kernel_;
    auto output = logs_.output_of(wanted.service);
    request.output_fd = output.get();
    if (wanted.main_pid > 0)
        request.extra_environment.emplace_back("MAINPID", std::to_string(wanted.main_pid));
    bool after = wanted.kind == ControlKind::stop || wanted.kind == ControlKind::cleanup;
    if (after && wanted.main_exit) add_exit(request, *wanted.main_exit);

    auto* live = live_.find(wanted.start);
    if (!live) { // command-pre: the main process is yet to come
        LiveStart fresh;
        fresh.service = wanted.service;
        fresh.start = wanted.start;
        live = &live_.add(std::move(fresh));
    }
    if (auto opened = open_notify(*live, *settings); !opened)
        log::warning("{}: {}", wanted.service, opened.error().text);
    else add_notify_environment(*live, *settings, request);

    auto spawned = leash::spawn(request);
    if (!spawned) {
        core_.post(event::ControlFailed{wanted.start, wanted.serial, spawned.error().text});
        return;
    }
    put_in_place(wanted.service, wanted.start, *spawned, group, known);
    live->control_pid = spawned->pid;
    live->control_serial = wanted.serial;
    live->control_pidfd = std::move(spawned->pidfd);
    live->control_outcome = std::move(spawned->outcome);
    core_.post(event::ControlSpawned{wanted.start, wanted.serial, spawned->pid});
}

void Executor::kill_control(const action::KillControl& wanted) {
    auto* live = live_.find(wanted.start);
    if (!live || live->control_serial != wanted.serial || !live->control_pidfd) return;
    // With what it has started: the next command would meet it.
    if (tree_)
        (void)write_group_file(tree_->path_of(wanted.service) + "/control", "cgroup.kill", "1");
    (void)signal_pidfd(live->control_pidfd.get(), SIGKILL); // it may have moved
    // It is its session's leader and not waited for yet, so no other group has its number.
    if (live->control_pid > 0) (void)kill(-live->control_pid, SIGKILL);
}

bool Executor::control_exited(pid_t pid, int wait_status) {
    auto* live = live_.by_control_pid(pid);
    if (!live) return probe_exited(pid, wait_status);
    std::optional<std::string> failure;
    bool not_executed = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kNotExecuted;
    if (live->control_outcome && not_executed) failure = read_outcome(live->control_outcome.get());
    auto start = live->start;
    auto serial = live->control_serial;
    live->control_pid = 0;
    live->control_pidfd.reset();
    live->control_outcome.reset();
    if (failure) core_.post(event::ControlFailed{start, serial, *failure});
    else core_.post(event::ControlExited{start, serial, wait_status});
    return true;
}

// False: it is no child of ours (any more), so nobody will tell how it ended.
bool Executor::adopt_control(LiveStart& live, const Control& control) {
    siginfo_t info{};
    bool child = control.pid > 0 && waitid(P_PID, static_cast<id_t>(control.pid), &info,
                                           WEXITED | WNOHANG | WNOWAIT) == 0;
    if (!child) return false;
    live.control_pid = control.pid;
    live.control_serial = control.serial;
    if (auto pidfd = open_pidfd(control.pid)) live.control_pidfd = std::move(*pidfd);
    return true;
}

} // namespace leash
