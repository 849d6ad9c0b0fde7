// SPDX-License-Identifier: MIT
// The WDT as PID 1 holds it. It is opened once and never closed, but by stop() and once it is gone
// from the machine: closing would stop some timers (those without magic close) and leave others
// running with nobody to kick them.
#pragma once

#include "wdt_sysfs.h"

#include <cstddef>
#include <functional>

namespace leash_watchdog {

class Device {
  public:
    // Opens, which starts the timer, and kicks. 0 or a negative errno; -ENOTTY: `path` is no
    // watchdog, and nothing was written to it. A FIFO may stand in for it (tests).
    [[nodiscard]] int open(const char* path);
    // Takes over a descriptor that was open already. The same errors.
    [[nodiscard]] int adopt(int fd);

    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] const char* identity() const { return identity_; } // "i6300ESB timer"
    [[nodiscard]] int timeout_s() const { return timeout_s_; }       // the real one
    [[nodiscard]] bool can_set_timeout() const;

    // Asks for `seconds` and adopts what the driver really does. 0, or a negative errno: the driver
    // keeps its own, which timeout_s() tells; `seconds` where it cannot even be asked.
    int set_timeout(int seconds);
    int kick() const; // 0 or a negative errno
    // The lowest timeout that the driver takes, never kicked again by us: seconds or negative
    // errno.
    int lower_timeout();

    // Reads the timeout from the driver again: somebody may have changed it, by /sys or otherwise.
    int refresh();
    // The pretimeout: so many seconds before the end the kernel tells its governor (a line in the log,
    // or a panic). 0 switches it off. 0 or a negative errno.
    [[nodiscard]] bool can_tell_before() const;
    int set_pretimeout(int seconds);
    [[nodiscard]] int pretimeout_s() const; // 0: none
    int set_governor(const char* name);     // 0 or a negative errno; -EINVAL: no such governor
    // Until it fires, by the driver; a negative errno where that does not know.
    [[nodiscard]] int time_left_s() const;
    [[nodiscard]] const WdtSysfs& sysfs() const { return sysfs_; }
    [[nodiscard]] unsigned options() const { return options_; }
    // The device has left the machine: there is nothing to be stopped any more.
    void drop();

    // Why the last reset happened, of the driver's flags: "CARDRESET, OVERHEAT"; false: it says
    // nothing.
    bool boot_status(char* text, std::size_t size) const;

    // The same as WDIOF_* flags; 0: nothing.
    [[nodiscard]] unsigned boot_flags() const;

    // Whether the timer can be stopped, so that a halted machine stays halted; `why` not.
    [[nodiscard]] bool can_stop(char* why, std::size_t size) const;
    // Stops it: 0 or a negative errno (it runs on). `before_close` is called when the descriptor
    // has to be closed for that: every other holder of it has to be gone then.
    int stop(const std::function<void()>& before_close);
    // After stop() without a close: 0 or a negative errno.
    int start_again();

  private:
    int take(int fd);
    int fd_ = -1;
    unsigned options_ = 0; // WDIOF_*
    WdtSysfs sysfs_;
    char identity_[33] = "";
    int timeout_s_ = 0;
};

} // namespace leash_watchdog
