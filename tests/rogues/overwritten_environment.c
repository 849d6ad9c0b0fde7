/* SPDX-License-Identifier: MIT
 * Overwrites the memory of its environment, as setproctitle does. Defeats reading the tag. */
#include "rogue.h"

extern char** environ;

int main(void) {
    shed_parent();
    setsid();
    for (char** variable = environ; *variable; ++variable)
        memset(*variable, 'x', strlen(*variable));
    ready();
    wait_forever();
}
