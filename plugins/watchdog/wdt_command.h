// SPDX-License-Identifier: MIT
// The words of a client about the WDTs: status, enable, disable, loglevel, lateness.
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

// A line of `status`: {"device":"/dev/watchdog",...}.
void wdt_json(const Hub& hub, const Wdt& wdt, std::int64_t now, char* text, std::size_t size);

} // namespace leash_watchdog
