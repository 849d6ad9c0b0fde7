// SPDX-License-Identifier: MIT
// Carrying out a plan: system calls only, since the memory may be init's (child_plan.h).
#include "spawn/child.h"

#include <algorithm>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "spawn/account.h"
#include "spawn/child_plan.h"
#include "spawn/program.h"
#include "spawn/raw_call.h"
#include "spawn/tty.h"

namespace leash {
namespace {

constexpr std::size_t kLongestReason = 4000; // fits into a pipe at once (PIPE_BUF)

// Decimal digits and a NUL; `into` has room for them.
char* write_number(char* into, long number) {
    char reversed[24];
    int count = 0;
    do {
        reversed[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) *into++ = reversed[--count];
    *into = '\0';
    return into;
}

[[noreturn]] void end_child(int status) {
    for (;;) raw_call(SYS_exit_group, status);
}

} // namespace

// ---- how it fails -------------------------------------------------------------------------------

// TEXT NUL CODE, and " NUMBER" at the end of the text where there is one: see read_outcome. Code 0: the
// text says it all.
void ChildPlan::give_up(const Failure& failure) {
    char message[kLongestReason];
    auto length = std::min(std::strlen(failure.what), sizeof message - 64);
    std::memcpy(message, failure.what, length);
    char* at = message + length;
    if (failure.number >= 0) {
        *at++ = ' ';
        at = write_number(at, failure.number);
    }
    *at++ = '\0';
    at = write_number(at, failure.code);
    raw_call(SYS_write, outcome_, message, at - message);
    end_child(kNotExecuted);
}

void ChildPlan::give_up(const char* what, long answer, int number) {
    give_up({what, static_cast<int>(-answer), number});
}

// ---- the steps: each succeeds or does not return ------------------------------------------------

void ChildPlan::carry_out(bool shared) {
    default_dispositions(resets_);
    lift_descriptors();
    if (auto session = raw_call(SYS_setsid); session < 0) give_up("cannot start a session", session);
    if (tty_ >= 0) take_terminal();
    else set_standard_descriptors();
    plain_scheduling();
    restore_limits();
    set_limits();
    own_group();
    bound_capabilities();
    become();
    give_capabilities();
    raw_call(SYS_umask, rights_.umask.value_or(022));
    if (auto entered = raw_call(SYS_chdir, folder_.c_str()); entered < 0)
        give_up(folder_fault_.c_str(), entered);
    place_descriptors();
    close_others();
    tell_own_pid();
    unblock_signals();
    execute(shared);
    end_child(kNotExecuted);
}

// By hand: the C library would leave out the two signals that it keeps for itself.
void ChildPlan::default_dispositions(std::uint64_t which) {
    struct {
        void* handler = nullptr;
        unsigned long flags = 0;
        void* restorer = nullptr;
        std::uint64_t mask = 0;
    } plain;
    for (int number = 1; which != 0; ++number, which >>= 1)
        if (which & 1) raw_call(SYS_rt_sigaction, number, &plain, nullptr, sizeof(std::uint64_t));
}

void ChildPlan::unblock_signals() const {
    std::uint64_t none = 0;
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

// Out of the way of 0, 1, 2, of what is passed on and of the descriptor that the service is to find
// its pipe at.
int ChildPlan::lift(int fd) {
    if (fd < 0) return -1;
    auto lifted = raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3 + passed());
    if (lifted >= 0 && lifted == target_) lifted = raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lifted + 1);
    if (lifted < 0) give_up("cannot duplicate descriptor", lifted, fd);
    return static_cast<int>(lifted);
}

void ChildPlan::lift_descriptors() {
    outcome_ = lift(outcome_);
    output_ = lift(output_);
    notify_ = lift(notify_);
    tty_ = lift(tty_);
    for (int& fd : passed_) fd = lift(fd);
}

void ChildPlan::place(int fd, int number) {
    auto placed = raw_call(SYS_dup3, fd, number, 0); // never the same: everything was lifted
    if (placed < 0) give_up("cannot set descriptor", placed, number);
}

void ChildPlan::take_terminal() {
    if (auto taken = raw_call(SYS_ioctl, tty_, TIOCSCTTY, 1); taken < 0)
        give_up("cannot make it the controlling terminal", taken);
    for (int number : {0, 1, 2}) place(tty_, number);
}

void ChildPlan::set_standard_descriptors() {
    auto opened = raw_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    int null = lift(static_cast<int>(std::max(opened, -1L)));
    int input = null, output = output_ >= 0 ? output_ : null;
    if (null < 0) { // an empty /dev: a pipe that nobody holds the other end of
        int ends[2];
        auto made = raw_call(SYS_pipe2, ends, O_CLOEXEC);
        if (made < 0) give_up("cannot make a pipe", made);
        input = lift(ends[0]);
        if (output < 0) output = lift(ends[1]);
        raw_call(SYS_close, ends[0]);
        raw_call(SYS_close, ends[1]);
    }
    place(input, 0);
    place(output, 1);
    place(output, 2);
}

// What cannot be changed here was not changed by init either, or the kernel lacks it.
void ChildPlan::plain_scheduling() const {
    sched_param priority{};
    raw_call(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority);
    raw_call(SYS_setpriority, PRIO_PROCESS, 0, 0);
    raw_call(SYS_ioprio_set, 1 /* a process */, 0, 0 /* by the nice value */);
    raw_call(SYS_prctl, PR_SET_TIMERSLACK, 0, 0, 0, 0);
    if (limits_.oom_is_plain) return;
    auto fd = raw_call(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        raw_call(SYS_write, fd, "0", 1);
        raw_call(SYS_close, fd);
    }
}

void ChildPlan::restore_limits() const {
    if (limits_.affinity) raw_call(SYS_sched_setaffinity, 0, sizeof(cpu_set_t), &*limits_.affinity);
    if (!limits_.known) return;
    for (int i = 0; i < RLIM_NLIMITS; ++i)
        if (limits_.changed >> i & 1) raw_call(SYS_prlimit64, 0, i, &limits_.limits[i], nullptr);
}

// Never go on as root when somebody else was asked for.
void ChildPlan::become() {
    auto done = raw_call(SYS_setgroups, groups_.size(), groups_.data());
    if (!becomes_) return;
    if (done < 0) give_up(groups_fault_.c_str(), done);
    if (done = raw_call(SYS_setresgid, gid_, gid_, gid_); done < 0) give_up(group_fault_.c_str(), done);
    if (done = raw_call(SYS_setresuid, uid_, uid_, uid_); done < 0) give_up(user_fault_.c_str(), done);
    bool is_it = raw_call(SYS_getuid) == static_cast<long>(uid_) &&
                 raw_call(SYS_geteuid) == static_cast<long>(uid_);
    if (!is_it) give_up(user_fault_.c_str(), -EPERM);
}

void ChildPlan::place_descriptors() {
    if (!conflict_.empty()) give_up(conflict_.c_str(), 0);
    for (int i = 0; i < passed(); ++i) place(passed_[static_cast<std::size_t>(i)], 3 + i);
    if (notify_ < 0) return;
    if (auto placed = raw_call(SYS_dup3, notify_, target_, 0); placed < 0)
        give_up("notify: cannot set descriptor", placed, target_);
}

void ChildPlan::close_others() {
    auto close = [](unsigned first, unsigned last) {
        // Not by execve: one that waits for a disk would hold init's sockets, and its WDT.
        if (raw_call(SYS_close_range, first, last, 0) == 0) return;
        rlimit64 limit{}; // Linux before 5.9
        unsigned most = 1024;
        if (raw_call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit) == 0)
            most = static_cast<unsigned>(std::min<std::uint64_t>(limit.rlim_max, 1 << 20));
        for (unsigned fd = first; fd <= last && fd < most; ++fd) raw_call(SYS_close, fd);
    };
    int keep[] = {outcome_, target_ >= 3 ? target_ : outcome_};
    if (keep[0] > keep[1]) std::swap(keep[0], keep[1]);
    auto from = static_cast<unsigned>(3 + passed());
    for (int fd : keep) {
        auto number = static_cast<unsigned>(fd);
        if (number > from) close(from, number - 1);
        from = std::max(from, number + 1);
    }
    close(from, ~0U);
}

