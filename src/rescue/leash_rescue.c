// SPDX-License-Identifier: MIT
// /sbin/leash-rescue REASON: what init becomes when it cannot be itself any more, since it crashes too
// often or its binary cannot be executed. Static, and of no use but that: it reaps, offers a shell on
// the console, and answers the signals that end the machine. It feeds no WDT, so that a machine that has
// one is reset by it; the kicker sees that nobody beats. Nor does it ping the kernel module's deadman,
// which does what it was armed with.
//
// Every descriptor stays open, the WDT's among them: to close it could stop the timer.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHELL_PAUSE_S = 1, SYNC_LIMIT_S = 5 };

static void say(const char *text, const char *more) {
    char line[512];
    int length = snprintf(line, sizeof line, "\r\nleash-rescue: %s%s\r\n", text, more);
    int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (console < 0 || length < 0) return;
    if ((size_t)length >= sizeof line) length = sizeof line - 1;
    if (write(console, line, (size_t)length) < 0) {
        // Nobody can be told then.
    }
    close(console);
}

static pid_t offer_shell(void) {
    static char *const words[] = {(char *)"sh", (char *)"-l", NULL};
    static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                        (char *)"HOME=/root", (char *)"TERM=vt220",
                                        (char *)"PS1=rescue# ", NULL};
    sigset_t none;
    int tty;
    pid_t pid = fork();
    if (pid != 0) return pid;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    tty = open("/dev/console", O_RDWR);
    if (tty < 0) _exit(1);
    ioctl(tty, TIOCSCTTY, 1);
    for (int fd = 0; fd < 3; ++fd)
        dup2(tty, fd);
    for (int fd = 3; fd < 8192; ++fd)
        close(fd); // the child's copies: the files stay open in process 1
    execve("/bin/sh", words, environment);
    _exit(127);
}

// A disk that hangs must not keep the machine from its end.
static void end_machine(int how) {
    pid_t pid = fork();
    if (pid == 0) {
        sync();
        _exit(0);
    }
    for (int tenth = 0; pid > 0 && tenth < SYNC_LIMIT_S * 10; ++tenth) {
        struct timespec pause = {.tv_nsec = 100000000};
        if (waitpid(pid, NULL, WNOHANG) == pid) break;
        nanosleep(&pause, NULL);
    }
    reboot(how);
    reboot(RB_AUTOBOOT);
}

int main(int argc, char **argv) {
    sigset_t all;
    pid_t shell = -1;
    struct timespec next_shell = {0};
    if (getpid() != 1) {
        fprintf(stderr, "leash-rescue takes the place of init when that cannot go on\n");
        return 2;
    }
    for (int number = 1; number < NSIG; ++number)
        signal(number, SIG_DFL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    say(argc > 1 ? argv[1] : "init cannot go on",
        "; services are left alone, and neither the WDT nor the kernel's deadman is fed any more");
    for (;;) {
        struct timespec now, second = {.tv_sec = 1};
        pid_t gone;
        while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) {
            if (gone != shell) continue;
            shell = -1;
            clock_gettime(CLOCK_MONOTONIC, &next_shell);
            next_shell.tv_sec += SHELL_PAUSE_S;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (shell < 0 && now.tv_sec >= next_shell.tv_sec) shell = offer_shell();
        switch (sigtimedwait(&all, NULL, &second)) {
        case SIGTERM:
        case SIGINT:
        case SIGPWR: end_machine(RB_AUTOBOOT); break;
        case SIGUSR1: end_machine(RB_HALT_SYSTEM); break;
        case SIGUSR2: end_machine(RB_POWER_OFF); break;
        default: break;
        }
    }
}
