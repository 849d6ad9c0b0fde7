// SPDX-License-Identifier: MIT
// Runs COMMAND and carries its output, unchanged and apart, to the rig's ports.
#include "stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    kQuietMs = 200,  // a child that COMMAND left behind may hold its output open for ever
    kDrainMs = 5000, // … and may never stop writing
};

struct stream {
    int from, to;
    bool ended;
    size_t begin, end;
    uint64_t sent;
    char buffer[65536];
};

static bool idle(const struct stream* stream) {
    return stream->begin == stream->end;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void become_command_child(const struct runner* runner, int output, int error) {
    static char boot[32];
    static char* environment[] = {"PATH=/sbin:/usr/sbin:/bin:/usr/bin",
                                  "HOME=/root",
                                  "USER=root",
                                  "LOGNAME=root",
                                  "SHELL=/bin/sh",
                                  "TERM=dumb",
                                  boot,
                                  NULL};
    snprintf(boot, sizeof boot, "BOOT=%u", runner->order.boot);
    environ = environment;

    setsid();
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpriority(PRIO_PROCESS, 0, 0);
    int score = openat(runner->proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        write_all(score, "0", 1);
        close(score);
    }
    dup2(runner->null, 0);
    dup2(output, 1);
    dup2(error, 2);
    umask(022);
    if (chdir("/root") && chdir("/")) {
        _exit(126);
    }
}

static _Noreturn void exec_command(const struct runner* runner, int output, int error) {
    become_command_child(runner, output, error);
    char** argv = runner->order.argv;
    execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], errno == ENOENT ? "not found" : strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static void fill(struct stream* stream) {
    ssize_t got = read(stream->from, stream->buffer, sizeof stream->buffer);
    if (got > 0) {
        stream->begin = 0;
        stream->end = (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        stream->ended = true;
    }
}

static void empty(struct stream* stream) {
    ssize_t put = write(stream->to, stream->buffer + stream->begin, stream->end - stream->begin);
    if (put > 0) {
        stream->begin += (size_t)put;
        stream->sent += (uint64_t)put;
    } else if (errno != EAGAIN && errno != EINTR) {
        usleep(1000);
    }
}

// Moves what can be moved; waits for at most ms if there is nothing. True if something was moved.
// `also` is one more descriptor to wait for.
static bool pump(struct stream streams[2], int also, int ms) {
    struct pollfd waits[3];
    for (int i = 0; i < 2; i++) {
        bool waits_for_port = !idle(&streams[i]);
        waits[i].fd = waits_for_port ? streams[i].to : streams[i].ended ? -1 : streams[i].from;
        waits[i].events = waits_for_port ? POLLOUT : POLLIN;
        waits[i].revents = 0;
    }
    waits[2] = (struct pollfd){.fd = also, .events = POLLIN};
    if (poll(waits, 3, ms) <= 0) {
        return false;
    }
    bool moved = false;
    for (int i = 0; i < 2; i++) {
        if (!waits[i].revents) {
            continue;
        }
        moved = true;
        if (!idle(&streams[i])) {
            empty(&streams[i]);
        } else {
            fill(&streams[i]);
        }
        // Hand it on in the same turn: between two polls the guest may already be gone.
        if (!idle(&streams[i])) {
            empty(&streams[i]);
        }
    }
    return moved;
}

static void pump_what_is_left(struct stream streams[2]) {
    int64_t end = now_ms() + kDrainMs;
    while (!(streams[0].ended && streams[1].ended) && now_ms() < end) {
        bool was_idle = idle(&streams[0]) && idle(&streams[1]);
        if (!pump(streams, -1, kQuietMs) && was_idle) {
            break;
        }
    }
    streams[0].ended = streams[1].ended = true;
    while (!idle(&streams[0]) || !idle(&streams[1])) {
        pump(streams, -1, kQuietMs);
    }
}

static bool told_to_stop(int signals) {
    struct pollfd wait = {.fd = signals, .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

static void make_stream(struct stream* stream, int port, int* write_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) {
        _exit(1);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    // A blocking write to a port spins in the kernel with interrupts off.
    fcntl(port, F_SETFL, O_NONBLOCK);
    stream->from = ends[0];
    stream->to = port;
    *write_end = ends[1];
}

struct result run_command(const struct runner* runner, int signals) {
    static struct stream streams[2];
    int write_ends[2];
    make_stream(&streams[0], runner->ports.output, &write_ends[0]);
    make_stream(&streams[1], runner->ports.error, &write_ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        exec_command(runner, write_ends[0], write_ends[1]);
    }
    close(write_ends[0]);
    close(write_ends[1]);

    struct result result = {.status = 126};
    if (pid > 0) {
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        int status = 0;
        while (waitpid(pid, &status, WNOHANG) == 0) {
            pump(streams, pidfd, -1);
        }
        close(pidfd);
        result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    pump_what_is_left(streams);
    result.output_bytes = streams[0].sent;
    result.error_bytes = streams[1].sent;
    // Asked last: a signal to all has reached us before its other victims could end.
    result.told_to_stop = told_to_stop(signals);
    return result;
}
