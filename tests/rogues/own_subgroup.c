/* SPDX-License-Identifier: MIT
 * own_subgroup FOLDER: makes a group of its own there and moves in. Defeats looking at one group. */
#include "rogue.h"

#include <sys/stat.h>

int main(int argc, char** argv) {
    char path[1024];
    if (argc != 2) return 2;
    snprintf(path, sizeof path, "%s/own", argv[1]);
    shed_parent();
    setsid();
    if (mkdir(path, 0755) != 0) return 3;
    move_to(path);
    ready();
    wait_forever();
}
