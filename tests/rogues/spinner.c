/* SPDX-License-Identifier: MIT
 * A thread spins without progress, the others sleep. Defeats "it uses CPU, so it is well". With "later
 * SECONDS" it begins then. */
#include "locks.h"

static volatile unsigned long turns;

static void* spin(void* nothing) {
    name_thread("spin");
    while (1) ++turns;
    return nothing;
}

int main(int argc, char** argv) {
    ready();
    if (argc > 2) sleep((unsigned)atoi(argv[2]));
    thread(spin, NULL);
    wait_forever();
}
