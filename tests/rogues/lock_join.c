/* SPDX-License-Identifier: MIT
 * The main thread holds a mutex and waits for the end of a thread that waits for the mutex. */
#include "locks.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* work(void* nothing) {
    name_thread("joined");
    pthread_mutex_lock(&mutex);
    return nothing;
}

int main(void) {
    must(pthread_mutex_lock(&mutex));
    pthread_t worker = thread(work, NULL);
    usleep(100000);
    ready();
    must(pthread_join(worker, NULL));
}
