/* SPDX-License-Identifier: MIT
 * swarm [N]: N processes that replace themselves by a child all the time, in their group. Defeats
 * killing a group one by one. */
#include "rogue.h"

int main(int argc, char** argv) {
    int heads = argc > 1 ? atoi(argv[1]) : 8;
    signal(SIGCHLD, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < heads; ++i) {
        if (fork() != 0) continue;
        while (1) shed_parent();
    }
    ready();
    wait_forever();
}
