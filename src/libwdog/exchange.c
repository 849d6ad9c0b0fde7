/* SPDX-License-Identifier: MIT */
#include "exchange.h"
#include "wdog/wdog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { kPatience = 1000 }; /* ms */

_Static_assert(sizeof(struct wdog_message) == 204, "the protocol of watchdogd");

__attribute__((visibility("default"))) int __wdog_testmode;

static const char* const places[] = {
    "/run/watchdogd/sock", "/run/watchdogd.sock",
    /* test mode: of 4.x, 3.x and 2.x */
    "/tmp/watchdogd/sock", "/tmp/watchdogd.sock", "watchdogd.sock",
};
enum { kRealPlaces = 2, kAllPlaces = sizeof places / sizeof *places };

static int64_t now_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* A server whose queue is full is tried again until the time is up: connect() itself must not wait. */
static int connect_to(const char* path, int64_t deadline) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    while (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
        int error = errno;
        if ((error != EAGAIN && error != EINTR) || now_ms() >= deadline) {
            close(fd);
            return error == EAGAIN ? -ETIMEDOUT : -error;
        }
        poll(NULL, 0, 5);
    }
    return fd;
}

static int wait_for(int fd, short events, int64_t deadline) {
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd look = {.fd = fd, .events = events};
        int ready = poll(&look, 1, left > 0 ? (int)left : 0);
        if (ready > 0) return 0;
        if (ready == 0) return -ETIMEDOUT;
        if (errno != EINTR) return -errno;
    }
}

int wdog_ask(const struct wdog_message* message, int64_t* deadline) {
    *deadline = now_ms() + kPatience;
    int fd = -ENOENT;
    for (int i = 0; i < (__wdog_testmode != 0 ? kAllPlaces : kRealPlaces) && fd == -ENOENT; ++i)
        fd = connect_to(places[i], *deadline);
    if (fd < 0) return fd == -ENOENT ? -EAGAIN : fd;
    /* A server that has gone must not end the program. */
    ssize_t sent = send(fd, message, sizeof *message, MSG_NOSIGNAL);
    if (sent == (ssize_t)sizeof *message) return fd;
    int error = sent < 0 ? errno : EIO;
    close(fd);
    return -error;
}

int wdog_hear(int fd, struct wdog_message* message, int64_t deadline) {
    size_t length = 0;
    while (length < sizeof *message) {
        int error = wait_for(fd, POLLIN, deadline);
        if (error != 0) return error;
        ssize_t got = recv(fd, (char*)message + length, sizeof *message - length, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return -errno;
        if (got == 0) return length == 0 ? 0 : -EIO;
        length += (size_t)got;
    }
    message->label[sizeof message->label - 1] = '\0';
    return 1;
}
