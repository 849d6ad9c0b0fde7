/* SPDX-License-Identifier: MIT
 * other_cgroup FOLDER: daemonizes and moves itself into that group. Defeats cgroup tracking. */
#include "rogue.h"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    shed_parent();
    setsid();
    move_to(argv[1]);
    ready();
    wait_forever();
}
