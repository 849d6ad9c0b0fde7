/* SPDX-License-Identifier: MIT
 * hydra FOLDER [MICROSECONDS]: outside of its group, deaf to SIGTERM, a new pid every millisecond
 * (or what is asked for). Keeps the tag. Defeats every read-then-kill loop in user space. */
#include "rogue.h"

#include <time.h>

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    long micros = argc > 2 ? atol(argv[2]) : 1000;
    struct timespec life = {micros / 1000000, micros % 1000000 * 1000};
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    shed_parent();
    setsid();
    move_to(argv[1]);
    ready();
    while (1) {
        if (micros > 0) nanosleep(&life, NULL);
        shed_parent();
    }
}
