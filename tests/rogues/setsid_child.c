/* SPDX-License-Identifier: MIT
 * A child in a session of its own, while its parent lives. Defeats killing a process group. */
#include "rogue.h"

int main(void) {
    if (fork() == 0) {
        setsid();
        ready();
    }
    wait_forever();
}
