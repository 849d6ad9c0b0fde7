// SPDX-License-Identifier: MIT
// What the hub answers to watchdogd's clients. What a part of the plugin does not do says so:
// -EOPNOTSUPP, which is what watchdogd says of what is switched off.
#pragma once

#include "plugin/leash_plugin.h"
#include "watchdog/clients/client_host.h"

#include <csignal>
#include <cstdio>

#include <unistd.h>

namespace leash_clients {

class HubHost : public ClientHost {
  public:
    virtual ~HubHost() = default;
    void start(const leash_host* host) { host_ = host; }

    [[nodiscard]] bool off() const override { return false; }
    int set_enabled(bool enabled, char* why, std::size_t size) override {
        if (enabled == this->enabled()) return 0;
        std::snprintf(why, size, "the WDT cannot be switched while the machine runs");
        return -EOPNOTSUPP;
    }
    int reason(bool, Reason&) override { return -EOPNOTSUPP; }
    int counter(std::uint32_t&) override { return -EOPNOTSUPP; }
    int clear() override { return -EOPNOTSUPP; }
    int fail(std::uint32_t, std::int32_t, const char*) override { return -EOPNOTSUPP; }
    void judged(std::uint32_t, std::int32_t, std::int32_t, const char*) override {}

    // In order: services are stopped and disks unmounted; then the WDT, as watchdogd would have it, so
    // that the board says so at its next boot. Without one it is a plain reboot.
    int reset(std::uint32_t code, std::int32_t pid, const char* label) override {
        char why[160];
        std::snprintf(why, sizeof why, "client %s (pid %d), code %u", label, pid, code);
        return host_->end_machine(LEASH_END_WDT_RESET, "forced-reset", why);
    }

    [[nodiscard]] int loglevel() const override { return loglevel_; }
    int set_loglevel(int level) override {
        if (level < 0 || (level > LEASH_DEBUG && level != kNoLevel)) return -EINVAL;
        loglevel_ = level;
        return 0;
    }
    int reload() override { return kill(getpid(), SIGHUP) == 0 ? 0 : -errno; } // PID 1's own signal

  private:
    const leash_host* host_ = nullptr;
    int loglevel_ = LEASH_NOTICE;
};

} // namespace leash_clients
