// SPDX-License-Identifier: MIT
#include "task_probe.h"

#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace leash_watchdog {

char state_letter(const char* stat_line) {
    const char* bracket = std::strrchr(stat_line, ')');
    if (bracket == nullptr || bracket[1] != ' ') return 0;
    return bracket[2];
}

TaskCount ProcTaskProbe::look(std::int32_t main_pid) {
    TaskCount count;
    if (main_pid <= 0) return count;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task", main_pid);
    DIR* folder = opendir(path);
    if (folder == nullptr) return count;
    while (const dirent* entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        char file[300];
        std::snprintf(file, sizeof file, "%s/stat", entry->d_name);
        int fd = openat(dirfd(folder), file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue; // has ended meanwhile
        char line[128];       // id, command in brackets (15 characters), state
        ssize_t got = read(fd, line, sizeof line - 1);
        close(fd);
        if (got <= 0) continue;
        line[got] = '\0';
        char state = state_letter(line);
        if (state == 0) continue;
        ++count.threads;
        if (std::strchr("TtZXx", state) == nullptr) {
            ++count.alive;
            break; // one is enough: a process with ten thousand threads costs no more
        }
    }
    closedir(folder);
    return count;
}

} // namespace leash_watchdog
