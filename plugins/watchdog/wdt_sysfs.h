// SPDX-License-Identifier: MIT
// What /sys says of a WDT that is open: nowayout, the governor of its pretimeout. It is memory of the
// kernel's, no disk. Drivers older than the kernel's watchdog core (ipmi_watchdog) have nothing there.
#pragma once

#include <cstddef>

#include <sys/types.h>

namespace leash_watchdog {

// Where sysfs is; tests have another place.
extern const char* g_sysfs;

// The same WDT under another name has the same identity: /dev/watchdog is an older name of one of the
// /dev/watchdogN, most often of /dev/watchdog0.
struct DeviceIdentity {
    dev_t device = 0;
    ino_t inode = 0; // of what is no device (a FIFO in a test)
    friend bool operator==(const DeviceIdentity&, const DeviceIdentity&) = default;
};
// 0 or a negative errno; nothing is opened.
[[nodiscard]] int identify(const char* path, DeviceIdentity& identity);

// The text of an attribute of the WDT at `path`, which need not be open, without its end of line.
bool read_attribute_of(const char* path, const char* name, char* text, std::size_t size);

class WdtSysfs {
  public:
    // `identity`: as the driver says, against a folder of another driver. False: there is none.
    bool find(int fd, const char* identity);
    [[nodiscard]] bool found() const { return folder_[0] != '\0'; }
    // 1, 0, or -1: not known.
    [[nodiscard]] int nowayout() const;
    // The text of an attribute without its end of line; false: there is none.
    bool read(const char* name, char* text, std::size_t size) const;
    int write(const char* name, const char* text) const; // 0 or a negative errno

  private:
    char folder_[128] = "";
};

} // namespace leash_watchdog
