// SPDX-License-Identifier: MIT
// Runs COMMAND in a shell on a terminal of its own that does not know its size, as a serial console
// does not; after two seconds presses KEYS. What is drawn goes to stdout; the status is COMMAND's.
//   on_terminal COMMAND [KEYS]
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
    int terminal = -1;
    if (argc < 2) {
        return 2;
    }
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", argv[1], (char*)NULL);
        _exit(127);
    }
    if (child < 0) {
        perror("on_terminal: forkpty");
        return 1;
    }
    const char* keys = argc > 2 ? argv[2] : "";
    int wait_ms = 2000;
    for (;;) {
        struct pollfd drawn = {.fd = terminal, .events = POLLIN};
        if (poll(&drawn, 1, *keys ? 100 : -1) == 0) {
            wait_ms -= 100;
            if (wait_ms <= 0) {
                if (write(terminal, keys, strlen(keys)) < 0) {
                    break;
                }
                keys = "";
            }
            continue;
        }
        char buffer[4096];
        ssize_t length = read(terminal, buffer, sizeof buffer);
        if (length <= 0 || write(STDOUT_FILENO, buffer, (size_t)length) < 0) {
            break; // EIO: the last one on the terminal has ended
        }
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
