// SPDX-License-Identifier: MIT
#include "task_probe.h"

#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

// The first bytes of folder/TID/NAME; false: it has ended meanwhile.
template <std::size_t N>
bool read_of(int folder, const char* tid, const char* name, char (&bytes)[N]) {
    char file[300];
    std::snprintf(file, sizeof file, "%s/%s", tid, name);
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t got = read(fd, bytes, N - 1);
    close(fd);
    if (got < 0) return false;
    bytes[got] = '\0';
    return true;
}

DIR* tasks_of(std::int32_t pid) {
    if (pid <= 0) return nullptr;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task", pid);
    return opendir(path);
}

} // namespace

StatBegin stat_begin(const char* line) {
    StatBegin begin;
    const char* open = std::strchr(line, '(');
    const char* close = std::strrchr(line, ')');
    if (open == nullptr || close == nullptr || close < open || close[1] != ' ') return begin;
    std::size_t length = 0;
    for (const char* at = open + 1; at < close && length < sizeof begin.name - 1; ++at)
        begin.name[length++] = *at > ' ' && *at <= '~' ? *at : '?';
    begin.name[length] = '\0';
    begin.state = close[2];
    return begin;
}

TaskCount ProcTaskProbe::look(std::int32_t main_pid) {
    TaskCount count;
    DIR* folder = tasks_of(main_pid);
    if (folder == nullptr) return count;
    while (const dirent* entry = readdir(folder)) {
        char line[128]; // id, command in brackets (15 characters), state
        if (entry->d_name[0] == '.' || !read_of(dirfd(folder), entry->d_name, "stat", line)) continue;
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

void ProcTaskProbe::describe(std::int32_t pid, char* text, std::size_t size) {
    text[0] = '\0';
    DIR* folder = tasks_of(pid);
    if (folder == nullptr) return;
    unsigned counted = 0;
    std::size_t used = 0;
    while (const dirent* entry = readdir(folder)) {
        char line[128];
        if (entry->d_name[0] == '.' || !read_of(dirfd(folder), entry->d_name, "stat", line)) continue;
        if (++counted > kDescribed) {
            if (counted == kCounted) break;
            continue;
        }
        auto begin = stat_begin(line);
        char wchan[48] = "";
        (void)read_of(dirfd(folder), entry->d_name, "wchan", wchan);
        bool sleeps = wchan[0] != '\0' && std::strcmp(wchan, "0") != 0;
        int wrote = std::snprintf(text + used, size - used, "%s%s %s %c%s%s", used == 0 ? "" : ", ",
                                  entry->d_name, begin.name, begin.state == 0 ? '?' : begin.state,
                                  sleeps ? " in " : "", sleeps ? wchan : "");
        if (wrote < 0 || used + static_cast<std::size_t>(wrote) >= size) break;
        used += static_cast<std::size_t>(wrote);
    }
    closedir(folder);
    if (counted > kDescribed && used < size)
        std::snprintf(text + used, size - used, ", %u%s more", counted - kDescribed,
                      counted == kCounted ? " or" : "");
}

} // namespace leash_watchdog
