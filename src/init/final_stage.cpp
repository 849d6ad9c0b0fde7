// SPDX-License-Identifier: MIT
#include "init/final_stage.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "base/whole_file.h"

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
    auto name = read_whole_file(fmt::format("/proc/{}/comm", pid));
    if (!name.empty() && name.back() == '\n') name.pop_back();
    return fmt::format("{} ({})", printable(name), pid);
}

// What was left on purpose, or could not be seen: at one stroke, so that nothing of it outruns the
// walks through /proc that follow.
void kill_by_lineage(KernelLineage& kernel) {
    auto starts = kernel.starts();
    if (!starts) return;
    for (const auto& start : *starts)
        (void)kernel.kill(start.id, SIGKILL, {.spared = true, .tagged = true});
}

int stop_everything(const std::vector<pid_t>& spared, KernelLineage* kernel, int out) {
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
    if (kernel) kill_by_lineage(*kernel);
    for (int round = 0; round < 50; ++round) {
        for (pid_t pid : left) kill(pid, SIGKILL);
        if (wait_for(Ms{50})) return 0;
    }
    for (pid_t pid : left) tell(out, "will not die: " + name_of(pid));
    return 1;
}

struct MountLine {
    std::string target, type;
};

std::vector<MountLine> mounts_newest_first() {
    std::vector<MountLine> mounts;
    auto text = read_whole_file("/proc/self/mounts");
    for (auto line : split(text, '\n', true)) {
        auto words = split(line, ' ', true);
        if (words.size() < 3) continue;
        std::string target;
        for (std::size_t i = 0; i < words[1].size(); ++i) { // \040 stands for a blank
            if (words[1][i] == '\\' && i + 3 < words[1].size()) {
                target += static_cast<char>((words[1][i + 1] - '0') * 64 +
                                            (words[1][i + 2] - '0') * 8 + (words[1][i + 3] - '0'));
                i += 3;
            } else {
                target += words[1][i];
            }
        }
        mounts.insert(mounts.begin(), {target, std::string(words[2])});
    }
    return mounts;
}

// Needed to the last moment: by the logger, by PID 1 itself.
bool stays_mounted(const MountLine& mount) {
    static constexpr std::string_view kStay[] = {"/proc", "/sys", "/dev", "/run"};
    if (mount.target == "/") return true;
    return std::ranges::any_of(kStay, [&](std::string_view place) {
        return mount.target == place || mount.target.starts_with(std::string(place) + "/");
    });
}

int unmount_everything(int out) {
    sync();
    auto swaps_text = read_whole_file("/proc/swaps");
    auto swaps = split(swaps_text, '\n', true);
    for (std::size_t i = 1; i < swaps.size(); ++i)
        swapoff(std::string(split(swaps[i], ' ', true).front()).c_str());
    int failures = 0;
    for (const auto& mount : mounts_newest_first()) {
        if (stays_mounted(mount)) continue;
        if (umount2(mount.target.c_str(), 0) == 0) continue;
        // Somebody sits in it. Read-only is as good for the disk; lazily detached is the last resort.
        if (::mount(nullptr, mount.target.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0)
            continue;
        int why = errno;
        if (umount2(mount.target.c_str(), MNT_DETACH) == 0) continue;
        ++failures;
        tell(out, fmt::format("cannot unmount {}: {}", mount.target, std::strerror(why)));
    }
    if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr) < 0 && errno != EINVAL) {
        ++failures;
        tell(out, fmt::format("cannot remount / read-only: {}", std::strerror(errno)));
    }
    sync();
    return failures ? 1 : 0;
}

} // namespace

std::string_view to_string(EndKind kind) {
    switch (kind) {
    case EndKind::reboot: return "reboot";
    case EndKind::poweroff: return "power-off";
    case EndKind::halt: return "halt";
    case EndKind::wdt_reset: return "reset by the WDT";
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
    job.work = [spared = hooks_.spared(), kernel = hooks_.kernel](int out) {
        return stop_everything(spared, kernel, out);
    };
    job.line = [this](std::string_view line) { hooks_.say(std::string(line)); };
    job.done = [this](int, std::string) { unmount(); };
    workers_.run(std::move(job));
}

void FinalStage::unmount() {
    hooks_.say("Unmounting file systems");
    WorkerJob job;
    job.name = "unmount";
    job.limit = Ms{10'000};
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
