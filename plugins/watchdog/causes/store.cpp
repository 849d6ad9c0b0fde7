// SPDX-License-Identifier: MIT
#include "store.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <mntent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

constexpr const char* kElsewhere = "/run/leash";

// As mkdir -p.
int make_folder(const char* path) {
    char part[256];
    std::snprintf(part, sizeof part, "%s", path);
    for (char* at = part + 1;; ++at) {
        if (*at != '/' && *at != '\0') continue;
        char behind = *at;
        *at = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) return -errno;
        *at = behind;
        if (behind == '\0') return 0;
    }
}

// Whether files can be made there: a trial, since a full or read-only disk shows no otherwise.
int try_folder(const char* path) {
    int error = make_folder(path);
    if (error != 0) return error;
    char file[256];
    std::snprintf(file, sizeof file, "%s/.reset-trial", path);
    int fd = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return -errno;
    error = ::write(fd, "x", 1) == 1 ? 0 : -errno;
    close(fd);
    unlink(file);
    return error;
}

unsigned long device_of(const char* path) {
    struct stat info {};
    return stat(path, &info) == 0 ? info.st_dev : 0;
}

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? -errno : -EIO;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return 0;
}

int sync_folder(const char* path) {
    int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    // EINVAL: a file system that has nothing to sync.
    int error = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
    close(fd);
    return error;
}

} // namespace

int Store::open(const char* file) {
    const char* slash = std::strrchr(file, '/');
    if (slash == nullptr || slash == file || slash[1] == '\0') return -EINVAL;
    std::snprintf(folder_, sizeof folder_, "%.*s", static_cast<int>(slash - file), file);
    std::snprintf(name_, sizeof name_, "%s", slash + 1);
    int error = try_folder(folder_);
    if (error != 0) {
        std::snprintf(folder_, sizeof folder_, "%s", kElsewhere);
        if (try_folder(folder_) != 0) folder_[0] = '\0';
    }
    device_ = device_of(folder_);
    return error;
}

bool Store::still_there() const {
    return is_open() && device_of(folder_) == device_;
}

long Store::read(const char* name, char* text, std::size_t size) const {
    if (!is_open()) return -ENOENT;
    char path[300];
    std::snprintf(path, sizeof path, "%s/%s", folder_, name);
    int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return -errno;
    std::size_t length = 0;
    ssize_t got = 0;
    while (length < size && (got = ::read(fd, text + length, size - length)) > 0)
        length += static_cast<std::size_t>(got);
    int error = errno;
    close(fd);
    return got < 0 ? -error : static_cast<long>(length);
}

int Store::write(const char* name, std::string_view text) const {
    if (!still_there()) return -ENOENT; // unmounted on the way down
    char path[300];
    char fresh[310];
    std::snprintf(path, sizeof path, "%s/%s", folder_, name);
    std::snprintf(fresh, sizeof fresh, "%s.new", path);
    unlink(fresh); // of a life that was cut short
    int fd = ::open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return -errno;
    int error = write_all(fd, text);
    if (error == 0 && fsync(fd) != 0) error = -errno;
    close(fd);
    if (error == 0 && rename(fresh, path) != 0) error = -errno;
    if (error != 0) {
        unlink(fresh);
        return error;
    }
    return sync_folder(folder_);
}

void Store::note_mount() {
    if (!still_there()) return;
    // Up from the folder as long as it is the same file system.
    std::snprintf(target_, sizeof target_, "%s", folder_);
    for (char* slash = nullptr; (slash = std::strrchr(target_, '/')) != nullptr && slash[1] != '\0';) {
        char above[sizeof target_];
        int length = static_cast<int>(slash - target_);
        std::snprintf(above, sizeof above, "%.*s", length == 0 ? 1 : length, target_);
        if (device_of(above) != device_) break;
        std::snprintf(target_, sizeof target_, "%s", above);
    }
    source_[0] = '\0';
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == nullptr) return;
    mntent entry{};
    char text[1024];
    while (getmntent_r(mounts, &entry, text, sizeof text) != nullptr) { // the last one counts
        if (std::strcmp(entry.mnt_dir, target_) != 0) continue;
        std::snprintf(source_, sizeof source_, "%s", entry.mnt_fsname);
        std::snprintf(type_, sizeof type_, "%s", entry.mnt_type);
    }
    endmntent(mounts);
}

int Store::open_again() {
    constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (target_[0] == '\0') return -ENOENT;
    if (still_there()) return mount(nullptr, target_, nullptr, MS_REMOUNT, nullptr) == 0 ? 0 : -errno;
    if (source_[0] != '/') return -ENOENT; // of no disk
    if (mount(source_, target_, type_, kSafe, nullptr) != 0) return -errno;
    mounted_again_ = true;
    if (still_there()) return 0;
    close_again(); // another disk has its name by now
    return -ENOENT;
}

void Store::close_again() {
    if (mounted_again_) (void)umount2(target_, 0);
    else (void)mount(nullptr, target_, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
    mounted_again_ = false;
}

} // namespace leash_watchdog
