// SPDX-License-Identifier: MIT
// Sees when programs are executed and when processes end, to the nanosecond, whatever the init is.
// As process 1 it forks a listener to the kernel's proc connector and then becomes the init that
// /bench-init names; `bench-probe dump` prints what the listener has seen: "exec PID NS", "exit PID NS".
// `bench-probe kill PID SECONDS` kills and waits.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 200000, BUFFER = 16 << 20 };
static struct { unsigned what; int pid; unsigned long long ns; } seen[MOST];
static int count;

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static int address(struct sockaddr_un *to) {
    static const char name[] = "leash-bench";
    memset(to, 0, sizeof *to);
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path + 1, name, sizeof name - 1); // abstract: no file system is needed
    return offsetof(struct sockaddr_un, sun_path) + sizeof name;
}

static int subscribe(void) {
    int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    struct {
        struct nlmsghdr header;
        char body[sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op)];
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE}};
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(enum proc_cn_mcast_op)};
    enum proc_cn_mcast_op listen_to = PROC_CN_MCAST_LISTEN;
    int size = BUFFER;
    if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) < 0) die("proc connector");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    memcpy(request.body, &message, sizeof message);
    memcpy(request.body + sizeof message, &listen_to, sizeof listen_to);
    if (send(fd, &request, sizeof request, 0) < 0) die("proc connector");
    return fd;
}

static void take(int fd) {
    char buffer[4096];
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    size_t least = NLMSG_HDRLEN + sizeof(struct cn_msg) + sizeof(struct proc_event);
    struct proc_event event;
    if (got < 0) die("events were lost"); // ENOBUFS: no figure is better than a wrong one
    if ((size_t)got < least) return;
    memcpy(&event, buffer + NLMSG_HDRLEN + sizeof(struct cn_msg), sizeof event);
    if (event.what != PROC_EVENT_EXEC && event.what != PROC_EVENT_EXIT) return;
    if (event.event_data.exec.process_pid != event.event_data.exec.process_tgid) return;
    if (count == MOST) die("too many events");
    seen[count].what = event.what;
    seen[count].pid = event.event_data.exec.process_tgid;
    seen[count++].ns = event.timestamp_ns;
}

static void tell(int client) {
    FILE *out = fdopen(client, "w");
    for (int i = 0; out && i < count; ++i)
        fprintf(out, "%s %d %llu\n", seen[i].what == PROC_EVENT_EXEC ? "exec" : "exit", seen[i].pid,
                seen[i].ns);
    if (out) fclose(out);
}

static void listener(int ready) {
    struct sockaddr_un name;
    int length = address(&name);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd fds[2] = {{.fd = subscribe(), .events = POLLIN}, {.fd = server, .events = POLLIN}};
    prctl(PR_SET_NAME, "bench-probe");
    setsid();
    if (bind(server, (struct sockaddr *)&name, length) < 0 || listen(server, 4) < 0) die("socket");
    memset(seen, 1, sizeof seen); // no page faults later
    write(ready, "", 1);
    close(ready);
    for (;;) {
        if (poll(fds, 2, -1) < 0) continue;
        if (fds[0].revents) take(fds[0].fd);
        else if (fds[1].revents) tell(accept4(server, NULL, NULL, SOCK_CLOEXEC)); // all were taken
    }
}

static int dump(void) {
    struct sockaddr_un name;
    int length = address(&name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char buffer[65536];
    ssize_t got;
    if (connect(fd, (struct sockaddr *)&name, length) < 0) die("no listener");
    while ((got = read(fd, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, got, stdout);
    return 0;
}

int main(int argc, char **argv) {
    char path[256] = "";
    char byte;
    int ready[2];
    int file;
    if (argc > 1 && strcmp(argv[1], "dump") == 0) return dump();
    // Then sleeps, so that nothing but the init runs while it makes the successor.
    if (argc == 4 && strcmp(argv[1], "kill") == 0) {
        if (kill(atoi(argv[2]), SIGKILL) < 0) die("kill");
        sleep((unsigned)atoi(argv[3]));
        return 0;
    }
    file = open("/bench-init", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, path, sizeof path - 1) <= 0) die("/bench-init");
    path[strcspn(path, "\n")] = '\0';
    if (pipe2(ready, O_CLOEXEC) < 0) die("pipe");
    if (fork() == 0) listener(ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) die("the listener did not come up");
    execv(path, (char *[]){(char *)"/sbin/init", NULL});
    die(path);
}
