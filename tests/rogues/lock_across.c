/* SPDX-License-Identifier: MIT
 * Two processes, each with one of two mutexes in their shared memory, wait for the other's. Defeats whoever
 * looks at one process at a time. */
#include "locks.h"

int main(void) {
    pthread_mutex_t* mutexes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                    -1, 0);
    if (mutexes == MAP_FAILED) return 1;
    make_mutex(&mutexes[0], PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 1);
    make_mutex(&mutexes[1], PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 1);
    pid_t child = fork();
    if (child < 0) return 1;
    int self = child == 0;
    name_thread(self ? "across1" : "across0");
    must(pthread_mutex_lock(&mutexes[self]));
    usleep(200000);
    if (!self) ready();
    must(pthread_mutex_lock(&mutexes[!self]));
    return 0;
}
