/* SPDX-License-Identifier: MIT
 * lock_ring N [KIND]: N threads, each of which holds one lock and waits for that of the next one (2:
 * AB-BA; 1: a thread that waits for what it holds). KIND: mutex, recursive, robust, pi, rwlock; tick: the
 * threads are woken by a timer's signal all the time. Defeats "it sleeps, so it is idle". */
#include "locks.h"

#include <sys/time.h>

enum { kMost = 16 };
static pthread_mutex_t mutexes[kMost];
static pthread_rwlock_t rwlocks[kMost];
static pthread_barrier_t all_hold;
static long count;
static int with_rwlocks, ticks;

static void lock(long which) {
    if (with_rwlocks)
        must(pthread_rwlock_wrlock(&rwlocks[which]));
    else
        must(pthread_mutex_lock(&mutexes[which]));
}

static void* run(void* argument) {
    long self = (long)argument;
    char name[16];
    snprintf(name, sizeof name, "ring%ld", self);
    name_thread(name);
    if (ticks) {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
        event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
        timer_t timer;
        must(timer_create(CLOCK_MONOTONIC, &event, &timer));
        struct itimerspec time = {.it_interval = {0, 50000000}, .it_value = {0, 50000000}};
        must(timer_settime(timer, 0, &time, NULL));
    }
    lock(self);
    pthread_barrier_wait(&all_hold);
    lock((self + 1) % count);
    return NULL;
}

static void nothing(int signal_number) { (void)signal_number; }

int main(int argc, char** argv) {
    count = argc > 1 ? atol(argv[1]) : 2;
    const char* kind = argc > 2 ? argv[2] : "mutex";
    if (count < 1 || count > kMost) return 2;
    int pi = strcmp(kind, "pi") == 0;
    with_rwlocks = strcmp(kind, "rwlock") == 0;
    ticks = strcmp(kind, "tick") == 0;
    signal(SIGUSR1, nothing);
    for (long i = 0; i < count; ++i) {
        pthread_mutexattr_t attributes;
        must(pthread_mutexattr_init(&attributes));
        if (strcmp(kind, "recursive") == 0)
            must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE));
        if (strcmp(kind, "robust") == 0)
            must(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
        if (pi) must(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
        must(pthread_mutex_init(&mutexes[i], &attributes));
        must(pthread_rwlock_init(&rwlocks[i], NULL));
    }
    must(pthread_barrier_init(&all_hold, NULL, (unsigned)count));
    for (long i = 0; i < count; ++i) thread(run, (void*)i);
    usleep(200000);
    ready();
    wait_forever();
}
