// SPDX-License-Identifier: MIT
// Services that beat, or whose heart misses a beat: beater MODE.
//   worker       a thread feeds the timer `main`, another one `io` until SIGUSR1: then it waits for
//                a lock
//   leader-gone  its main thread ends, another one lives
//   spin         works and sleeps until SIGUSR1, then it spins
//   unix PATH    listens there until SIGUSR1 takes the socket away
//   verdicts MS  beats 20 times, each time waits for SIGUSR2, and writes to /tmp/verdicts how many
//                microseconds after its deadline of MS that came
//   late MS      asks for 3 s more by EXTEND_TIMEOUT_USEC and is silent for MS, then beats for ever
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t g_asked;
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

static void asked(int number) {
    (void)number;
    g_asked = 1;
}

static void say(const char* text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char* path = getenv("NOTIFY_SOCKET");
    if (path == NULL) return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    sendto(fd, text, strlen(text), 0, (struct sockaddr*)&address, sizeof address);
    close(fd);
}

static long long now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static void* worker(void* nothing) {
    for (;;) {
        if (g_asked) pthread_mutex_lock(&g_lock); // for ever: the main thread holds it
        say("WATCHDOG=1\nWATCHDOG_TIMER=io");
        usleep(200000);
    }
    return nothing;
}

static void* sleeper(void* nothing) {
    for (;;) usleep(100000);
    return nothing;
}

static void verdicts(long long limit_us) {
    sigset_t two;
    sigemptyset(&two);
    sigaddset(&two, SIGUSR2);
    sigprocmask(SIG_BLOCK, &two, NULL);
    say("READY=1");
    usleep(300000); // the first one is as long as until then
    FILE* file = fopen("/tmp/verdicts", "w");
    for (int i = 0; i < 20; ++i) {
        struct timespec none = {0, 0};
        while (sigtimedwait(&two, NULL, &none) > 0) continue;
        long long before = now_us();
        say("WATCHDOG=1");
        int number = 0;
        sigwait(&two, &number);
        fprintf(file, "%lld\n", now_us() - before - limit_us);
    }
    fclose(file);
    rename("/tmp/verdicts", "/tmp/verdicts.done");
}

int main(int argc, char** argv) {
    const char* mode = argc > 1 ? argv[1] : "";
    const char* word = argc > 2 ? argv[2] : "";
    pthread_t thread;
    signal(SIGUSR1, asked);
    if (strcmp(mode, "verdicts") == 0) {
        verdicts(atoll(word) * 1000);
        for (;;) { say("WATCHDOG=1"); usleep(50000); }
    }
    if (strcmp(mode, "unix") == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        snprintf(address.sun_path, sizeof address.sun_path, "%s", word);
        unlink(word);
        if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 8) != 0) return 1;
        while (!g_asked) {
            int client = accept(fd, NULL, NULL);
            if (client >= 0) close(client);
        }
        unlink(word);
        for (;;) pause();
    }
    say("READY=1");
    if (strcmp(mode, "worker") == 0) {
        pthread_mutex_lock(&g_lock);
        pthread_create(&thread, NULL, worker, NULL);
        for (;;) { say("WATCHDOG=1"); usleep(200000); }
    }
    if (strcmp(mode, "leader-gone") == 0) {
        pthread_create(&thread, NULL, sleeper, NULL);
        syscall(SYS_exit, 0);
    }
    if (strcmp(mode, "late") == 0) {
        say("EXTEND_TIMEOUT_USEC=3000000");
        usleep((unsigned)atoi(word) * 1000U);
        for (;;) { say("WATCHDOG=1"); usleep(200000); }
    }
    while (!g_asked) usleep(50000);
    for (;;) continue;
}
