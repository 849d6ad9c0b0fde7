// SPDX-License-Identifier: MIT
#include "wdt.h"

#include "say.h"
#include "wdts.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <linux/watchdog.h>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kRetryOpen = 500;
constexpr std::int64_t kSearchAgain = 60'000;
constexpr int kTwice = -EEXIST; // another section names the same device

bool is_absent(int error) {
    return error == -ENOENT || error == -ENODEV || error == -ENXIO;
}

} // namespace

bool Wdt::restore(const leash_host* host, const Settings& common, unsigned slot, std::int64_t now) {
    host_ = host;
    slot_ = slot;
    if (!feeding_.restore(host, common, slot, now)) return false;
    disabled_ = leash_page_get(feeding_.page(), disabled) != 0;
    std::snprintf(own_.device, sizeof own_.device, "%s", feeding_.page()->device);
    return true;
}

int Wdt::prepare(const leash_host* host, const Settings& common, const DeviceSettings& own,
                 unsigned slot, std::int64_t now) {
    host_ = host;
    slot_ = slot;
    configure(own);
    modules_to_come_ = true;
    return feeding_.prepare(host, common, slot, own.device, now);
}

void Wdt::take(const Wdts& all, std::int64_t now) {
    int fd = host_->saved_fd(feeding_.fd_name());
    if (fd < 0) {
        open(all, now);
        return;
    }
    if (device_.adopt(fd) != 0) { // somebody else's descriptor: leave it alone
        host_->save_fd(feeding_.fd_name(), -1);
        open(all, now);
        return;
    }
    if (full_timeout_s() == 0) feeding_.keep_timeout(device_.timeout_s());
    if (feeding_.page()->command == LEASH_COMMAND_DELEGATE || disabled_) return;
    if (!configured_) {
        say(host_, LEASH_WARNING,
            "%s: no section of init.conf names it any more; it runs, so it is kicked as before",
            path());
        own_.timeout_ms = device_.timeout_s() * 1000LL;
        own_.pretimeout_ms = device_.pretimeout_s() * 1000LL;
    }
    set_up(now);
}

void Wdt::open(const Wdts& all, std::int64_t now) {
    if (path()[0] == '\0' || disabled_) return;
    int error = all.named_twice(*this) ? kTwice : device_.open(path());
    if (error != 0) {
        bool news = error != error_;
        say_missing(error);
        if (error == -EBUSY && (news || now - searched_ms_ > kSearchAgain)) {
            searched_ms_ = now;
            holder_.begin(path());
            host_->set_timer(device_cookie(slot_, kTimerHolder), now);
        }
        host_->set_timer(device_cookie(slot_, kTimerOpen), now + kRetryOpen);
        return;
    }
    if (error_ != 0)
        say(host_, LEASH_NOTICE, "%s: there it is%s", path(), vanished_ ? " again" : "");
    error_ = 0;
    vanished_ = false;
    host_->save_fd(feeding_.fd_name(), device_.fd());
    set_up(now);
    say_boot_status();
}

void Wdt::say_boot_status() {
    char flags[128];
    if (!device_.boot_status(flags, sizeof flags)) return;
    bool reset = std::strstr(flags, "CARDRESET") != nullptr;
    say(host_, LEASH_NOTICE, "%s: the last reset was %s (%s)", path(),
        reset ? "by the WDT" : "not a plain one", flags);
}

