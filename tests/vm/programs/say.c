// SPDX-License-Identifier: MIT
// Says things to $NOTIFY_SOCKET, as systemd-notify(1) does and beyond.
//   say [-p PID] [-n COUNT] [-t] [-f FD]... [-P PID] [-b] [-0] TEXT...
// Each TEXT is a line of one message. -p: as that process (root may); -n: so many times, 0 for ever,
// after each without a pause; -t: with MONOTONIC_USEC= of now; -f: with that descriptor; -P: with a
// pidfd of that process; -b: and wait until all of it has been processed; -0: a NUL byte at its end
// and one more byte.
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int sock;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length;

static void die(const char* what) {
    fprintf(stderr, "say: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void say(const char* text, size_t length, pid_t as, const int* fds, int fd_count) {
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(64 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec data = {(void*)text, length};
    struct msghdr header = {.msg_name = &address, .msg_namelen = address_length, .msg_iov = &data,
                            .msg_iovlen = 1, .msg_control = control.room};
    size_t used = 0;
    if (as != 0) {
        struct cmsghdr* part = (struct cmsghdr*)control.room;
        struct ucred who = {.pid = as, .uid = getuid(), .gid = getgid()};
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_CREDENTIALS;
        part->cmsg_len = CMSG_LEN(sizeof who);
        memcpy(CMSG_DATA(part), &who, sizeof who);
        used = CMSG_SPACE(sizeof who);
    }
    if (fd_count > 0) {
        struct cmsghdr* part = (struct cmsghdr*)(control.room + used);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(part), fds, sizeof(int) * (size_t)fd_count);
        used += CMSG_SPACE(sizeof(int) * (size_t)fd_count);
    }
    header.msg_controllen = used;
    if (used == 0) header.msg_control = NULL;
    if (sendmsg(sock, &header, MSG_NOSIGNAL) < 0) die("sendmsg");
}

int main(int argc, char** argv) {
    pid_t as = 0;
    long count = 1;
    int fds[64], fd_count = 0, barrier = 0, timed = 0, nul = 0, option;
    while ((option = getopt(argc, argv, "p:n:tf:P:b0")) != -1) {
        switch (option) {
        case 'p': as = atoi(optarg); break;
        case 'n': count = atol(optarg); break;
        case 't': timed = 1; break;
        case 'f': if (fd_count < 64) fds[fd_count++] = atoi(optarg); break;
        case 'P':
            fds[fd_count] = (int)syscall(SYS_pidfd_open, atoi(optarg), 0);
            if (fds[fd_count++] < 0) die("pidfd_open");
            break;
        case 'b': barrier = 1; break;
        case '0': nul = 1; break;
        default: return 2;
        }
    }
    const char* path = getenv("NOTIFY_SOCKET");
    if (!path || strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "say: no NOTIFY_SOCKET\n");
        return 2;
    }
    strcpy(address.sun_path, path);
    address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') address.sun_path[0] = 0;
    sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[8192] = "";
    size_t length = 0;
    for (int i = optind; i < argc; ++i)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s\n", argv[i]);
    if (timed) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        length += (size_t)snprintf(text + length, sizeof text - length, "MONOTONIC_USEC=%lld\n",
                                   now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    }
    if (nul) {
        text[length++] = 0;
        text[length++] = 'x';
    }
    for (long i = 0; count == 0 || i < count; ++i) say(text, length, as, fds, fd_count);
    if (!barrier) return 0;
    int ends[2];
    if (pipe(ends) < 0) die("pipe");
    say("BARRIER=1", 9, 0, &ends[1], 1);
    close(ends[1]);
    struct pollfd other = {.fd = ends[0]};
    if (poll(&other, 1, 20000) == 1) return 0;
    fprintf(stderr, "say: the barrier was not closed\n");
    return 1;
}
