// SPDX-License-Identifier: MIT
#include "init/early_mounts.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace leash {
namespace {

struct EarlyMount {
    const char* type;
    const char* target;
    const char* options;
    unsigned long flags;
    mode_t mode; // of the mount point, where it has to be made
};

constexpr EarlyMount kMounts[] = {
    {"proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
    {"sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
    {"devtmpfs", "/dev", "mode=0755", MS_NOSUID, 0755},
    {"devpts", "/dev/pts", "gid=5,mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, 0755},
    {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 01777},
    {"tmpfs", "/run", "mode=0755,size=20%", MS_NOSUID | MS_NODEV, 0755},
    {"tmpfs", "/tmp", "mode=1777,size=50%", MS_NOSUID | MS_NODEV, 01777},
    {"cgroup2", "/sys/fs/cgroup", "nsdelegate,memory_recursiveprot", MS_NOSUID | MS_NODEV | MS_NOEXEC,
     0755},
};

// A mount point is on another device than its parent. Good enough for the file systems above, none
// of which is ever bind-mounted onto its own parent.
bool is_mounted(const std::string& target) {
    struct stat here {}, above {};
    if (lstat(target.c_str(), &here) < 0) return false;
    if (lstat((target + "/..").c_str(), &above) < 0) return false;
    return here.st_dev != above.st_dev;
}

bool try_mount(const EarlyMount& entry) {
    if (mount(entry.type, entry.target, entry.type, entry.flags, entry.options) == 0) return true;
    if (errno != EINVAL || entry.options[0] == '\0') return false;
    return mount(entry.type, entry.target, entry.type, entry.flags, "") == 0; // an older kernel
}

} // namespace

EarlyMountReport mount_early_file_systems() {
    EarlyMountReport report;
    for (const auto& entry : kMounts) {
        if (!is_mounted(entry.target)) {
            if (mkdir(entry.target, entry.mode) < 0 && errno != EEXIST) {
                report.problems.push_back(fmt::format("cannot make the mount point {}: {}",
                                                      entry.target, std::strerror(errno)));
                continue;
            }
            if (!try_mount(entry)) {
                report.problems.push_back(fmt::format("cannot mount {} on {}: {}", entry.type,
                                                      entry.target, std::strerror(errno)));
                continue;
            }
        }
    }
    // A devtmpfs without these exists in stripped-down kernels and in containers.
    struct Link { const char *to, *from; };
    for (auto [to, from] : {Link{"/proc/self/fd", "/dev/fd"}, Link{"/proc/self/fd/0", "/dev/stdin"},
                            Link{"/proc/self/fd/1", "/dev/stdout"},
                            Link{"/proc/self/fd/2", "/dev/stderr"}})
        [[maybe_unused]] int ignored = symlink(to, from); // EEXIST is the usual case
    return report;
}

void make_runtime_folders(std::vector<std::string>& problems) {
    struct Folder { const char* path; mode_t mode; };
    for (auto [path, mode] : {Folder{"/run/leash", 0755}, Folder{"/run/leash/log", 0750},
                              Folder{"/run/leash/notify", 0755}}) {
        if (mkdir(path, mode) < 0 && errno != EEXIST)
            problems.push_back(fmt::format("cannot make {}: {}", path, std::strerror(errno)));
    }
}

void open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        int got = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
        if (got < 0) got = open("/dev/null", O_RDWR);
        if (got >= 0 && got != fd) {
            dup2(got, fd);
            close(got);
        }
    }
}

} // namespace leash
