// SPDX-License-Identifier: MIT
#include "spawn/spawn.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fatal_signals.h"
#include "base/log.h"
#include "base/process.h"
#include "spawn/account.h"
#include "spawn/child.h"
#include "spawn/child_plan.h"
#include "spawn/program.h"
#include "spawn/raw_call.h"

namespace leash {
namespace {

InitialLimits initial;
const char* explainer = nullptr; // see share_memory_with_children
bool clears_handlers = true;     // the kernel does, for a child that is made so

// In the child all signals stay blocked until its dispositions are its own: init's handlers must
// not run there.
class BlockedSignals {
  public:
    BlockedSignals() {
        auto all = asynchronous_signals();
        ::sigprocmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockedSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

  private:
    sigset_t before_;
};

// Where a child that shares init's memory begins. It never returns.
void enter(void* plan) { static_cast<ChildPlan*>(plan)->carry_out(true); }

// As fork: 0 in the child, and a negative errno. `cgroup_fd` -1: into our own group. `shared`: the
// child shares our memory and begins with that plan, on its stack; null: it is a copy. `pidfd` null:
// none is wanted.
long clone_process(int cgroup_fd, int* pidfd, ChildPlan* shared) {
    clone_args arguments{};
    if (pidfd) arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(pidfd);
    arguments.exit_signal = SIGCHLD;
    if (cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    }
    if (shared) {
        shared->handlers_are_cleared(clears_handlers);
        arguments.flags |= CLONE_VM | (clears_handlers ? CLONE_CLEAR_SIGHAND : 0);
        arguments.stack = reinterpret_cast<std::uintptr_t>(shared->stack());
        arguments.stack_size = ChildPlan::kStack;
        return clone3_onto(arguments, enter, shared);
    }
    return raw_call(SYS_clone3, &arguments, sizeof arguments);
}

// Linux before 5.5 cannot make a child without handlers.
long clone_with_cgroup(int cgroup_fd, int* pidfd, ChildPlan* shared) {
    auto pid = clone_process(cgroup_fd, pidfd, shared);
    if (pid != -EINVAL || !shared || !clears_handlers) return pid;
    clears_handlers = false;
    pid = clone_process(cgroup_fd, pidfd, shared);
    if (pid < 0) clears_handlers = true; // it was about something else
    return pid;
}

// Where clone3 does not exist, or a container's filter hides it.
long clone_old(int* pidfd) {
    return raw_call(SYS_clone, (pidfd ? CLONE_PIDFD : 0) | SIGCHLD, nullptr, pidfd, nullptr, nullptr);
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
    spawned.outcome = ExecOutcome(UniqueFd(ends[0]));
    UniqueFd child_end(ends[1]);
    spawned.in_cgroup = request.cgroup_fd >= 0;

    std::unique_ptr<ChildPlan> plan;
    if (kCanShareMemory && explainer && ChildPlan::can_share_memory(request)) {
        plan = std::make_unique<ChildPlan>(request, initial, Account{}, -1, "", child_end.get());
        if (!plan->stack()) plan.reset();
    }

    int pidfd = -1;
    int* wants_pidfd = request.pidfd ? &pidfd : nullptr;
    long pid = -1;
    std::string not_armed;
    {
        BlockedSignals blocked;
        ArmedLineage lineage(request.kernel, request.start);
        spawned.in_lineage = lineage.armed();
        not_armed = lineage.failure();
        auto clone = [&](int cgroup_fd) {
            return clone_with_cgroup(cgroup_fd, wants_pidfd, plan.get());
        };
        pid = clone(request.cgroup_fd);
        if (pid < 0 && spawned.in_cgroup && pid != -EAGAIN && pid != -ENOMEM) {
            // EBUSY: the group's owner has enabled controllers; EOPNOTSUPP: it is threaded; EINVAL
            // or E2BIG: Linux before 5.7; ENODEV: it is being removed. Moving may still work.
            spawned.in_cgroup = false;
            pid = clone(-1);
        }
        if (pid == -ENOSYS) {
            plan.reset();
            pid = clone_old(wants_pidfd);
        }
        if (pid == 0) run_forked_child(request, initial, child_end.get());
    }
    if (plan && pid > 0) spawned.outcome.keep(std::move(plan));
    if (!not_armed.empty()) log::warning("{}: {}", settings.name, not_armed);
    if (pid < 0)
        return fail_errno(static_cast<int>(-pid), "cannot make a process for {}", settings.name);
    spawned.pid = static_cast<pid_t>(pid);
    spawned.pidfd = UniqueFd(pidfd);
    spawned.start_ticks = start_ticks_of(spawned.pid, spawned.in_lineage ? request.kernel : nullptr);
    return spawned;
}

// A child that crashed before it executes would dump init's memory, on kernels before 5.16 by killing
// all who share it.
void share_memory_with_children(const char* program) {
    explainer = program;
    ::prctl(PR_SET_DUMPABLE, 0);
}
const char* explaining_program() { return explainer; }

int execute_or_explain(int argc, char** argv) {
    if (argc < 2) return kNotExecuted;
    int outcome = std::atoi(argv[0]);
    ::fcntl(outcome, F_SETFD, FD_CLOEXEC);
    std::vector<std::string> command(argv + 1, argv + argc), environment;
    for (char** each = environ; *each; ++each) environment.emplace_back(*each);
    auto reason = execute(command, environment, search_path(environment));
    (void)!::write(outcome, reason.data(), std::min<std::size_t>(reason.size(), 4000));
    return kNotExecuted;
}

namespace {

bool reads_zero(const char* path) {
    UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    char text[8];
    auto got = fd ? ::read(fd.get(), text, sizeof text) : -1;
    return got >= 1 && text[0] == '0';
}

} // namespace

void remember_own_changes() {
    struct {
        std::uintptr_t handler = 0;
        unsigned long flags = 0;
        std::uintptr_t restorer = 0;
        std::uint64_t mask = 0;
    } now;
    std::uint64_t ignored = 0;
    for (int number = 1; number <= 64; ++number) {
        auto answer = raw_call(SYS_rt_sigaction, number, nullptr, &now, sizeof(std::uint64_t));
        if (answer < 0 || now.handler == 1 /* SIG_IGN */) ignored |= std::uint64_t{1} << (number - 1);
    }
    initial.ignored = ignored;
    initial.changed = 0;
    for (int i = 0; i < RLIM_NLIMITS; ++i) {
        rlimit64 own{};
        const auto& before = initial.limits[i];
        bool same = raw_call(SYS_prlimit64, 0, i, nullptr, &own) == 0 &&
                    own.rlim_cur == before.rlim_cur && own.rlim_max == before.rlim_max;
        if (!same) initial.changed |= 1U << i;
    }
}

void remember_initial_limits(DescriptorLimit before) {
    for (int i = 0; i < RLIM_NLIMITS; ++i)
        if (::syscall(SYS_prlimit64, 0, i, nullptr, &initial.limits[i]) != 0) return;
    initial.known = true;
    initial.changed = ~0U;
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
