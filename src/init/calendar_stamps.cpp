// SPDX-License-Identifier: MIT
#include "init/calendar_stamps.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace leash {

std::optional<std::int64_t> read_stamp(const std::string& folder, const std::string& service) {
    struct stat status {};
    auto path = folder + "/" + service;
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return status.st_mtim.tv_sec;
}

Result<void> write_stamp(const std::string& folder, const std::string& service, std::int64_t when) {
    auto failed = [&] {
        return fail("{}/{}: {}; after a boot it may run once more", folder, service,
                    std::strerror(errno));
    };
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return failed();
    UniqueFd place(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!place) return failed();
    UniqueFd file(openat(place.get(), service.c_str(),
                         O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
    const timespec times[] = {{.tv_sec = when, .tv_nsec = 0}, {.tv_sec = when, .tv_nsec = 0}};
    // Durable: a power cut right after the run would bring it once more.
    if (!file || futimens(file.get(), times) != 0 || fsync(file.get()) != 0) return failed();
    (void)fsync(place.get());
    return {};
}

std::optional<std::int64_t> next_or_missed(const Calendar& calendar,
                                           std::optional<std::int64_t> stamp, std::int64_t now,
                                           std::int64_t after, const ZoneOffset& zone) {
    if (stamp && *stamp < now) {
        auto missed = next_time(calendar, *stamp, zone);
        if (missed && *missed <= now) return missed;
    }
    return next_time(calendar, after, zone);
}

} // namespace leash
