// SPDX-License-Identifier: MIT
// Clients of watchdogd that do what they should not, by the protocol of 3.0.
//   rude_client silent N SECONDS     N connections that say nothing
//   rude_client early N              N questions whose asker is gone before the answer comes
//   rude_client steal ID PID         as another user, kicks in the name of the client that has this id
//   rude_client late MS EVERY N      subscribes for MS and kicks N times, each EVERY ms
// Prints the error that it got, as a number; status 0 if it has come as far as that.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct message {
    int cmd, error, id, pid;
    unsigned int timeout, ack, next_ack;
    char label[48];
};

static int connected(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/watchdogd/sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0) {
        perror("rude_client");
        exit(2);
    }
    return fd;
}

static void ask(struct message* message) {
    int fd = connected();
    if (write(fd, message, sizeof *message) != sizeof *message ||
        read(fd, message, sizeof *message) != sizeof *message) {
        perror("rude_client");
        exit(3);
    }
    close(fd);
}

int main(int argc, char** argv) {
    const char* kind = argc > 2 ? argv[1] : "";
    struct message message = {.cmd = 11, .pid = getpid()};
    if (strcmp(kind, "silent") == 0 && argc == 4) {
        for (int i = atoi(argv[2]); i > 0; --i) connected();
        sleep((unsigned)atoi(argv[3]));
        return 0;
    }
    if (strcmp(kind, "early") == 0) {
        for (int i = atoi(argv[2]); i > 0; --i) {
            int fd = connected();
            if (write(fd, &message, sizeof message) != sizeof message) return 3;
            close(fd);
        }
        return 0;
    }
    if (strcmp(kind, "steal") == 0 && argc == 4) {
        struct message kick = {.cmd = 3, .id = atoi(argv[2]), .pid = atoi(argv[3]), .ack = 42};
        if (setuid(65534) != 0) return 4;
        ask(&kick);
        printf("%d\n", kick.error);
        return 0;
    }
    if (strcmp(kind, "late") == 0 && argc == 5) {
        struct message hello = {.cmd = 1, .pid = getpid(), .timeout = (unsigned)atoi(argv[2])};
        strcpy(hello.label, "slack");
        ask(&hello);
        unsigned int ack = hello.next_ack;
        for (int i = atoi(argv[4]); i > 0; --i) {
            struct message kick = {.cmd = 3, .id = hello.id, .pid = getpid(), .ack = ack};
            usleep((useconds_t)atoi(argv[3]) * 1000);
            ask(&kick);
            if (kick.cmd == -1) printf("%d\n", kick.error);
            ack = kick.next_ack;
        }
        struct message leave = {.cmd = 2, .id = hello.id, .pid = getpid(), .ack = ack};
        ask(&leave);
        return 0;
    }
    return 1;
}
