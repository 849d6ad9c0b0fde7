/* SPDX-License-Identifier: MIT
 * all_at_once FOLDER: leaves its parents, its session, its group, its environment and its name
 * behind, over 50 generations, deaf to SIGTERM. Defeats everything but lineage. */
#include "rogue.h"

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    signal(SIGTERM, SIG_IGN); // survives the execve
    if (argc == 2) {
        char* again[] = {"nobody-you-know", argv[1], "again", NULL};
        char* nothing[] = {NULL};
        shed_parent();
        setsid();
        shed_parent();
        move_to(argv[1]);
        execve("/proc/self/exe", again, nothing);
        return 3;
    }
    prctl(PR_SET_NAME, "nobody");
    for (int i = 0; i < 50; ++i) {
        shed_parent();
        setsid();
    }
    ready();
    wait_forever();
}
