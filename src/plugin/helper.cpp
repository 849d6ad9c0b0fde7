// SPDX-License-Identifier: MIT
#include "plugin/helper.h"

#include <cerrno>
#include <csignal>
#include <cstddef>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fatal_signals.h"

namespace leash {

namespace {

constexpr int kExecFailed = 127;

int moved_up(int fd, int base) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, base);
    if (moved < 0) _exit(kExecFailed);
    return moved;
}

void close_on_exec_from(int first) {
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
    for (int fd = first; fd < static_cast<int>(limit.rlim_cur); ++fd)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// Between fork and exec: system calls only, since another thread of a test may have held the heap.
[[noreturn]] void become(const leash_helper& helper) {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
        sigaction(number, &by_default, nullptr);

    setsid();
    umask(022);
    if (chdir("/") != 0) _exit(kExecFailed);
    sched_param normal{};
    sched_setscheduler(0, SCHED_OTHER, &normal);

    // First everything out of the way of 0, 1, 2, 3, ..., then each to its place.
    const int count = static_cast<int>(helper.fd_count);
    const int base = 3 + count;
    int moved[kMaxHelperFds];
    for (int i = 0; i < count; ++i)
        moved[i] = moved_up(helper.fds[i], base);
    int program = helper.exec_fd >= 0 ? moved_up(helper.exec_fd, base) : -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) null = memfd_create("null", MFD_CLOEXEC); // no /dev yet
    null = moved_up(null, base);
    for (int fd = 0; fd < 3; ++fd)
        if (dup2(null, fd) != fd) _exit(kExecFailed);
    for (int i = 0; i < count; ++i)
        if (dup2(moved[i], 3 + i) != 3 + i) _exit(kExecFailed);
    close_on_exec_from(base);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char* environment[] = {path_variable, nullptr};
    auto* argv = const_cast<char* const*>(helper.argv);
    if (program >= 0)
        syscall(SYS_execveat, program, "", argv, environment, AT_EMPTY_PATH);
    else
        execve(helper.path, argv, environment);
    _exit(kExecFailed);
}

} // namespace

pid_t spawn_helper_process(const leash_helper& helper) {
    if (helper.size < offsetof(leash_helper, cookie) + sizeof helper.cookie) return -EINVAL;
    if (helper.flags != 0 || helper.argv == nullptr || helper.argv[0] == nullptr) return -EINVAL;
    if (helper.exec_fd < 0 && helper.path == nullptr) return -EINVAL;
    if (helper.fd_count > 0 && helper.fds == nullptr) return -EINVAL;
    if (helper.fd_count > kMaxHelperFds) return -E2BIG;
    if (helper.exec_fd >= 0 && fcntl(helper.exec_fd, F_GETFD) < 0) return -EBADF;
    for (unsigned i = 0; i < helper.fd_count; ++i)
        if (fcntl(helper.fds[i], F_GETFD) < 0) return -EBADF;

    // No handler of PID 1 may run in the child before the dispositions are reset.
    sigset_t all = asynchronous_signals(), before;
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) become(helper);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return pid < 0 ? -error : pid;
}

} // namespace leash
