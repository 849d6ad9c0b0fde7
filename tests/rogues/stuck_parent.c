/* SPDX-License-Identifier: MIT
 * In an uninterruptible sleep: the parent of a vfork whose child does not go on. With "slow" it is
 * none: one such sleep after the other, each of which ends. */
#include "rogue.h"

#include <sys/wait.h>

int main(int argc, char** argv) {
    int slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    ready();
    do {
        pid_t pid = vfork();
        if (pid == 0) {
            if (!slow) wait_forever();
            usleep(300000);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    } while (slow);
    return 1;
}
