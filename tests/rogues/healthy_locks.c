/* SPDX-License-Identifier: MIT
 * What looks like a deadlock and is none. healthy_locks KIND: condition (a wait for work that never
 * comes, the mutex right behind the condition variable), hold (the owner of a mutex sleeps for
 * long), join (a chain of threads that wait for each other's end), semaphore, contended (a mutex
 * that eight threads want all the time), reader (writers wait for a reader that sleeps), pi (the
 * owner of a PI mutex waits for a semaphore on its stack). */
#include "locks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    pthread_cond_t condition;
    pthread_mutex_t mutex;
} queue = {PTHREAD_COND_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;

static void* want(void* nothing) {
    pthread_mutex_lock(&mutex);
    return nothing;
}

static void* wait_for_work(void* nothing) {
    pthread_mutex_lock(&queue.mutex);
    while (1) pthread_cond_wait(&queue.condition, &queue.mutex);
    return nothing;
}

static void* wait_for_semaphore(void* nothing) {
    while (sem_wait(&semaphore) != 0) {}
    return nothing;
}

static void* chain(void* depth) {
    if ((long)depth == 0) wait_forever();
    pthread_join(thread(chain, (void*)((long)depth - 1)), NULL);
    return NULL;
}

static void* fight(void* nothing) {
    while (1) {
        pthread_mutex_lock(&mutex);
        usleep(2000);
        pthread_mutex_unlock(&mutex);
    }
    return nothing;
}

static void* write_lock(void* nothing) {
    pthread_rwlock_wrlock(&rwlock);
    return nothing;
}

static void* hold_pi_and_wait(void* nothing) {
    pthread_mutex_lock(&mutex);
    sem_t own;
    sem_init(&own, 0, 0);
    while (sem_wait(&own) != 0) {}
    return nothing;
}

int main(int argc, char** argv) {
    const char* kind = argc > 1 ? argv[1] : "";
    sem_init(&semaphore, 0, 0);
    if (strcmp(kind, "condition") == 0) {
        for (int i = 0; i < 4; ++i) thread(wait_for_work, NULL);
    } else if (strcmp(kind, "hold") == 0) {
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < 3; ++i) thread(want, NULL);
    } else if (strcmp(kind, "join") == 0) {
        thread(chain, (void*)4L);
    } else if (strcmp(kind, "semaphore") == 0) {
        for (int i = 0; i < 4; ++i) thread(wait_for_semaphore, NULL);
    } else if (strcmp(kind, "contended") == 0) {
        for (int i = 0; i < 8; ++i) thread(fight, NULL);
    } else if (strcmp(kind, "reader") == 0) {
        pthread_rwlock_rdlock(&rwlock);
        for (int i = 0; i < 3; ++i) thread(write_lock, NULL);
    } else if (strcmp(kind, "pi") == 0) {
        make_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0);
        thread(hold_pi_and_wait, NULL);
        usleep(50000);
        for (int i = 0; i < 2; ++i) thread(want, NULL);
    } else {
        return 2;
    }
    usleep(50000);
    ready();
    wait_forever();
}
