// SPDX-License-Identifier: MIT
// What watchdogd's clients may ask of the rest of the plugin. The hub's answers; errors are negative
// errnos, which the clients see as they are.
#pragma once

#include "watchdog/clients/wire.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace leash_clients {

inline constexpr int kNoLevel = 0x10; // "none", as syslog.h numbers it

class ClientHost {
  public:
    // ---- the WDT
    [[nodiscard]] virtual bool enabled() const = 0; // it is there, and kicked
    // Somebody has switched it off: so are the deadlines of clients. Not where there is no WDT: services
    // are watched all the same.
    [[nodiscard]] virtual bool off() const = 0;
    // -EPERM where it cannot be stopped (nowayout): it is kicked on. `why` in words.
    virtual int set_enabled(bool enabled, char* why, std::size_t size) = 0;

    // ---- causes of resets
    // `raw`: what is prepared on the disk for a sudden loss of power.
    virtual int reason(bool raw, Reason& reason) = 0;
    virtual int counter(std::uint32_t& count) = 0;
    virtual int clear() = 0;
    // Records `code` (enum Code) and no more.
    virtual int fail(std::uint32_t code, std::int32_t pid, const char* label) = 0;
    // A client is in trouble with `code`: its policy has its turn now, and may end the machine.
    virtual void judged(std::uint32_t code, std::int32_t pid, std::int32_t id, const char* label) = 0;
    // Ends the machine with this cause, by the WDT where there is one.
    virtual int reset(std::uint32_t code, std::int32_t pid, const char* label) = 0;

    // ---- the plugin
    [[nodiscard]] virtual int loglevel() const = 0; // as syslog, or kNoLevel
    virtual int set_loglevel(int level) = 0;        // -EINVAL
    virtual int reload() = 0; // has init read the configuration anew

  protected:
    ~ClientHost() = default;
};

} // namespace leash_clients
