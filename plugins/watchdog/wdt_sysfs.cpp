// SPDX-License-Identifier: MIT
#include "wdt_sysfs.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace leash_watchdog {

const char* g_sysfs = "/sys";

namespace {

constexpr unsigned kMiscMajor = 10;
constexpr unsigned kMiscWatchdog = 130; // /dev/watchdog, an older name of one of the /dev/watchdogN
constexpr unsigned kMostWdts = 8;

bool is_old_name(dev_t device) {
    return major(device) == kMiscMajor && minor(device) == kMiscWatchdog;
}

bool read_line(const char* path, char* text, std::size_t size) {
    int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t got = ::read(file, text, size - 1);
    close(file);
    if (got < 0) return false;
    text[got] = '\0';
    text[std::strcspn(text, "\n")] = '\0';
    return true;
}

// The kernel gives the old name to the first WDT that was registered: that with the smallest number, but
// for one that has gone and come back.
bool first_folder(char* folder, std::size_t size) {
    for (unsigned number = 0; number < kMostWdts; ++number) {
        std::snprintf(folder, size, "%s/class/watchdog/watchdog%u", g_sysfs, number);
        if (access(folder, F_OK) == 0) return true;
    }
    return false;
}

} // namespace

int identify(const char* path, DeviceIdentity& identity) {
    struct stat info {};
    if (stat(path, &info) != 0) return -errno;
    identity = {};
    if (!S_ISCHR(info.st_mode)) {
        identity = {info.st_dev, info.st_ino};
        return 0;
    }
    identity.device = info.st_rdev;
    if (!is_old_name(info.st_rdev)) return 0;
    char folder[128];
    char place[160];
    char text[32];
    unsigned number = 0;
    unsigned sub = 0;
    if (!first_folder(folder, sizeof folder)) return 0; // a driver of the old kind: its own name
    std::snprintf(place, sizeof place, "%s/dev", folder);
    if (read_line(place, text, sizeof text) && std::sscanf(text, "%u:%u", &number, &sub) == 2)
        identity.device = makedev(number, sub);
    return 0;
}

bool read_attribute_of(const char* path, const char* name, char* text, std::size_t size) {
    DeviceIdentity identity;
    if (identify(path, identity) != 0 || identity.device == 0) return false;
    char place[192];
    std::snprintf(place, sizeof place, "%s/dev/char/%u:%u/%s", g_sysfs, major(identity.device),
                  minor(identity.device), name);
    return read_line(place, text, size);
}

bool WdtSysfs::find(int fd, const char* identity) {
    folder_[0] = '\0';
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISCHR(info.st_mode)) return false;
    char folder[128];
    if (is_old_name(info.st_rdev)) {
        if (!first_folder(folder, sizeof folder)) return false;
    } else {
        std::snprintf(folder, sizeof folder, "%s/dev/char/%u:%u", g_sysfs, major(info.st_rdev),
                      minor(info.st_rdev));
    }
    char place[160];
    char name[64];
    std::snprintf(place, sizeof place, "%s/identity", folder);
    if (!read_line(place, name, sizeof name) || std::strncmp(name, identity, 31) != 0) return false;
    std::snprintf(folder_, sizeof folder_, "%s", folder);
    return true;
}

bool WdtSysfs::read(const char* name, char* text, std::size_t size) const {
    if (!found()) return false;
    char place[192];
    std::snprintf(place, sizeof place, "%s/%s", folder_, name);
    return read_line(place, text, size);
}

int WdtSysfs::nowayout() const {
    char text[8];
    if (!read("nowayout", text, sizeof text)) return -1;
    return text[0] == '0' ? 0 : text[0] == '1' ? 1 : -1;
}

int WdtSysfs::write(const char* name, const char* text) const {
    if (!found()) return -ENOENT;
    char place[192];
    std::snprintf(place, sizeof place, "%s/%s", folder_, name);
    int file = ::open(place, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    ssize_t got = ::write(file, text, std::strlen(text));
    int error = got < 0 ? -errno : 0;
    close(file);
    return error;
}

} // namespace leash_watchdog
