/* SPDX-License-Identifier: MIT
 * A thread that is not the first one calls execve: the process goes on in another task. Defeats
 * what is kept for each task. Daemonizes first and forks once more afterwards. */
#include "rogue.h"

#include <pthread.h>

static void* change(void* name) {
    char* argv[] = {name, "again", NULL};
    char* nothing[] = {NULL};
    execve("/proc/self/exe", argv, nothing);
    _exit(3);
}

int main(int argc, char** argv) {
    pthread_t thread;
    shed_parent();
    if (argc > 1) {
        ready();
        wait_forever();
    }
    setsid();
    if (pthread_create(&thread, NULL, change, argv[0]) != 0) return 1;
    wait_forever();
}
