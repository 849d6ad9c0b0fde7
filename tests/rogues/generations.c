/* SPDX-License-Identifier: MIT
 * generations [N]: 50 generations, each parent gone at once, each in a session of its own. Defeats
 * trackers by ptrace and by process events. */
#include "rogue.h"

int main(int argc, char** argv) {
    int left = argc > 1 ? atoi(argv[1]) : 50;
    while (left-- > 0) {
        shed_parent();
        setsid();
    }
    ready();
    wait_forever();
}
