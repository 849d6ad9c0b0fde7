// SPDX-License-Identifier: MIT
// PID 1's end of the feeding: the verdict page, the kicker process, and standing in for a kicker
// that has died until the next one kicks.
#pragma once

#include "cookies.h"
#include "device.h"
#include "plugin/leash_plugin.h"
#include "settings.h"
#include "verdict_page.h"

#include <cstdint>

namespace leash_watchdog {

class Feeding {
  public:
    // Makes the page and the wake-up, with the verdict "feed". 0 or a negative errno. `slot`: which
    // WDT, from 0; `path`: its device, for the page.
    [[nodiscard]] int prepare(const leash_host* host, const Settings& settings, unsigned slot,
                              const char* path, std::int64_t now);
    // Takes over page and wake-up of an earlier life of PID 1 from host->saved_fd. False: not
    // there, or of another version; prepare() anew then.
    [[nodiscard]] bool restore(const leash_host* host, const Settings& settings, unsigned slot,
                               std::int64_t now);
    // The page is of no use: nobody's device any more.
    void abandon();
    // loop-limit and priority have changed. Another priority: the kicker is replaced.
    void reconfigure(const Settings& settings, std::int64_t now);
    // Where the descriptor of the WDT is kept.
    [[nodiscard]] const char* fd_name() const { return wdt_name_; }
    [[nodiscard]] bool prepared() const { return page_ != nullptr; }

    // Starts feeding `device`, with the kicker that runs already if there is one (restored).
    void start(const Device& device, std::int64_t interval_ms, std::int64_t now);

    // PID 1's loop has gone round.
    void beat(std::int64_t now) {
        if (page_ != nullptr) leash_page_set(page_, loop_beat_ms, now);
    }
    void set_verdict(leash_verdict verdict, std::int64_t feed_until_ms); // 0: no limit

    // Once a second: a kicker that neither kicks nor starves although it should is replaced.
    void check(std::int64_t now);
    void woken(std::int64_t now);                                       // kFdWake
    void kicker_exited(std::int32_t pid, int status, std::int64_t now); // kHelperKicker
    void stand_in(std::int64_t now);                                    // kTimerStandIn
    void respawn(std::int64_t now);                                     // kTimerRespawn

    // No kick from now on, by nobody: for good, or until resume().
    void command(leash_kick_command command);
    void end_kicker();
    // A kick has met a device that has left the machine (ENODEV).
    [[nodiscard]] bool device_lost() const;
    // The device is gone: no kicker, no kick, until start().
    void pause();
    // What the page keeps for a later life.
    void keep_timeout(int seconds) { leash_page_set(page_, full_timeout_s, seconds); }
    void keep_disabled(bool disabled) { leash_page_set(page_, disabled, disabled ? 1U : 0U); }
    void forget_lateness() { leash_page_add(page_, late_epoch, 1U); }

    [[nodiscard]] std::int32_t kicker() const { return kicker_; } // its pid, 0: there is none
    [[nodiscard]] bool standing_in() const { return standing_in_; } // PID 1 kicks
    // "kick every 10 s, SCHED_DEADLINE, last kick 3 s ago"
    void describe(char* text, std::size_t size, std::int64_t now) const;
    [[nodiscard]] const leash_verdict_page* page() const { return page_; }
    [[nodiscard]] int page_fd() const { return page_fd_; }

  private:
    [[nodiscard]] bool map(int fd);
    void apply(const Settings& settings);
    void spawn(std::int64_t now);
    void begin_stand_in(std::int64_t now);
    void report_state(std::int64_t now);
    void ring();
    [[nodiscard]] std::uint64_t cookie(DeviceCookie what) const { return device_cookie(slot_, what); }
    void name(unsigned slot, const char* path);
    void report_errors();

    static constexpr int kManyDeaths = 5;
    static constexpr std::int64_t kDeathWindow = 10'000;
    static constexpr std::int64_t kPause = 1000;

    const leash_host* host_ = nullptr;
    const Device* device_ = nullptr;
    unsigned slot_ = 0;
    char wdt_name_[16] = "";
    char page_name_[16] = "";
    char wake_name_[16] = "";
    char the_kicker_[128] = "the kicker"; // for people
    char the_wdt_[112] = "the WDT";
    bool replacing_ = false; // its end is wanted
    leash_verdict_page* page_ = nullptr;
    int page_fd_ = -1;
    int wake_fd_ = -1;
    int program_fd_ = -1;     // the kicker's binary, sealed
    std::int32_t kicker_ = 0; // pid, 0: none
    std::int64_t spawned_ms_ = 0;
    bool standing_in_ = false;
    bool ended_ = false;                    // delegated or stopped: no kicker is wanted
    std::int64_t deaths_[kManyDeaths] = {}; // times of the last ones, a ring
    unsigned death_count_ = 0;
    std::uint32_t known_state_ = LEASH_KICKER_ABSENT;
    std::uint64_t known_errors_ = 0;   // of kicks, since start()
    std::uint64_t errors_before_ = 0;  // of kicks of an earlier device
    bool errors_said_ = false;
    int stand_in_error_ = 0; // of the last kick by PID 1
};

} // namespace leash_watchdog
