// SPDX-License-Identifier: MIT
// The command of `watchdog-source = probe:COMMAND`: born beside the main process as command-reload is,
// but into a part of the cgroup of its own, so that it can be killed as a whole without anything else.
// It is a task of the service (initctl ps shows it, and the end of the start takes it along). Nobody
// waits for it: SIGCHLD tells. How long it may take is for whoever asks.
#include "init/executor.h"

#include <cerrno>
#include <csignal>

#include <sys/wait.h>

#include "base/process.h"
#include "lineage/cgroup_folder.h"
#include "spawn/spawn.h"

namespace leash {

int Executor::run_probe(StartId start) {
    auto* live = live_.find(start);
    const auto* settings = manager_.settings_of(start);
    if (!live || !settings) return -ESRCH;
    if (settings->probe.empty()) return -EINVAL;
    (void)kill_probe(start); // of an earlier life of init, say
    auto service = live->service;

    SpawnRequest request;
    request.settings = settings;
    request.start = start;
    request.control = &settings->probe;
    auto main_group = group_for(*settings, "main");
    auto group = group_for(*settings, "probe");
    request.cgroup_fd = group.folder.get();
    bool known = make_known(service, start, main_group.folder.get());
    if (known) request.kernel = kernel_;
    auto output = logs_.output_of(service);
    request.output_fd = output.get();
    if (live->main_pid > 0)
        request.extra_environment.emplace_back("MAINPID", std::to_string(live->main_pid));
    auto spawned = leash::spawn(request);
    if (!spawned) {
        heartbeats_.probe_exited(start, -1, spawned.error().text);
        return 0;
    }
    put_in_place(service, start, *spawned, group, known);
    live->probe_pid = spawned->pid;
    live->probe_pidfd = std::move(spawned->pidfd);
    live->probe_outcome = std::move(spawned->outcome);
    return 0;
}

int Executor::kill_probe(StartId start) {
    auto* live = live_.find(start);
    if (!live) return -ESRCH;
    if (tree_)
        (void)write_group_file(tree_->path_of(live->service) + "/probe", "cgroup.kill", "1");
    if (live->probe_pid == 0) return 0;
    // Not reaped yet, so the number is its own; it leads a session.
    if (!tree_) kill(-live->probe_pid, SIGKILL);
    (void)signal_pidfd(live->probe_pidfd.get(), SIGKILL); // it may have moved
    live->probe_pid = 0;
    live->probe_pidfd.reset();
    live->probe_outcome.reset();
    return 0;
}

bool Executor::probe_exited(pid_t pid, int wait_status) {
    auto* live = live_.by_probe_pid(pid);
    if (!live) return false;
    std::string why;
    bool not_executed = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kNotExecuted;
    if (live->probe_outcome && not_executed)
        why = read_outcome(live->probe_outcome.get()).value_or("");
    auto start = live->start;
    live->probe_pid = 0;
    (void)kill_probe(start); // what it has left behind
    live->probe_pidfd.reset();
    live->probe_outcome.reset();
    heartbeats_.probe_exited(start, why.empty() ? wait_status : -1, why);
    return true;
}

} // namespace leash
