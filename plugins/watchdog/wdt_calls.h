/* SPDX-License-Identifier: MIT */
/*
 * The calls to a WDT that both sides make, PID 1 and the kicker.
 */
#ifndef LEASH_WDT_CALLS_H
#define LEASH_WDT_CALLS_H

#include <errno.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One kick: 0 or a negative errno. A written byte is a kick for every driver, WDIOC_KEEPALIVE only
 * for those that have WDIOF_KEEPALIVEPING; and a byte can be counted in a pipe by the tests. It
 * must not be 'V', the magic that allows a close to stop the timer; any other byte takes that back.
 */
static inline int leash_wdt_kick(int fd) {
    static const char kick[1] = {0};
    ssize_t got = write(fd, kick, sizeof kick);
    return got == 1 ? 0 : got < 0 ? -errno : -EIO;
}

/* Sets the shortest timeout that the driver takes, up to `most_s`: 1, doubled until accepted.
 * Returns it in seconds, or a negative errno: it stays as it is. Setting the timeout of a running
 * timer restarts it with the new one (watchdog_dev.c pings after it). */
static inline int leash_wdt_lowest_timeout(int fd, int most_s) {
    int error = -EINVAL;
    for (int wanted = 1; wanted <= most_s; wanted *= 2) {
        int seconds = wanted;
        if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) == 0) { /* writes back what it took */
            int real = 0;
            return ioctl(fd, WDIOC_GETTIMEOUT, &real) == 0 && real > 0 ? real : seconds;
        }
        error = -errno;
        if (error != -EINVAL) break; /* not "too short": cannot, at all */
    }
    return error;
}

#endif