void Wdt::set_up(std::int64_t now) {
    int wanted = own_.timeout_s();
    int error = device_.timeout_s() == wanted ? 0 : device_.set_timeout(wanted);
    int real = device_.timeout_s();
    if (error != 0) {
        say(host_, LEASH_WARNING, "%s (%s): cannot set its timeout to %d s (%s), it is %d s", path(),
            device_.identity(), wanted, std::strerror(-error), real);
    } else if (real != wanted) {
        say(host_, LEASH_WARNING, "%s (%s): timeout %d s was asked for, the driver took %d s",
            path(), device_.identity(), wanted, real);
    } else {
        say(host_, LEASH_INFO, "%s (%s): timeout %d s", path(), device_.identity(), real);
    }
    feeding_.keep_timeout(real);
    set_pretimeout();
    Interval interval = choose_interval(own_, real, device_.pretimeout_s());
    char asked[32];
    char took[32];
    show_ms(interval.ms, took, sizeof took);
    if (interval.clamped) {
        say(host_, LEASH_ERROR,
            "%s: interval %s would let a timer of %d s fire%s: kicking every %s; set interval to "
            "half of the timeout at most",
            path(), show_ms(own_.interval_ms, asked, sizeof asked), real,
            device_.pretimeout_s() > 0 ? " (or its pretimeout)" : "", took);
    } else if (interval.risky) {
        say(host_, LEASH_WARNING,
            "%s: interval %s is more than half of its %d s%s: one kick that comes late is enough to "
            "reset the machine",
            path(), took, real, device_.pretimeout_s() > 0 ? " less the pretimeout" : "");
    }
    feeding_.start(device_, interval.ms, now);
}

void Wdt::set_pretimeout() {
    int wanted = own_.pretimeout_s();
    if (!device_.can_tell_before()) {
        if (wanted > 0)
            say(host_, LEASH_WARNING, "%s (%s): pretimeout is left out, its driver has none", path(),
                device_.identity());
        return;
    }
    if (own_.governor[0] != '\0') {
        int error = device_.set_governor(own_.governor);
        char known[96] = "not told by this kernel";
        (void)device_.sysfs().read("pretimeout_available_governors", known, sizeof known);
        for (char* c = known; *c != '\0'; ++c)
            if (*c < ' ') *c = ' ';
        governor_missing_ = error != 0;
        if (error != 0)
            say(host_, modules_to_come_ ? LEASH_DEBUG : LEASH_WARNING,
                "%s: pretimeout-governor %s cannot be set (%s); there are: %s; another one may need "
                "its module (modules = pretimeout_%s)",
                path(), own_.governor, std::strerror(-error), known, own_.governor);
    }
    if (device_.pretimeout_s() == wanted) return;
    int error = device_.set_pretimeout(wanted);
    int real = device_.pretimeout_s();
    if (error != 0)
        say(host_, LEASH_WARNING, "%s (%s): cannot set its pretimeout to %d s (%s), it is %d s",
            path(), device_.identity(), wanted, std::strerror(-error), real);
    else if (real != wanted)
        say(host_, LEASH_WARNING, "%s (%s): pretimeout %d s was asked for, the driver took %d s",
            path(), device_.identity(), wanted, real);
}

void Wdt::say_missing(int error) {
    if (error == error_) return; // said once, not at every try
    error_ = error;
    bool absent = is_absent(error);
    leash_level level = absent && !own_.warn_missing && !vanished_ ? LEASH_INFO : LEASH_WARNING;
    if (error == kTwice) {
        say(host_, LEASH_ERROR,
            "%s: the same device as that of another section of init.conf: give it one section",
            path());
        return;
    }
    if (error == -EBUSY) return; // once it is known who has it
    const char* what = error == -ENOTTY ? "it is no watchdog"
                       : absent         ? "there is no such device (no driver yet?)"
                                        : std::strerror(-error);
    const char* so = slot_ == 0 ? "NO WDT GUARDS THIS MACHINE" : "it does not guard this machine";
    say(host_, level, "%s: %s; %s; it is tried again and again", path(), what, so);
}

void Wdt::say_busy() {
    char who[96];
    holder_.describe(who, sizeof who);
    say(host_, LEASH_ERROR, "%s: busy, %s; %s; stop that, or take the section from init.conf", path(),
        who, slot_ == 0 ? "LEASH DOES NOT KICK IT" : "Leash does not kick it");
}

