/* SPDX-License-Identifier: MIT
 * A thread waits for a mutex whose owner has ended; with "fork": for one that a thread of the parent held
 * when the process was forked. Nobody is left to unlock it. */
#include "locks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* take_and_end(void* stay) {
    must(pthread_mutex_lock(&mutex));
    if (stay) wait_forever();
    return NULL;
}

static void* wait_for_it(void* nothing) {
    name_thread("heir");
    pthread_mutex_lock(&mutex);
    return nothing;
}

int main(int argc, char** argv) {
    int forked = argc > 1 && strcmp(argv[1], "fork") == 0;
    pthread_t owner = thread(take_and_end, forked ? &mutex : NULL);
    if (forked)
        usleep(100000);
    else
        must(pthread_join(owner, NULL));
    if (!forked || fork() == 0) thread(wait_for_it, NULL);
    usleep(100000);
    ready();
    wait_forever();
}
