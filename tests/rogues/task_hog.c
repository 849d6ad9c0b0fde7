/* SPDX-License-Identifier: MIT
 * "fork": a child every MS milliseconds that stays, and tries again where it gets none; "short":
 * children that end at once, so that there are never many; "threads": COUNT threads that sleep.
 * Defeats counting processes, and counting at all. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void* sleeper(void* nothing) {
    while (1) pause();
    return nothing;
}

int main(int argc, char** argv) {
    const char* how = argc > 1 ? argv[1] : "fork";
    long number = argc > 2 ? atol(argv[2]) : 20;
    if (strcmp(how, "threads") == 0) {
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 64 << 10);
        for (pthread_t id; number > 0; --number) pthread_create(&id, &small, sleeper, NULL);
        sleeper(NULL);
    }
    while (1) {
        pid_t child = fork();
        if (child == 0 && strcmp(how, "short") == 0) _exit(0);
        if (child == 0) sleeper(NULL);
        if (child > 0 && strcmp(how, "short") == 0) waitpid(child, NULL, 0);
        usleep((useconds_t)number * 1000);
    }
}
