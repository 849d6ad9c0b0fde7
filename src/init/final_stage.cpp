// SPDX-License-Identifier: MIT
#include "init/final_stage.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "init/unmount.h"

namespace leash {
namespace {

// All processes of user space but the spared ones, PID 1 and the caller.
std::vector<pid_t> everybody(const std::vector<pid_t>& spared) {
    std::vector<pid_t> found;
    ProcessWalk walk;
    for (auto pids = walk.next(); !pids.empty(); pids = walk.next()) {
        for (pid_t pid : pids) {
            bool spare = pid <= 1 || pid == getpid() || std::ranges::find(spared, pid) != spared.end();
            auto stat = spare ? std::nullopt : read_stat(pid);
            if (stat && !stat->dead() && !stat->kernel) found.push_back(pid);
        }
    }
    return found;
}

std::string name_of(pid_t pid) {
    return fmt::format("{} ({})", printable(read_value(fmt::format("/proc/{}/comm", pid))), pid);
}

// What was left on purpose, or could not be seen: at one stroke, so that nothing of it outruns the
// walks through /proc that follow.
void kill_by_lineage(KernelLineage& kernel, const std::string& kept) {
    auto starts = kernel.starts();
    if (!starts) return;
    for (const auto& start : *starts) {
        if (!kept.empty() && start.group == group_of(kept)) continue;
        (void)kernel.kill(start.id, SIGKILL, {.spared = true, .tagged = true});
    }
}

int stop_everything(const std::vector<pid_t>& spared, const std::string& kept, KernelLineage* kernel,
                    int out) {
    auto left = everybody(spared);
    for (pid_t pid : left) {
        kill(pid, SIGTERM);
        kill(pid, SIGCONT);
    }
    auto wait_for = [&](Ms limit) {
        Ms deadline = monotonic_now() + limit;
        while (!(left = everybody(spared)).empty() && monotonic_now() < deadline) usleep(20'000);
        return left.empty();
    };
    if (left.empty() || wait_for(Ms{2'000})) return 0;
    if (kernel) kill_by_lineage(*kernel, kept);
    for (int round = 0; round < 50; ++round) {
        for (pid_t pid : left) kill(pid, SIGKILL);
        if (wait_for(Ms{50})) return 0;
    }
    for (pid_t pid : left) tell(out, "will not die: " + name_of(pid));
    return 1;
}

} // namespace

std::string_view to_string(EndKind kind) {
    switch (kind) {
    case EndKind::reboot: return "reboot";
    case EndKind::poweroff: return "power-off";
    case EndKind::halt: return "halt";
    case EndKind::wdt_reset: return "reset by the WDT";
    case EndKind::kexec: return "kexec";
    case EndKind::soft_reboot: return "soft reboot";
    }
    return "?";
}

void FinalStage::run() { kill_everything(); }

void FinalStage::kill_everything() {
    hooks_.say("Stopping what is left");
    WorkerJob job;
    job.name = "stop-everything";
    job.limit = Ms{8'000};
    if (hooks_.kernel) job.keep_fds.push_back(hooks_.kernel->fd());
    job.work = [spared = hooks_.spared(), kept = hooks_.kept, kernel = hooks_.kernel](int out) {
        return stop_everything(spared, kept, kernel, out);
    };
    job.line = [this](std::string_view line) { hooks_.say(std::string(line)); };
    job.done = [this](int, std::string) { unmount(); };
    workers_.run(std::move(job));
}

void FinalStage::unmount() {
    if (!hooks_.unmount) {
        flush();
        return;
    }
    hooks_.say("Unmounting file systems");
    WorkerJob job;
    job.name = "unmount";
    job.limit = Ms{15'000};
    job.work = [](int out) { return unmount_everything(out); };
    job.line = [this](std::string_view line) { hooks_.say(std::string(line)); };
    job.done = [this](int, std::string) { flush(); };
    workers_.run(std::move(job));
}

void FinalStage::flush() {
    flush_limit_.in(Ms{1'000});
    hooks_.flush_log([this] { finish(); });
}

void FinalStage::finish() {
    if (std::exchange(finished_, true)) return;
    flush_limit_.cancel();
    hooks_.end();
}

} // namespace leash
