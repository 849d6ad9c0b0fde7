/* SPDX-License-Identifier: MIT
 * A sibling instead of a child: its parent is that of the process that made it. Defeats lineage by
 * parent. */
#include "rogue.h"

#include <sched.h>
#include <sys/syscall.h>

int main(void) {
    if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
        setsid();
        ready();
    }
    wait_forever();
}
