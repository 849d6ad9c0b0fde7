/* SPDX-License-Identifier: MIT */
/*
 * A client of watchdogd, as programs of its generations are written: 2 and 4 by the calls of libwdog, 3
 * by the protocol of 3.0 itself.
 *
 *     wdog_client LABEL TIMEOUT   subscribes, then kicks each third of the time (a 2.x one with the
 *                                 calls of ex1); after SIGUSR1 it hangs, after SIGTERM it unsubscribes
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wdog/wdog.h>

static volatile sig_atomic_t hang, end;

static void on_signal(int number) {
    if (number == SIGUSR1) hang = 1;
    else end = 1;
}

#if GENERATION == 2
static int ack;
static int subscribe(char* label, int timeout) { return wdog_pmon_subscribe(label, timeout, &ack); }
static int kick(int id) { return wdog_pmon_kick(id, &ack); }
static int leave(int id) { return wdog_pmon_unsubscribe(id, ack); }
static int ping(void) { return wdog_pmon_ping(); }
#elif GENERATION == 4
static unsigned int ack;
static int subscribe(char* label, int timeout) {
    return wdog_subscribe(label, (unsigned int)timeout, &ack);
}
static int kick(int id) { return wdog_kick2(id, &ack); }
static int leave(int id) { return wdog_unsubscribe(id, ack); }
static int ping(void) { return wdog_ping(); }
#else
static unsigned int ack;
struct message {
    int cmd, error, id, pid;
    unsigned int timeout, ack, next_ack;
    char label[48];
};
static int ask(int cmd, int id, const char* label, int timeout) {
    struct message message = {.cmd = cmd, .id = id, .pid = getpid(), .ack = ack};
    message.timeout = (unsigned)timeout;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/var/run/watchdogd.sock"};
    snprintf(message.label, sizeof message.label, "%s", label);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) return -errno;
    if (write(fd, &message, sizeof message) != sizeof message) return -EIO;
    if (read(fd, &message, sizeof message) != sizeof message) return -EIO;
    close(fd);
    if (message.cmd == -1) return -message.error;
    ack = message.next_ack;
    return message.id;
}
static int subscribe(char* label, int timeout) { return ask(1, -1, label, timeout); }
static int kick(int id) { return ask(3, id, "", 0) < 0 ? -1 : 0; }
static int leave(int id) { return ask(2, id, "", 0) < 0 ? -1 : 0; }
static int ping(void) { return ask(11, 0, "", 0) < 0; }
#endif

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    signal(SIGUSR1, on_signal);
    signal(SIGTERM, on_signal);
    int timeout = atoi(argv[2]);
    if (ping() != 0) return 3;
    int id = subscribe(argv[1], timeout);
    if (id < 0) {
        fprintf(stderr, "cannot subscribe: %s\n", strerror(-id));
        return 4;
    }
    while (!end) {
        if (!hang && kick(id) != 0) {
            fprintf(stderr, "cannot kick\n");
            return 5;
        }
        usleep((useconds_t)timeout * 333);
    }
    return leave(id) == 0 ? 0 : 6;
}
