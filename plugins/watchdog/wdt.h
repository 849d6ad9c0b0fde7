// SPDX-License-Identifier: MIT
// One WDT with all that belongs to it: its settings, the device once it is there, and its feeding, with
// a kicker of its own, so that a slow driver delays no other WDT.
#pragma once

#include "device.h"
#include "feeding.h"
#include "holder.h"
#include "settings.h"

#include <cstddef>
#include <cstdint>

namespace leash_watchdog {

class Wdts;

class Wdt {
  public:
    // Takes over the page of an earlier life from slot `slot`; false: there is none.
    [[nodiscard]] bool restore(const leash_host* host, const Settings& common, unsigned slot,
                               std::int64_t now);
    // Or makes one. 0 or a negative errno.
    [[nodiscard]] int prepare(const leash_host* host, const Settings& common,
                              const DeviceSettings& own, unsigned slot, std::int64_t now);
    // After restore(): what its section says. Without a section it is fed as it is.
    void configure(const DeviceSettings& own) { own_ = own, configured_ = true; }
    // Takes what the earlier life held open, or opens it.
    void take(const Wdts& all, std::int64_t now);

    [[nodiscard]] bool used() const { return feeding_.prepared(); }
    [[nodiscard]] bool is_open() const { return device_.is_open(); }
    [[nodiscard]] bool disabled() const { return disabled_; }
    [[nodiscard]] const char* path() const { return used() ? feeding_.page()->device : ""; }
    [[nodiscard]] const DeviceSettings& settings() const { return own_; }
    [[nodiscard]] const Device& device() const { return device_; }
    [[nodiscard]] Feeding& feeding() { return feeding_; }
    [[nodiscard]] const Feeding& feeding() const { return feeding_; }
    [[nodiscard]] int full_timeout_s() const { return feeding_.page()->full_timeout_s; }

    void timer(std::uint64_t what, const Wdts& all, std::int64_t now); // a DeviceCookie
    void look(const Wdts& all, std::int64_t now);                      // once a second
    void retry(const Wdts& all, std::int64_t now);                     // if it is not open
    // The modules of init.conf are loaded: drivers, and governors of pretimeouts.
    void brought_up(const Wdts& all, std::int64_t now);
    void woken(std::int64_t now);

    // The section as it is now: timeout, pretimeout and interval are set at once.
    void reconfigure(const Settings& common, const DeviceSettings& own, std::int64_t now);

    // As of leash_plugin, for this one.
    std::int64_t delegate();
    int release(int end);
    // Switched off and on again at run time. 0 or a negative errno.
    int switch_off();
    int switch_on(const Wdts& all, std::int64_t now);

    void refresh() { if (device_.is_open()) device_.refresh(); }
    // "/dev/watchdog (i6300ESB timer), timeout 20 s, kick every 10 s, ..."
    void describe(char* text, std::size_t size, std::int64_t now) const;
    // In a word: kicking, starving, standing-in (PID 1 kicks), delegated, released, disabled; where it
    // is not open: missing, vanished, busy, twice, failed.
    [[nodiscard]] const char* state() const;
    [[nodiscard]] const HolderSearch& holder() const { return holder_; }

  private:
    void open(const Wdts& all, std::int64_t now);
    void set_up(std::int64_t now);
    void set_pretimeout();
    void say_missing(int error);
    void say_busy();
    void say_boot_status();

    const leash_host* host_ = nullptr;
    unsigned slot_ = 0;
    DeviceSettings own_;
    bool configured_ = false;
    Device device_;
    Feeding feeding_;
    HolderSearch holder_;
    int error_ = 0;             // why the device is not open, as last said
    bool vanished_ = false;     // it was there
    bool governor_missing_ = false;
    bool modules_to_come_ = false;
    bool disabled_ = false;     // switched off at run time
    bool was_open_ = false;     // then
    std::int64_t searched_ms_ = 0;
};

} // namespace leash_watchdog
