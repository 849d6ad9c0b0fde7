/* SPDX-License-Identifier: MIT
 * A thread spins without progress, the others sleep. Defeats "it uses CPU, so it is well". With
 * "later SECONDS" it begins then. */
#include "locks.h"

static volatile unsigned long turns;
static unsigned later;

static void* spin(void* nothing) {
    name_thread("spin");
    sleep(later);
    while (1) ++turns;
    return nothing;
}

int main(int argc, char** argv) {
    ready();
    if (argc > 2) later = (unsigned)atoi(argv[2]);
    thread(spin, NULL);
    wait_forever();
}
