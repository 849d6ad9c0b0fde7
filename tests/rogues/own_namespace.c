/* SPDX-License-Identifier: MIT
 * A PID namespace of its own with an init inside, to which SIGTERM is nothing, and a child of that.
 * Says the number that the outer namespace knows it by. Defeats who looks at pids from inside. */
#include "rogue.h"

#include <sched.h>

int main(void) {
    if (unshare(CLONE_NEWPID) != 0) return 3;
    pid_t init = fork();
    if (init < 0) return 1;
    if (init > 0) {
        char line[32];
        int length = snprintf(line, sizeof line, "ready %d\n", (int)init);
        return write(1, line, (size_t)length) < 0;
    }
    setsid();
    if (fork() == 0) setsid();
    wait_forever();
}
