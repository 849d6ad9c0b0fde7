// SPDX-License-Identifier: MIT
// wdtd DEVICE TIMEOUT [hang|sit FILE]: a watchdog daemon in the manner of watchdogd. SIGPWR: init is
// going down; it goes on kicking. SIGTERM after that: resets the machine by the WDT, timeout 1 s and no
// kick any more. SIGTERM alone: stops the timer and exits.
//   hang       takes no notice of either, and kicks on
//   sit FILE   holds FILE open for writing all the time
#include <fcntl.h>
#include <linux/watchdog.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text) {
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    char line[128];
    int length = snprintf(line, sizeof line, "wdtd: %s\n", text);
    if (fd >= 0 && write(fd, line, (size_t)length) == length) close(fd);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int fd = open(argv[1], O_WRONLY | O_CLOEXEC);
    int timeout = atoi(argv[2]), hang = argc > 3 && strcmp(argv[3], "hang") == 0;
    if (fd < 0 || ioctl(fd, WDIOC_SETTIMEOUT, &timeout) != 0) return 1;
    if (argc > 4) {
        int file = open(argv[4], O_WRONLY | O_CREAT, 0644);
        if (file < 0 || write(file, "sits\n", 5) != 5) return 1;
    }
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGPWR);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    int told = 0;
    for (;;) {
        if (write(fd, "\0", 1) != 1) return 1;
        struct timespec second = {1, 0};
        int number = sigtimedwait(&wanted, NULL, &second);
        if (number == SIGPWR) say("SIGPWR: init is going down");
        if (number == SIGPWR) told = 1;
        if (number != SIGTERM || hang) continue;
        say(told ? "SIGTERM after SIGPWR: resetting" : "SIGTERM: stopping");
        timeout = 1;
        if (told && ioctl(fd, WDIOC_SETTIMEOUT, &timeout) == 0)
            for (;;) pause();
        return write(fd, "V", 1) == 1 ? 0 : 1;
    }
}