void Wdt::timer(std::uint64_t what, const Wdts& all, std::int64_t now) {
    switch (what) {
    case kTimerOpen:
        retry(all, now);
        break;
    case kTimerStandIn:
        feeding_.stand_in(now);
        break;
    case kTimerRespawn:
        feeding_.respawn(now);
        break;
    case kTimerHolder:
        if (!holder_.running()) break;
        if (holder_.step())
            host_->set_timer(device_cookie(slot_, kTimerHolder), now);
        else if (error_ == -EBUSY)
            say_busy();
        break;
    default:
        break;
    }
}

void Wdt::retry(const Wdts& all, std::int64_t now) {
    if (used() && !device_.is_open()) open(all, now);
}

void Wdt::brought_up(const Wdts& all, std::int64_t now) {
    modules_to_come_ = false;
    if (!used()) return;
    if (!device_.is_open())
        open(all, now);
    else if (governor_missing_)
        set_pretimeout();
}

void Wdt::look(const Wdts& all, std::int64_t now) {
    (void)all;
    feeding_.check(now);
    if (device_.is_open() && !disabled_ && feeding_.device_lost()) {
        say(host_, LEASH_ERROR, "%s (%s) HAS LEFT THE MACHINE: it is kicked no more; trying to get it "
            "back", path(), device_.identity());
        feeding_.pause();
        host_->save_fd(feeding_.fd_name(), -1);
        device_.drop();
        vanished_ = true;
        error_ = -ENODEV;
        host_->set_timer(device_cookie(slot_, kTimerOpen), now + kRetryOpen);
    }
}

void Wdt::woken(std::int64_t now) {
    feeding_.woken(now);
    // A kick that was on its way when the timer was stopped has started it again, with some drivers.
    if (disabled_ && device_.is_open() &&
        leash_page_get(feeding_.page(), kicker_state) == LEASH_KICKER_RELEASED)
        (void)device_.stop([] {});
}

void Wdt::reconfigure(const Settings& common, const DeviceSettings& own, std::int64_t now) {
    modules_to_come_ = false;
    feeding_.reconfigure(common, now);
    bool same = own_.timeout_ms == own.timeout_ms && own_.interval_ms == own.interval_ms &&
                own_.pretimeout_ms == own.pretimeout_ms &&
                std::strcmp(own_.governor, own.governor) == 0;
    configure(own);
    if (same || !device_.is_open() || disabled_) return;
    if (feeding_.page()->command != LEASH_COMMAND_KICK) return;
    say(host_, LEASH_NOTICE, "%s: its section of init.conf has changed", path());
    set_up(now); // setting the timeout is a kick, too
}

std::int64_t Wdt::delegate() {
    if (!device_.is_open()) return -ENODEV;
    if (disabled_) {
        say(host_, LEASH_WARNING, "%s is switched off: it resets nothing", path());
        return -ECANCELED;
    }
    feeding_.command(LEASH_COMMAND_DELEGATE);
    int seconds = device_.lower_timeout();
    if (seconds > 0) {
        say(host_, LEASH_NOTICE, "%s is to reset the machine: timeout %d s", path(), seconds);
    } else {
        say(host_, LEASH_WARNING,
            "%s is to reset the machine, within %d s: its timeout cannot be lowered: %s", path(),
            full_timeout_s(), std::strerror(-seconds));
    }
    return 3000LL * full_timeout_s();
}

// Reboot: the timer stays armed with its full timeout as a net, in case the kernel's own reboot
// hangs; most drivers stop it by themselves on the way (watchdog_stop_on_reboot), and firmware
// expects it off or sets it anew. Power-off and halt: it has to be stopped, or it would reset a
// machine that shall stay off. When it cannot be, power-off goes on (a WDT without power fires
// not), a halt is -EBUSY, and the kicker goes on.
int Wdt::release(int end) {
    if (!device_.is_open() || disabled_) return 0;
    if (end != LEASH_END_POWEROFF && end != LEASH_END_HALT) {
        device_.kick();
        return 0;
    }
    char why[160];
    bool stopped = device_.can_stop(why, sizeof why);
    if (stopped) {
        feeding_.command(LEASH_COMMAND_RELEASE); // a kick would take back a 'V'
        int error = device_.stop([this] { feeding_.end_kicker(); });
        stopped = error == 0;
        if (!stopped) {
            std::snprintf(why, sizeof why, "the WDT cannot be stopped: %s", std::strerror(-error));
            feeding_.command(LEASH_COMMAND_KICK);
        }
    }
    if (stopped) {
        say(host_, LEASH_NOTICE, "%s is stopped", path());
        return 0;
    }
    say(host_, LEASH_WARNING, "%s", why);
    device_.kick();
    return end == LEASH_END_HALT ? -EBUSY : 0;
}

