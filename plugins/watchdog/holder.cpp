// SPDX-License-Identifier: MIT
#include "holder.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace leash_watchdog {

void HolderSearch::begin(const char* path, const char* proc) {
    end();
    pid_ = 0;
    links_ = 0;
    name_[0] = '\0';
    std::snprintf(path_, sizeof path_, "%s", path);
    std::snprintf(proc_, sizeof proc_, "%s", proc);
    folder_ = opendir(proc_);
}

void HolderSearch::end() {
    if (folder_ != nullptr) closedir(folder_);
    folder_ = nullptr;
}

// /dev/watchdog and /dev/watchdog0 are one device.
bool HolderSearch::is_ours(const char* target) const {
    if (std::strcmp(target, path_) == 0) return true;
    auto is_first = [](const char* name) {
        return std::strcmp(name, "/dev/watchdog") == 0 || std::strcmp(name, "/dev/watchdog0") == 0;
    };
    return is_first(target) && is_first(path_);
}

bool HolderSearch::look_at(std::int32_t pid, int& budget) {
    char place[160];
    std::snprintf(place, sizeof place, "%s/%d/fd", proc_, pid);
    DIR* folder = opendir(place);
    if (folder == nullptr) return false; // it has ended
    bool found = false;
    while (const dirent* entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        --budget;
        if (++links_ > kMostLinks) break;
        char target[128];
        ssize_t got = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (got <= 0) continue;
        target[got] = '\0';
        found = is_ours(target);
        if (found) break;
    }
    closedir(folder);
    return found;
}

bool HolderSearch::step() {
    int budget = kLinksAtOnce;
    while (folder_ != nullptr && budget > 0 && links_ <= kMostLinks) {
        const dirent* entry = readdir(folder_);
        if (entry == nullptr) break;
        char* behind = nullptr;
        auto pid = static_cast<std::int32_t>(std::strtol(entry->d_name, &behind, 10));
        if (pid < 1 || *behind != '\0') continue;
        --budget;
        if (!look_at(pid, budget)) continue;
        pid_ = pid;
        char place[160];
        std::snprintf(place, sizeof place, "%s/%d/comm", proc_, pid);
        int file = open(place, O_RDONLY | O_CLOEXEC);
        ssize_t got = file < 0 ? 0 : read(file, name_, sizeof name_ - 1);
        if (file >= 0) close(file);
        name_[got > 0 ? got : 0] = '\0';
        name_[std::strcspn(name_, "\n")] = '\0';
        for (char* c = name_; *c != '\0'; ++c)
            if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') *c = '?'; // it goes into JSON, too
        end();
        return false;
    }
    if (folder_ != nullptr && budget <= 0 && links_ <= kMostLinks) return true;
    end();
    return false;
}

void HolderSearch::describe(char* text, std::size_t size) const {
    if (pid_ > 0)
        std::snprintf(text, size, "%s (pid %d) holds it", name_, pid_);
    else
        std::snprintf(text, size, "another process holds it");
}

} // namespace leash_watchdog
