// SPDX-License-Identifier: MIT
// hog KIND SECONDS: one load for a machine.
//   cpu       8 processes that spin, nice -20      fifo50    2 that spin as SCHED_FIFO 50
//   fifo99    1 that spins as SCHED_FIFO 99        fork      4 that fork and wait as fast as they can
//   fsync     2 that write a file and fsync it     memory    fills memory up to 95% and touches it
//   connect   10,000 connections to the sockets below /run/leash, nothing sent, 500 at a time
//   clients   10,000 connections to the sockets of watchdogd's clients, a third of them with half a
//             message, 500 at a time
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double end;

static void spin(int level) {
    struct sched_param wish = {.sched_priority = level};
    if (level == 0) setpriority(PRIO_PROCESS, 0, -20);
    else if (sched_setscheduler(0, SCHED_FIFO, &wish) != 0) perror("hog: SCHED_FIFO");
    while (now() < end)
        for (volatile int i = 0; i < 100000; ++i) {}
}

static void forks(void) {
    while (now() < end) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        if (child > 0) waitpid(child, NULL, 0);
    }
}

static void syncs(int number) {
    char path[64];
    static char bytes[65536];
    snprintf(path, sizeof path, "/var/hog.%d", number);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (fd >= 0 && now() < end) {
        if (pwrite(fd, bytes, sizeof bytes, 0) < 0) break;
        fsync(fd);
    }
    unlink(path);
}

static void memory(void) {
    struct sysinfo info;
    sysinfo(&info);
    FILE* file = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long available = info.freeram / 1024;
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "MemAvailable: %lu", &available);
    unsigned long spare = info.totalram / 1024 / 20;
    size_t size = (available > spare ? available - spare : available / 2) * 1024;
    char* place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) return;
    while (now() < end)
        for (size_t i = 0; i < size && now() < end; i += 4096) place[i] = (char)i;
}

static void connects(const char* const* paths) {
    int fds[500];
    signal(SIGPIPE, SIG_IGN); /* init hangs up on too many */
    for (int round = 0; round < 20 && now() < end; ++round) {
        for (int i = 0; i < 500; ++i) {
            struct sockaddr_un to = {.sun_family = AF_UNIX};
            strcpy(to.sun_path, paths[i % 2]);
            fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
            if (connect(fds[i], (struct sockaddr*)&to, sizeof to) == 0 && i % 3 == 0)
                (void)!write(fds[i], "half", 4);
        }
        for (int i = 0; i < 500; ++i) close(fds[i]);
    }
    while (now() < end) usleep(100000);
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const char* kind = argv[1];
    static const char* const of_init[] = {"/run/leash/control", "/run/leash/watchdog"};
    static const char* const of_clients[] = {"/run/watchdogd/sock", "/run/watchdogd.sock"};
    int count = strcmp(kind, "cpu") == 0 ? 8 : strcmp(kind, "fork") == 0 ? 4 : 1;
    if (strcmp(kind, "fifo50") == 0 || strcmp(kind, "fsync") == 0) count = 2;
    end = now() + atof(argv[2]);
    for (int i = 0; i < count; ++i) {
        if (fork() != 0) continue;
        if (strcmp(kind, "cpu") == 0) spin(0);
        else if (strcmp(kind, "fifo50") == 0) spin(50);
        else if (strcmp(kind, "fifo99") == 0) spin(99);
        else if (strcmp(kind, "fork") == 0) forks();
        else if (strcmp(kind, "fsync") == 0) syncs(i);
        else if (strcmp(kind, "memory") == 0) memory();
        else if (strcmp(kind, "connect") == 0) connects(of_init);
        else if (strcmp(kind, "clients") == 0) connects(of_clients);
        else _exit(2);
        _exit(0);
    }
    while (wait(NULL) > 0) {}
    return 0;
}
