// SPDX-License-Identifier: MIT
// The WDT as PID 1 holds it. It is opened once and never closed, but by halt(): closing would stop
// some timers (those without magic close) and leave others running with nobody to kick them.
#pragma once

#include <cstddef>

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
    int lower_timeout() const;

    // Why the last reset happened, of the driver's flags: "CARDRESET, OVERHEAT"; false: it says
    // nothing.
    bool boot_status(char* text, std::size_t size) const;

    // The same as WDIOF_* flags; 0: nothing.
    [[nodiscard]] unsigned boot_flags() const;

    // Whether the timer can be stopped, so that a halted machine stays halted; `why` not.
    [[nodiscard]] bool can_stop(char* why, std::size_t size) const;
    // Stops it: 0 or a negative errno (it runs on). `before_close` is called when the descriptor
    // has to be closed for that: every other holder of it has to be gone then.
    int stop(void (*before_close)());

  private:
    int take(int fd);
    int fd_ = -1;
    unsigned options_ = 0; // WDIOF_*
    char identity_[33] = "";
    int timeout_s_ = 0;
};

} // namespace leash_watchdog
