/* SPDX-License-Identifier: MIT
 * A program that beats, as services.d/heartbeat.conf runs it: the whole protocol of readiness and
 * heartbeat in plain C, without a library. SIGUSR1 makes it hold its breath, SIGUSR2 breathe again.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t breathing = 1;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    if (number == SIGTERM || number == SIGINT)
        ended = 1;
    else
        breathing = number == SIGUSR2;
}

/* One datagram to the socket named in NOTIFY_SOCKET; "@..." is in the abstract name space. */
static int tell(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = path ? strlen(path) : 0;

    if (length < 2 || length >= sizeof address.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
    return sent < 0 ? -1 : 0;
}

int main(void)
{
    const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
    struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: they end the sleep */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
        sigaction(signals[i], &action, NULL);

    /* The longest silence allowed, in microseconds. A good program beats twice as often. */
    const char *limit = getenv("WATCHDOG_USEC");
    long long pause = (limit ? atoll(limit) : 10000000) / 2;
    if (pause < 10000)
        pause = 10000;

    if (tell("READY=1\nSTATUS=beating") < 0) {
        perror("leash-beat: cannot tell NOTIFY_SOCKET that all is well");
        return 1;
    }
    for (unsigned long beats = 0; !ended;) {
        char text[96];
        if (breathing)
            snprintf(text, sizeof text, "WATCHDOG=1\nSTATUS=beating, %lu so far", ++beats);
        else
            snprintf(text, sizeof text, "STATUS=holding my breath after %lu beats", beats);
        if (tell(text) < 0)
            perror("leash-beat: a beat was lost");
        struct timespec sleep = { (time_t)(pause / 1000000), (long)(pause % 1000000 * 1000) };
        nanosleep(&sleep, NULL);
    }
    tell("STOPPING=1\nSTATUS=at the end");
    return 0;
}
