/* SPDX-License-Identifier: MIT
 * The main process is stopped, its child is busy. Defeats "something has used CPU, so it is well". */
#include "rogue.h"

#include <fcntl.h>

int main(void) {
    if (fork() == 0) {
        while (1) {
            for (volatile int i = 0; i < 100000; ++i) {}
            usleep(1000);
        }
    }
    ready();
    raise(SIGSTOP);
    wait_forever();
}