int Wdt::switch_off() {
    if (disabled_) return 0;
    was_open_ = device_.is_open();
    if (was_open_) {
        feeding_.command(LEASH_COMMAND_RELEASE);
        int error = device_.stop([this] { feeding_.end_kicker(); });
        if (error != 0) {
            feeding_.command(LEASH_COMMAND_KICK);
            return error;
        }
        if (!device_.is_open()) { // that took a close
            feeding_.pause();
            host_->save_fd(feeding_.fd_name(), -1);
        }
        say(host_, LEASH_NOTICE, "%s is stopped", path());
    } else {
        feeding_.command(LEASH_COMMAND_RELEASE);
    }
    disabled_ = true;
    feeding_.keep_disabled(true);
    return 0;
}

int Wdt::switch_on(const Wdts& all, std::int64_t now) {
    if (!disabled_) return 0;
    disabled_ = false;
    feeding_.keep_disabled(false);
    if (device_.is_open() && device_.start_again() != 0) {
        // Stopped without a close, and not to be started without one.
        host_->save_fd(feeding_.fd_name(), -1);
        feeding_.pause();
        device_.drop();
    }
    feeding_.command(LEASH_COMMAND_KICK);
    if (!device_.is_open()) {
        open(all, now);
        return device_.is_open() || !was_open_ ? 0 : error_;
    }
    set_up(now);
    say(host_, LEASH_NOTICE, "%s runs again", path());
    return 0;
}

void Wdt::describe(char* text, std::size_t size, std::int64_t now) const {
    if (device_.is_open()) {
        char feeding[160];
        feeding_.describe(feeding, sizeof feeding, now);
        std::snprintf(text, size, "%s (%s), timeout %d s, %s", path(), device_.identity(),
                      full_timeout_s(), feeding);
    } else if (path()[0] == '\0') {
        std::snprintf(text, size, "no WDT, by configuration (device = none)");
    } else if (disabled_) {
        std::snprintf(text, size, "%s: NOT KICKED: it is switched off", path());
    } else if (error_ == -EBUSY) {
        char who[96];
        holder_.describe(who, sizeof who);
        std::snprintf(text, size, "%s: NO WDT (busy: %s), tried again and again", path(), who);
    } else if (error_ == kTwice) {
        std::snprintf(text, size, "%s: NOT USED: another section of init.conf is about that device",
                      path());
    } else {
        std::snprintf(text, size, "%s: NO WDT (%s%s), tried again and again", path(),
                      vanished_ ? "it has left the machine: " : "", std::strerror(-error_));
    }
}

const char* Wdt::state() const {
    if (disabled_) return "disabled";
    if (!device_.is_open()) {
        if (error_ == -EBUSY) return "busy";
        if (error_ == kTwice) return "twice";
        if (vanished_) return "vanished";
        return is_absent(error_) ? "missing" : "failed";
    }
    if (feeding_.standing_in()) return "standing-in";
    switch (leash_page_get(feeding_.page(), kicker_state)) {
    case LEASH_KICKER_KICKING:
        return "kicking";
    case LEASH_KICKER_STARVING:
        return "starving";
    case LEASH_KICKER_DELEGATED:
        return "delegated";
    case LEASH_KICKER_RELEASED:
        return "released";
    default:
        return "standing-in";
    }
}

} // namespace leash_watchdog
