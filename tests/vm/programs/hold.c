// SPDX-License-Identifier: MIT
// Runs a program and holds it where it renames its first file, until somebody makes the file GO.
//   hold HELD GO COMMAND...      HELD is made once it is held there
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int renames(pid_t pid) {
    struct __ptrace_syscall_info info = {0};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return 0;
    return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
           (info.entry.nr == SYS_rename || info.entry.nr == SYS_renameat ||
            info.entry.nr == SYS_renameat2);
}

int main(int argc, char **argv) {
    int status = 0;
    if (argc < 4) {
        fprintf(stderr, "see the top of hold.c\n");
        return 2;
    }
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    do {
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 1;
        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD); // else it tells no system call
        if (renames(pid)) break;
    } while (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
    close(open(argv[1], O_CREAT | O_WRONLY, 0600));
    while (access(argv[2], F_OK) != 0) usleep(20000);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
