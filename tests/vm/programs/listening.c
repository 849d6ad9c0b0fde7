// SPDX-License-Identifier: MIT
// Both ends of what init listens on.
//   listening serve [IDLE_MS]   a service: answers whoever comes on its LISTEN_FDS with "NAME PID";
//                               what comes by a FIFO goes to /tmp/fifo. Ends with 0 after IDLE_MS
//                               without anybody.
//   listening ask KIND ADDRESS  a client, once: prints the answer. ADDRESS: /path, @name,
//                               A.B.C.D:PORT, [IPV6]:PORT. Fails at once if it is refused.
//   listening hold PORT         takes a port of 127.0.0.1, and keeps it
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 16

static int die(const char* what) {
    fprintf(stderr, "listening: %s: %s\n", what, strerror(errno));
    exit(1);
}

static socklen_t address_of(char* text, struct sockaddr_storage* to) {
    memset(to, 0, sizeof *to);
    struct sockaddr_un* local = (struct sockaddr_un*)to;
    struct sockaddr_in* four = (struct sockaddr_in*)to;
    struct sockaddr_in6* six = (struct sockaddr_in6*)to;
    if (text[0] == '/' || text[0] == '@') {
        local->sun_family = AF_UNIX;
        strncpy(local->sun_path, text, sizeof local->sun_path - 1);
        if (text[0] == '@') {
            local->sun_path[0] = 0;
        }
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + (text[0] == '/'));
    }
    char* port = strrchr(text, ':');
    if (!port) {
        exit(2);
    }
    *port++ = 0;
    if (text[0] == '[') {
        text[strlen(text) - 1] = 0;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)atoi(port));
        return inet_pton(AF_INET6, text + 1, &six->sin6_addr) == 1 ? sizeof *six : 0;
    }
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)atoi(port));
    return inet_pton(AF_INET, text, &four->sin_addr) == 1 ? sizeof *four : 0;
}

static int ask(const char* kind, char* where) {
    struct sockaddr_storage address;
    socklen_t length = address_of(where, &address);
    int type = !strcmp(kind, "stream") ? SOCK_STREAM : SOCK_SEQPACKET;
    if (!strcmp(kind, "dgram")) {
        type = SOCK_DGRAM;
    }
    int fd = socket(address.ss_family, type, 0);
    if (type == SOCK_DGRAM && address.ss_family == AF_UNIX) { // a name of its own, for the answer
        struct sockaddr_un own = {.sun_family = AF_UNIX};
        bind(fd, (struct sockaddr*)&own, sizeof own.sun_family);
    }
    alarm(30);
    if (fd < 0 || connect(fd, (struct sockaddr*)&address, length) < 0) {
        die("connect");
    }
    if (send(fd, "?", 1, MSG_NOSIGNAL) != 1) {
        die("send");
    }
    char answer[256];
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    if (got <= 0) {
        die("no answer");
    }
    return fwrite(answer, 1, (size_t)got, stdout) != (size_t)got;
}

static void hold(const char* port) {
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    struct sockaddr_storage address;
    socklen_t length = address_of(text, &address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr*)&address, length) < 0 || listen(fd, 1) < 0) {
        die("bind");
    }
    for (;;) {
        pause();
    }
}

static void answer(int fd, const char* name) {
    char text[256], question[256];
    int length = snprintf(text, sizeof text, "%s %d\n", name, getpid());
    struct stat info;
    fstat(fd, &info);
    if (S_ISFIFO(info.st_mode)) {
        ssize_t got = read(fd, question, sizeof question);
        int out = open("/tmp/fifo", O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (got > 0 && write(out, question, (size_t)got) != got) {
            die("/tmp/fifo");
        }
        close(out);
        return;
    }
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (type == SOCK_DGRAM) {
        struct sockaddr_storage from;
        socklen_t room = sizeof from;
        if (recvfrom(fd, question, sizeof question, 0, (struct sockaddr*)&from, &room) >= 0) {
            sendto(fd, text, (size_t)length, 0, (struct sockaddr*)&from, room);
        }
        return;
    }
    int client = accept(fd, NULL, NULL);
    if (client < 0) {
        die("accept");
    }
    if (recv(client, question, sizeof question, 0) > 0) {
        send(client, text, (size_t)length, MSG_NOSIGNAL);
    }
    close(client);
}

static int serve(int idle) {
    const char* pid = getenv("LISTEN_PID");
    const char* count = getenv("LISTEN_FDS");
    const char* listed = getenv("LISTEN_FDNAMES");
    if (!pid || atoi(pid) != getpid() || !count || !listed) {
        fprintf(stderr, "listening: nothing is passed to me\n");
        return 3;
    }
    char* names = strdup(listed);
    int n = atoi(count);
    struct pollfd polls[MOST];
    const char* name[MOST];
    for (int i = 0; i < n && i < MOST; ++i) {
        polls[i] = (struct pollfd){.fd = 3 + i, .events = POLLIN};
        name[i] = strsep(&names, ":");
        if (!name[i] || (fcntl(3 + i, F_GETFL) & O_NONBLOCK)) {
            fprintf(stderr, "listening: %d is not as it should be\n", i);
            return 4;
        }
    }
    for (;;) {
        int ready = poll(polls, (nfds_t)n, idle);
        if (ready == 0) {
            return 0;
        }
        for (int i = 0; ready > 0 && i < n; ++i) {
            if (polls[i].revents & POLLIN) {
                answer(polls[i].fd, name[i]);
            }
        }
    }
}

int main(int argc, char** argv) {
    if (argc >= 2 && !strcmp(argv[1], "serve")) {
        return serve(argc > 2 ? atoi(argv[2]) : -1);
    }
    if (argc == 4 && !strcmp(argv[1], "ask")) {
        return ask(argv[2], argv[3]);
    }
    if (argc == 3 && !strcmp(argv[1], "hold")) {
        hold(argv[2]);
    }
    fprintf(stderr, "usage: listening serve [IDLE_MS] | ask KIND ADDRESS | hold PORT\n");
    return 2;
}
