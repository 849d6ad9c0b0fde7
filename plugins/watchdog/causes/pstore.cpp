// SPDX-License-Identifier: MIT
#include "pstore.h"

#include <cstdio>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash_watchdog {

std::string_view panic_message(std::string_view log) {
    auto at = log.find("Kernel panic - not syncing");
    if (at == std::string_view::npos) return {};
    auto message = log.substr(at);
    return message.substr(0, message.find('\n'));
}

void newest_panic(const char* folder, Found& found) {
    DIR* all = opendir(folder);
    if (all == nullptr) return;
    static char text[64 * 1024];
    while (const dirent* entry = readdir(all)) {
        if (std::strncmp(entry->d_name, "dmesg-", 6) != 0) continue;
        int fd = openat(dirfd(all), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) continue;
        struct stat info {};
        ssize_t got = fstat(fd, &info) == 0 ? read(fd, text, sizeof text) : -1;
        close(fd);
        if (got <= 0) continue;
        auto message = panic_message({text, static_cast<std::size_t>(got)});
        // A dump is cut into parts of the same date, and one of them has the message.
        std::int64_t date = info.st_mtim.tv_sec > 0 ? info.st_mtim.tv_sec : 1;
        if (message.empty() || date < found.panic_s) continue;
        found.panic_s = date;
        put(found.panic, message);
    }
    closedir(all);
}

} // namespace leash_watchdog
