// SPDX-License-Identifier: MIT
#include "progress_reader.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

// As much as there is room for.
template <std::size_t N>
bool read_file(const char* path, char (&bytes)[N]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    std::size_t have = 0;
    while (have < N - 1) {
        ssize_t got = read(fd, bytes + have, N - 1 - have);
        if (got <= 0) break;
        have += static_cast<std::size_t>(got);
    }
    close(fd);
    bytes[have] = '\0';
    return have > 0;
}

// utime and stime: fields 14 and 15; the command may hold blanks and brackets.
std::uint64_t cpu_ticks(const char* stat) {
    const char* at = std::strrchr(stat, ')');
    for (int field = 2; at != nullptr && field < 14; ++field) at = std::strchr(at + 1, ' ');
    if (at == nullptr) return 0;
    char* end = nullptr;
    auto user = std::strtoull(at, &end, 10);
    return user + std::strtoull(end, nullptr, 10);
}

bool add_process(int pid, bool main, Progress& progress) {
    char path[96];
    char text[4096];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!read_file(path, text)) return false;
    progress.cpu_ms += cpu_ticks(text) * 1000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    std::snprintf(path, sizeof path, "/proc/%d/io", pid);
    if (read_file(path, text))
        progress.io += number_behind(text, "syscr:") + number_behind(text, "syscw:");
    std::snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR* folder = opendir(path);
    if (folder == nullptr) return false;
    unsigned count = 0;
    while (const dirent* entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        if (++count > kMostThreads) break;
        char name[320];
        std::snprintf(name, sizeof name, "/proc/%d/task/%s/status", pid, entry->d_name);
        if (!read_file(name, text)) continue;
        progress.waits += number_behind(text, "voluntary_ctxt_switches:");
        if (!main) continue;
        ++progress.threads;
        const char* state = std::strstr(text, "\nState:\t");
        if (state != nullptr && std::strchr("TtZXx", state[8]) == nullptr) ++progress.moving;
    }
    closedir(folder);
    return true;
}

// Those of the group of the main process, if it is one of Leash's.
void add_others(int main_pid, Progress& progress) {
    char path[64];
    char text[8192];
    std::snprintf(path, sizeof path, "/proc/%d/cgroup", main_pid);
    if (!read_file(path, text)) return;
    char* group = std::strncmp(text, "0::/", 4) == 0 ? text : std::strstr(text, "\n0::/");
    if (group == nullptr) return;
    group += *group == '\n' ? 4 : 3;
    group[std::strcspn(group, "\n")] = '\0';
    if (std::strstr(group, "leash/") == nullptr) return;
    char file[4096];
    char members[8192];
    bool found = false;
    static constexpr const char* kPoints[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (const char* point : kPoints) {
        int wrote = std::snprintf(file, sizeof file, "%s%s/cgroup.procs", point, group);
        bool fits = wrote > 0 && wrote < static_cast<int>(sizeof file);
        found = found || (fits && read_file(file, members));
    }
    if (!found) return;
    unsigned count = 0;
    for (char* at = members; *at != '\0' && count < kMostProcesses; ++count) {
        char* end = nullptr;
        auto pid = static_cast<int>(std::strtol(at, &end, 10));
        if (end == at || *end != '\n') break; // the last one may be cut
        if (pid > 1 && pid != main_pid) add_process(pid, false, progress);
        at = end + 1;
    }
}

} // namespace

std::uint64_t number_behind(const char* text, const char* key) {
    auto length = std::strlen(key);
    for (const char* line = text; line != nullptr; line = std::strchr(line, '\n')) {
        if (*line == '\n') ++line;
        if (std::strncmp(line, key, length) == 0) return std::strtoull(line + length, nullptr, 10);
    }
    return 0;
}

bool read_progress(int main_pid, Progress& progress) {
    progress = {};
    if (main_pid <= 1 || !add_process(main_pid, true, progress)) return false;
    add_others(main_pid, progress);
    return true;
}

} // namespace leash_watchdog
