// SPDX-License-Identifier: MIT
// The words of a client about the WDTs (`initctl plugin watchdog WORD...`):
//
//   status            everyone  a JSON line for each WDT, see wdt_json(); members may be added
//   lateness [reset]  everyone  a JSON line for each: how late its kicks were since the page was
//                               made or the reset (root); median and p99 are right within a quarter
//   enable, disable   root      supervision of services and kicking, both. disable stops the timers;
//                               it is refused, with the reason, where one cannot be stopped
//   loglevel LEVEL    root      error, warning, notice, info, debug: what the plugin still says
//
// Exit statuses: 0 done, 1 refused or failed (with a message), 2 usage, 6 not permitted.
#pragma once

#include "wdts.h"

#include "plugin/leash_plugin.h"

namespace leash_watchdog {

// What the hub lets its parts know and do.
class Hub {
  public:
    [[nodiscard]] virtual bool enabled() const = 0;
    // Supervision and kicking, both. 0, or a negative errno with the reason in `why`.
    virtual int set_enabled(bool enabled, char* why, std::size_t size) = 0;
    [[nodiscard]] virtual const char* phase() const = 0;

  protected:
    ~Hub() = default;
};

// The exit status for the client; negative: not a word of this part.
int device_command(Hub& hub, Wdts& wdts, const leash_command& command, std::int64_t now);

// A line of `status`, its members in this order:
//   device, identity       path as in init.conf; the driver's name, "" while it is not open
//   state                  kicking, starving, standing-in (PID 1 kicks), delegated, released, disabled,
//                          missing, vanished, busy, twice (named by two sections), failed
//   enabled                of the whole plugin
//   phase, verdict         boot, settled, rescue, shutdown; feed, starve
//   timeout_s, interval_ms what the driver really has; between two kicks
//   time_left_s            -1: not running; time_left_by says who counts: "driver" or "clock" (of the
//                          last kick)
//   kicks, missed          given; planned, but not given
//   kick_errors            refused by the driver
//   last_kick_ms           ago, -1: never
//   median_late_us, worst_late_us
//   kicker                 its pid, 0: none
//   scheduling             deadline, fifo, other; locked, filtered: its memory, its system calls
//   nowayout               null: not known (a driver without sysfs); magic_close: can be stopped
//   pretimeout_s, pretimeout_governor
//   boot_status            why the last reset was, "CARDRESET, OVERHEAT", mostly ""
//   holder_pid, holder     of a busy device, once found
void wdt_json(const Hub& hub, const Wdt& wdt, std::int64_t now, char* text, std::size_t size);

} // namespace leash_watchdog
