/* SPDX-License-Identifier: MIT
 * Daemonizes and executes itself with an empty environment. Defeats the tag. */
#include "rogue.h"

int main(int argc, char** argv) {
    if (argc > 1) {
        ready();
        wait_forever();
    }
    shed_parent();
    setsid();
    char* arguments[] = {argv[0], "again", NULL};
    char* nothing[] = {NULL};
    execve("/proc/self/exe", arguments, nothing);
    return 1;
}
