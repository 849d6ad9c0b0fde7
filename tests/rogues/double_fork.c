/* SPDX-License-Identifier: MIT
 * Forks twice, its own session, parents gone. Defeats pid files and parent tracking. */
#include "rogue.h"

int main(void) {
    shed_parent();
    setsid();
    shed_parent();
    ready();
    wait_forever();
}
