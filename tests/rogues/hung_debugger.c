/* SPDX-License-Identifier: MIT
 * hung_debugger PID: attaches to a process, which is then killed, and never looks at it again, as a
 * debugger that hangs. The process stays a zombie that its own parent is not told of and cannot reap.
 * Defeats "its parent will notice". */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char** argv) {
    pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
    if (pid <= 1 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
        fprintf(stderr, "hung_debugger: cannot attach to %d: %s\n", (int)pid, strerror(errno));
        return 1;
    }
    kill(pid, SIGKILL);
    while (1) pause();
}
