/* SPDX-License-Identifier: MIT
 * Its main thread ends, another one lives on. Defeats "the pid is a zombie, so it is dead".
 * leaderless FOLDER: moves into that group first, so that only the tag of the thread is left. */
#include "rogue.h"

#include <pthread.h>

static pthread_t leader;

static void* live_on(void* nothing) {
    pthread_join(leader, NULL);
    usleep(10000);
    ready();
    wait_forever();
    return nothing;
}

int main(int argc, char** argv) {
    if (argc > 1) move_to(argv[1]);
    leader = pthread_self();
    pthread_t thread;
    if (pthread_create(&thread, NULL, live_on, NULL) != 0) return 1;
    pthread_exit(NULL);
}
