// SPDX-License-Identifier: MIT
// The WDT is another daemon's: a service of ours that owns the device, named by `delegate-to`
// (watchdogd, BusyBox's watchdog). The plugin leaves the device alone then, and a reset by the WDT is
// asked of that daemon, in watchdogd's words: SIGPWR, "init is going down", and after a pause SIGTERM,
// "now". init has spared it and unmounted all file systems by then. A daemon that SIGPWR ends has let go
// of a timer that runs: nobody kicks it, which does as well, and nothing more is said to it.
//
//     delegate-to    =       a service; unset: the WDT is ours
//     delegate-pause = 2s    from SIGPWR to SIGTERM
//     delegate-limit =       from then on to the reset; unset: three times the timeout that the WDT had
//                            before. Then it is a hardware failure, and init resets the machine itself
//
// Nothing here blocks: signals, and sysfs, which is the kernel's memory.
#pragma once

#include "plugin/leash_plugin.h"
#include "settings.h"

#include <cstddef>
#include <cstdint>

namespace leash_watchdog {

class Delegate {
  public:
    Delegate() = default;
    ~Delegate();
    Delegate(const Delegate&) = delete;
    Delegate& operator=(const Delegate&) = delete;

    void start(const leash_host* host, const Settings& settings);
    // Of a file that was read again. Whose the device is counts from the next boot on.
    void reconfigure(const Settings& settings);
    [[nodiscard]] bool wanted() const { return settings_.delegate_to[0] != '\0'; }
    [[nodiscard]] const char* device() const { return settings_.foreign_device; }

    void service_state(const leash_event& event); // of any service
    // SIGPWR, now. How long in ms init is to wait; -ESRCH: that service does not run.
    std::int64_t begin(std::int64_t now);
    bool timer(std::uint64_t cookie); // True: it was ours
    // What the driver says of the last reset, WDIOF_*; 0 where it says nothing.
    [[nodiscard]] unsigned boot_flags() const;

  private:
    void show() const; // for `initctl status`

    const leash_host* host_ = nullptr;
    Settings settings_;
    std::int32_t pid_ = 0;  // its main process, 0: it does not run
    int process_ = -1;      // a pidfd, from SIGPWR on
};

} // namespace leash_watchdog
