// SPDX-License-Identifier: MIT
// The runner: lives beside the init under test, waits until it has settled, runs COMMAND and tells
// the rig how it ended. It shares stage-0's program, so the guest's root holds no file of it.
#include "stage0.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    kSettleMs = 60000,
    kRetryMs = 100,
    kOtherInitMs = 1000,
    kNotReachable = 5, // initctl's status when there is no init to talk to yet
    kCannotRun = 126,
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// Waits for `fd`, or for ms to pass. Being told to stop before COMMAND has begun ends the runner:
// an init that shuts down must not have to wait for it.
static bool wait_readable(int fd, int signals, int64_t ms) {
    int64_t end = now_ms() + ms;
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd waits[2] = {{.fd = signals, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        int ready = poll(waits, 2, left > 0 ? (int)left : 0);
        if (ready > 0 && waits[0].revents) {
            _exit(0);
        }
        if (ready > 0) {
            return true;
        }
        if (left <= 0) {
            return false;
        }
    }
}

// initctl's status; -1 if it took longer than ms or was killed.
static int ask_initctl(const struct runner* runner, int signals, int64_t ms) {
    pid_t pid = fork();
    if (pid == 0) {
        become_command_child(runner, runner->null, runner->null);
        execl("/sbin/initctl", "initctl", "is-system-running", "--wait", (char*)NULL);
        _exit(kCannotRun);
    }
    if (pid < 0) {
        return -1;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (!wait_readable(pidfd, signals, ms)) {
        kill(pid, SIGKILL);
    }
    close(pidfd);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wait_until_leash_has_settled(const struct runner* runner, int signals) {
    int64_t end = now_ms() + kSettleMs;
    while (now_ms() < end) {
        int status = ask_initctl(runner, signals, end - now_ms());
        if (status >= 0 && status != kNotReachable && status != kCannotRun) {
            return;
        }
        wait_readable(-1, signals, kRetryMs);
    }
}

static int take_signals(void) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &stops, SFD_CLOEXEC);
}

// The rig ends the guest without a shutdown: leave it disks that need no repair. A frozen ext4 has
// an empty journal, as if unmounted.
static void make_disks_consistent(const struct runner* runner) {
    sync();
    struct stat status;
    if (runner->state_disk == 0 || stat("/var/lib", &status) ||
        status.st_dev != runner->state_disk) {
        return;
    }
    int fd = open("/var/lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        ioctl(fd, FIFREEZE, 0);
        close(fd);
    }
}

static void serve_after_command(const struct runner* runner, int signals) {
    char line[128];
    for (;;) {
        wait_readable(runner->ports.control, signals, INT32_MAX);
        read_line(runner->ports.control, line, sizeof line);
        if (!strcmp(line, "finish")) {
            make_disks_consistent(runner);
            write_all(runner->ports.control, "finished\n", strlen("finished\n"));
        }
    }
}

_Noreturn void run_runner(struct runner* runner) {
    prctl(PR_SET_NAME, "vm-runner");
    setsid();
    int signals = take_signals();
    for (int fd = 0; fd < 3; fd++) {
        dup2(runner->null, fd);
    }
    // Output has to reach the rig before COMMAND's next step, which may well crash the guest.
    setpriority(PRIO_PROCESS, 0, -20);

    wait_readable(runner->init_has_execed, signals, INT32_MAX);
    close(runner->init_has_execed);
    if (runner->order.wait_for == WAIT_LEASH) {
        wait_until_leash_has_settled(runner, signals);
    } else {
        wait_readable(-1, signals, kOtherInitMs);
    }
    write_all(runner->ports.control, "started\n", strlen("started\n"));
    struct result result = run_command(runner, signals);
    char line[128];
    int length =
        snprintf(line, sizeof line, "%s %d %llu %llu\n", result.told_to_stop ? "stopped" : "exit",
                 result.status, (unsigned long long)result.output_bytes,
                 (unsigned long long)result.error_bytes);
    write_all(runner->ports.control, line, (size_t)length);
    if (result.told_to_stop) {
        _exit(0);
    }
    serve_after_command(runner, signals);
    _exit(0);
}
