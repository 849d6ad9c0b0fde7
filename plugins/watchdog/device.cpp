// SPDX-License-Identifier: MIT
#include "device.h"

#include "wdt_calls.h"
#include "wdt_flags.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash_watchdog {

int Device::open(const char* path) {
    // Looked at first: opening a terminal or a tape by mistake has effects of its own.
    struct stat info {};
    if (stat(path, &info) != 0) return -errno;
    if (!S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode)) return -ENOTTY;
    // Nothing is ever read from it; and a pipe without a reader shows that its test has gone.
    int fd = ::open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return -errno;
    int error = take(fd);
    if (error != 0) close(fd);
    return error;
}

int Device::adopt(int fd) {
    return take(fd);
}

int Device::take(int fd) {
    struct stat info {};
    if (fstat(fd, &info) != 0) return -errno;
    watchdog_info support{};
    // Asked before the first kick, since a kick is a written byte and this could be anybody's
    // device.
    bool answers = ioctl(fd, WDIOC_GETSUPPORT, &support) == 0;
    if (!answers && !S_ISFIFO(info.st_mode)) return -ENOTTY;
    leash_wdt_kick(fd);
    fd_ = fd;
    options_ = support.options;
    std::snprintf(identity_, sizeof identity_, "%.32s",
                  answers ? reinterpret_cast<char*>(support.identity) : "no hardware");
    for (char* c = identity_; *c != '\0'; ++c)
        if (*c < ' ' || *c > '~') *c = '?';
    sysfs_.find(fd_, identity_);
    timeout_s_ = 0;
    (void)refresh();
    return 0;
}

int Device::refresh() {
    int seconds = 0;
    if (ioctl(fd_, WDIOC_GETTIMEOUT, &seconds) == 0 && seconds > 0) timeout_s_ = seconds;
    return timeout_s_;
}

bool Device::can_tell_before() const {
    // Some kernels have a pretimeout of their own for every driver (WATCHDOG_HRTIMER_PRETIMEOUT).
    char seconds[16];
    return (options_ & WDIOF_PRETIMEOUT) != 0 || sysfs_.read("pretimeout", seconds, sizeof seconds);
}

int Device::set_pretimeout(int seconds) {
    return ioctl(fd_, WDIOC_SETPRETIMEOUT, &seconds) == 0 ? 0 : -errno;
}

int Device::pretimeout_s() const {
    int seconds = 0;
    return ioctl(fd_, WDIOC_GETPRETIMEOUT, &seconds) == 0 && seconds > 0 ? seconds : 0;
}

int Device::set_governor(const char* name) {
    return sysfs_.write("pretimeout_governor", name);
}

int Device::time_left_s() const {
    int seconds = 0;
    return ioctl(fd_, WDIOC_GETTIMELEFT, &seconds) == 0 ? seconds : -errno;
}

void Device::drop() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    timeout_s_ = 0;
    sysfs_ = WdtSysfs();
}

bool Device::can_set_timeout() const {
    return (options_ & WDIOF_SETTIMEOUT) != 0;
}

int Device::set_timeout(int seconds) {
    int wanted = seconds;
    int error = ioctl(fd_, WDIOC_SETTIMEOUT, &wanted) == 0 ? 0 : -errno;
    int real = 0;
    if (ioctl(fd_, WDIOC_GETTIMEOUT, &real) == 0 && real > 0)
        timeout_s_ = real;
    else
        timeout_s_ = error == 0 && wanted > 0 ? wanted : seconds;
    return error;
}

int Device::kick() const {
    return leash_wdt_kick(fd_);
}

int Device::lower_timeout() {
    // A panic in place of the reset that is asked for would be a surprise.
    if (pretimeout_s() > 0) (void)set_pretimeout(0);
    return leash_wdt_lowest_timeout(fd_, timeout_s_);
}

bool Device::boot_status(char* text, std::size_t size) const {
    int flags = 0;
    text[0] = '\0';
    if (ioctl(fd_, WDIOC_GETBOOTSTATUS, &flags) != 0) return false;
    return *show_wdt_flags(static_cast<std::uint32_t>(flags), text, size) != '\0';
}

unsigned Device::boot_flags() const {
    int flags = 0;
    return fd_ >= 0 && ioctl(fd_, WDIOC_GETBOOTSTATUS, &flags) == 0 ? static_cast<unsigned>(flags) : 0;
}

bool Device::can_stop(char* why, std::size_t size) const {
    why[0] = '\0';
    // Drivers whose hardware cannot be stopped have no magic close. The kernel lets such a timer be
    // "stopped", too, but then kicks it itself, which a halted kernel does no more.
    if ((options_ & WDIOF_MAGICCLOSE) == 0) {
        std::snprintf(why, size, "the driver of the WDT (%s) cannot stop it", identity_);
        return false;
    }
    // /sys says what the driver will do; it may have been switched on (never off) since the boot.
    if (sysfs_.nowayout() == 1) {
        std::snprintf(why, size, "the WDT (%s) cannot be stopped: nowayout is set", identity_);
        return false;
    }
    return true;
}

int Device::start_again() {
    int option = WDIOS_ENABLECARD;
    if (ioctl(fd_, WDIOC_SETOPTIONS, &option) != 0) return -errno;
    return kick();
}

int Device::stop(const std::function<void()>& before_close) {
    int option = WDIOS_DISABLECARD;
    if (ioctl(fd_, WDIOC_SETOPTIONS, &option) == 0) return 0;
    int error = -errno;
    if (error == -EBUSY) return error; // nowayout
    // A driver without SETOPTIONS: 'V' as the last byte before the last close.
    before_close();
    if (write(fd_, "V", 1) != 1) return -errno;
    close(fd_);
    fd_ = -1;
    return 0;
}

} // namespace leash_watchdog
