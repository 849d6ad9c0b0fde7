// SPDX-License-Identifier: MIT
#include "hook.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/wait.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

constexpr std::size_t kMostWords = 64;

} // namespace

int split_words(char* text, char** words, std::size_t most) {
    std::size_t count = 0;
    char* from = text;
    char* to = text;
    for (;;) {
        while (*from == ' ' || *from == '\t') ++from;
        if (*from == '\0') break;
        if (count == most) return -1;
        words[count++] = to;
        char quote = '\0';
        for (; *from != '\0'; ++from) {
            if (quote == '\0' && (*from == ' ' || *from == '\t')) break;
            if (*from == '\\' && quote != '\'' && from[1] != '\0') {
                *to++ = *++from;
            } else if (quote != '\0' ? *from == quote : *from == '\'' || *from == '"') {
                quote = quote == '\0' ? *from : '\0';
            } else {
                *to++ = *from;
            }
        }
        if (quote != '\0') return -1;
        bool more = *from != '\0';
        if (more) ++from;
        *to++ = '\0';
        if (!more) break;
    }
    words[count] = nullptr;
    return static_cast<int>(count);
}

int run_hook(int argc, char** argv) {
    if (argc < 2) return 127;
    long limit_ms = std::atol(argv[0]);
    char* words[kMostWords + 1];
    if (split_words(argv[1], words, kMostWords) <= 0) return 127;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    pid_t pid = fork();
    if (pid < 0) return 127;
    if (pid == 0) {
        setpgid(0, 0);
        sigprocmask(SIG_UNBLOCK, &child, nullptr);
        for (int i = 2; i < argc; ++i) putenv(argv[i]);
        execvp(words[0], words);
        _exit(127);
    }
    setpgid(pid, pid); // whoever is first
    timespec limit{limit_ms / 1000, limit_ms % 1000 * 1'000'000};
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (sigtimedwait(&child, nullptr, &limit) == SIGCHLD || errno == EINTR) continue;
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        return 124;
    }
    kill(-pid, SIGKILL); // what it has left behind in its group
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace leash_watchdog
