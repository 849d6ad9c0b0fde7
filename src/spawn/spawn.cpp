// SPDX-License-Identifier: MIT
#include "spawn/spawn.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "spawn/child.h"

namespace leash {
namespace {

InitialLimits initial;

// In the child all signals stay blocked until its dispositions are its own: init's handlers must
// not run there.
class BlockedSignals {
  public:
    BlockedSignals() {
        sigset_t all;
        ::sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockedSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

  private:
    sigset_t before_;
};

// As fork: 0 in the child. `cgroup_fd` -1: into our own group.
long clone_process(int cgroup_fd, int& pidfd) {
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    if (cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    }
    return ::syscall(SYS_clone3, &arguments, sizeof arguments);
}

// Where clone3 does not exist, or a container's filter hides it.
long clone_old(int& pidfd) {
    return ::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
}

// Armed from right before the fork, with no other fork of PID 1 in between, until the block is left:
// whatever comes of the fork, nothing stays armed that a worker could be born into.
class ArmedLineage {
  public:
    ArmedLineage(KernelLineage* kernel, StartId start) : kernel_(kernel) {
        if (!kernel_) return;
        if (auto armed = kernel_->arm(start); !armed) failure_ = armed.error().text;
        armed_ = failure_.empty();
    }
    ~ArmedLineage() {
        if (!armed_) return;
        // The fork has consumed it; what failed to fork has not.
        [[maybe_unused]] auto disarmed = kernel_->arm(0);
    }
    ArmedLineage(const ArmedLineage&) = delete;
    ArmedLineage& operator=(const ArmedLineage&) = delete;
    [[nodiscard]] bool armed() const { return armed_; }
    [[nodiscard]] const std::string& failure() const { return failure_; }

  private:
    KernelLineage* kernel_;
    std::string failure_;
    bool armed_ = false;
};

// Nobody has reaped it yet, so the number is still its own. The module tells for a tenth of what a
// folder of /proc costs.
std::uint64_t start_ticks_of(pid_t pid, const KernelLineage* kernel) {
    static const auto kNsPerTick = 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    if (auto whose = kernel ? kernel->whois(pid) : std::nullopt) return whose->start_ns / kNsPerTick;
    auto stat = read_stat(pid);
    return stat ? stat->start_ticks : 0;
}

} // namespace

Result<Spawned> spawn(const SpawnRequest& request) {
    const auto& settings = *request.settings;
    if (settings.command.empty()) return fail("{} has no command", settings.name);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno(errno, "cannot make a pipe");
    Spawned spawned;
    spawned.outcome = UniqueFd(ends[0]);
    UniqueFd child_end(ends[1]);
    spawned.in_cgroup = request.cgroup_fd >= 0;

    int pidfd = -1;
    long pid = -1;
    int code = 0;
    std::string not_armed;
    {
        BlockedSignals blocked;
        ArmedLineage lineage(request.kernel, request.start);
        spawned.in_lineage = lineage.armed();
        not_armed = lineage.failure();
        pid = clone_process(request.cgroup_fd, pidfd);
        if (pid < 0 && spawned.in_cgroup && errno != EAGAIN && errno != ENOMEM) {
            // EBUSY: the group's owner has enabled controllers; EOPNOTSUPP: it is threaded; EINVAL
            // or E2BIG: Linux before 5.7; ENODEV: it is being removed. Moving may still work.
            spawned.in_cgroup = false;
            pid = clone_process(-1, pidfd);
        }
        if (pid < 0 && errno == ENOSYS) pid = clone_old(pidfd);
        code = errno;
        if (pid == 0) run_child(request, initial, child_end.get());
    }
    if (!not_armed.empty()) log::warning("{}: {}", settings.name, not_armed);
    if (pid < 0) return fail_errno(code, "cannot make a process for {}", settings.name);
    spawned.pid = static_cast<pid_t>(pid);
    spawned.pidfd = UniqueFd(pidfd);
    spawned.start_ticks = start_ticks_of(spawned.pid, spawned.in_lineage ? request.kernel : nullptr);
    return spawned;
}

std::optional<std::string> read_outcome(int outcome_fd) {
    std::string reason;
    char buffer[4096];
    while (true) {
        auto got = ::read(outcome_fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        reason.append(buffer, static_cast<std::size_t>(got));
    }
    if (reason.empty()) return std::nullopt;
    return reason;
}

namespace {

bool reads_zero(const char* path) {
    UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    char text[8];
    auto got = fd ? ::read(fd.get(), text, sizeof text) : -1;
    return got >= 1 && text[0] == '0';
}

} // namespace

void remember_initial_limits(DescriptorLimit before) {
    for (int i = 0; i < RLIM_NLIMITS; ++i)
        if (::syscall(SYS_prlimit64, 0, i, nullptr, &initial.limits[i]) != 0) return;
    initial.known = true;
    initial.oom_is_plain = reads_zero("/proc/self/oom_score_adj");
    if (before.hard != 0) initial.limits[RLIMIT_NOFILE] = {before.soft, before.hard};
    cpu_set_t affinity;
    if (::sched_getaffinity(0, sizeof affinity, &affinity) == 0) initial.affinity = affinity;
}

DescriptorLimit initial_descriptor_limit() {
    if (!initial.known) return {};
    const auto& limit = initial.limits[RLIMIT_NOFILE];
    return {limit.rlim_cur, limit.rlim_max};
}

void raise_descriptor_limit(std::uint64_t most) {
    rlimit64 now{};
    if (::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &now) != 0 || now.rlim_cur >= most) return;
    rlimit64 wanted{most, std::max<std::uint64_t>(most, now.rlim_max)};
    if (::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &wanted, nullptr) == 0) return;
    wanted = {now.rlim_max, now.rlim_max}; // in a container, more may be forbidden
    (void)::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &wanted, nullptr);
}

} // namespace leash
