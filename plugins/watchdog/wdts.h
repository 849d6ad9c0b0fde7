// SPDX-License-Identifier: MIT
// All WDTs of the machine: [watchdog] describes the first, each [watchdog DEVICE] a further one. The hub
// says to all of them what it has to say; which one an event is for tells its cookie.
#pragma once

#include "cookies.h"
#include "wdt.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leash_watchdog {

// What has to survive a re-exec of PID 1 beside the pages.
struct SavedWdts {
    std::int32_t kickers[kMaxWdts] = {};
    std::int32_t log_level = LEASH_DEBUG;
};

class Wdts {
  public:
    // Pages: those of an earlier life (`restored`), and one for each section. 0 or a negative errno.
    int start(const leash_host* host, const Settings& settings, const SavedWdts& before,
              bool& restored, std::int64_t now);
    // The devices themselves, kicked at once.
    void take(std::int64_t now);
    [[nodiscard]] SavedWdts saved() const;

    void beat(std::int64_t now); // PID 1's loop has gone round
    void set_verdict(leash_verdict verdict, std::int64_t feed_until_ms);
    void look(std::int64_t now);  // once a second
    void brought_up(std::int64_t now); // modules are loaded
    // True: it was for one of them. `timer` is a timer's, else the descriptor's.
    bool timer(std::uint64_t cookie, std::int64_t now);
    bool readable(std::uint64_t cookie, std::int64_t now);
    bool helper_exited(std::uint64_t cookie, std::int32_t pid, int status, std::int64_t now);

    // init.conf has been read again.
    void reconfigure(const Settings& settings, std::int64_t now);

    // As of leash_plugin.
    std::int64_t delegate();
    int release(int end);
    int may_end(int end, char* why, std::size_t size) const;
    // All of them, or none. `why`: the reason of a refusal, for people.
    int switch_off(char* why, std::size_t size);
    int switch_on(char* why, std::size_t size, std::int64_t now);
    [[nodiscard]] bool disabled() const;

    void show_status(std::int64_t now); // for `initctl status`
    // Descriptors of the verdict pages; and what the drivers say of the last reset, WDIOF_* of all.
    [[nodiscard]] std::vector<int> pages() const;
    [[nodiscard]] unsigned boot_flags() const;

    [[nodiscard]] bool has(const char* path) const; // open, and by this name
    [[nodiscard]] bool named_twice(const Wdt& wdt) const;
    [[nodiscard]] std::array<Wdt, kMaxWdts>& all() { return wdts_; }
    [[nodiscard]] const std::array<Wdt, kMaxWdts>& all() const { return wdts_; }

  private:
    Wdt* find(const char* path);
    void add(const DeviceSettings& own, std::int64_t now);
    void read_sections(void (*each)(Wdts&, const DeviceSettings&, std::int64_t), std::int64_t now);
    void check_tiers();
    [[nodiscard]] bool is_foreign(const char* path) const;

    const leash_host* host_ = nullptr;
    Settings settings_;
    std::array<Wdt, kMaxWdts> wdts_;
    leash_verdict verdict_ = LEASH_VERDICT_FEED;
    std::int64_t feed_until_ms_ = 0;
    char tier_trouble_[256] = ""; // as last said
};

} // namespace leash_watchdog