void ChildPlan::tell_own_pid() {
    if (pid_places_.empty()) return;
    auto pid = raw_call(SYS_getpid);
    for (char* place : pid_places_) write_number(place, pid);
}

// Why the program was not executed takes looking at files to tell, and a C library. A child with memory
// of its own has one; the other one becomes init's explainer, which tries once more before.
void ChildPlan::execute(bool shared) {
    for (const auto& file : files_) {
        auto answer = raw_call(SYS_execve, file.c_str(), arguments_.data(), variables_.data());
        if (answer != -ENOENT && answer != -EACCES && answer != -ENOTDIR) break;
    }
    if (!shared) {
        auto reason = leash::execute(words_, environment_, search_path(environment_));
        reason.resize(std::min(reason.size(), kLongestReason));
        raw_call(SYS_write, outcome_, reason.data(), reason.size());
        return;
    }
    raw_call(SYS_fcntl, outcome_, F_SETFD, 0);
    write_number(outcome_digits_.data(), outcome_);
    auto answer = raw_call(SYS_execve, explaining_program(), explain_.data(), variables_.data());
    give_up("cannot be executed, and what would tell why cannot either", answer);
}

// ---- a copy of init -----------------------------------------------------------------------------

void run_forked_child(const SpawnRequest& request, const InitialLimits& limits, int outcome) {
    ChildPlan::default_dispositions(); // init's handlers must not run here, whatever goes wrong
    const auto& settings = *request.settings;
    auto give_up = [&](const std::string& reason) {
        (void)!::write(outcome, reason.data(), std::min(reason.size(), kLongestReason));
        ::_exit(kNotExecuted);
    };
    auto account = find_account(settings.user, settings.group);
    if (!account) give_up(account.error().text);
    UniqueFd tty;
    std::string_view type;
    if (settings.type == ServiceType::console && !request.control) {
        auto opened = open_tty(tty_path(settings.tty.empty() ? "console" : settings.tty));
        if (!opened) give_up(opened.error().text);
        tty = std::move(*opened);
        type = terminal_type(tty.get());
    }
    ChildPlan(request, limits, *account, tty.get(), type, outcome).carry_out(false);
}

} // namespace leash
