// SPDX-License-Identifier: MIT
// The watchdog plugin: what the host tells goes to the parts that know what to do about it.
//
//   device       the WDT itself
//   feeding      verdict page and kicker: the WDT is kicked while PID 1's loop is fresh
//   causes/      why the machine was reset, durable before it is
//   supervision  which service owes a sign of life by when
//
// The verdict by phase:
//   boot      feed for boot-limit, then starve: a boot that hangs ends in a reset
//   settled   feed
//   rescue    by the key `rescue`
//   shutdown  feed for kShutdownLimit, or longer where init may take longer: services that stop
//             slowly are no reason for a reset, a shutdown that hangs is
// and in each of them only while PID 1's loop is fresh.
#include "causes/causes.h"
#include "cookies.h"
#include "device.h"
#include "feeding.h"
#include "plugin/leash_plugin.h"
#include "say.h"
#include "settings.h"
#include "supervision.h"
#include "task_probe.h"
#include "watch_table.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kRetryOpen = 1000;
constexpr std::int64_t kShutdownLimit = 300'000;
constexpr std::int64_t kShutdownGrace = 120'000; // unmounting and the rest, behind init's own limit
constexpr std::int64_t kStall = 2000;            // LEASH_EVENT_LOOP comes once a second at least
constexpr const char* kMissedHeartbeat = "missed-heartbeat";

enum class Phase : std::uint32_t { boot, settled, rescue, shutdown };

// What survives a re-exec of PID 1 beside the descriptors; the page itself holds the verdict.
struct Saved {
    std::uint32_t magic = 0x77646731; // "wdg1"
    Phase phase = Phase::boot;
    std::int32_t kicker = 0;
    std::int32_t original_timeout_s = 0;
};

class Watchdog {
  public:
    int start(const leash_host* host, const void* saved, std::size_t length);
    void event(const leash_event& event);
    std::int64_t delegate();
    int release(int end);
    int may_end(int end, char* why, std::size_t size);
    int may_reboot(const char* kind, char* why, std::size_t size) {
        return causes_.may_reboot(kind, why, size);
    }
    int command(const leash_command& command);

  private:
    void open_device(std::int64_t now);
    void adopt_device(int fd, std::int64_t now);
    void set_up(std::int64_t now);
    void say_missing(int error);
    void enter(Phase phase, std::int64_t now, std::int64_t limit = 0);
    void service_state(const leash_event& event);
    void note_time(std::int64_t now);
    void act(std::int64_t now);
    void show_status(std::int64_t now);
    void save();

    const leash_host* host_ = nullptr;
    Settings settings_;
    Device device_;
    Feeding feeding_;
    Causes causes_;
    WatchTable table_;
    Supervision supervision_;
    ProcTaskProbe probe_;
    std::vector<Report> reports_;
    Phase phase_ = Phase::boot;
    int missing_error_ = 0; // why the device is not open, as last said
    int original_timeout_s_ = 0;
    std::int64_t last_event_ = 0;
    std::int64_t shown_ms_ = 0;
};

std::unique_ptr<Watchdog> g_watchdog; // the host calls without a context
const leash_host* g_host = nullptr;

int Watchdog::start(const leash_host* host, const void* saved, std::size_t length) {
    host_ = host;
    std::int64_t now = host->now_ms();
    last_event_ = now;
    settings_ = read_settings([](const char* key) { return g_host->config(key); },
                              [](const char* text) { g_host->log(LEASH_WARNING, text); });
    Saved before;
    bool restored = saved != nullptr && length == sizeof before;
    if (restored) {
        Saved found;
        std::memcpy(&found, saved, sizeof found);
        restored = found.magic == before.magic;
        if (restored) before = found;
    }
    bool fresh_page = !feeding_.restore(host, settings_, now);
    if (fresh_page) {
        // An older kicker goes by a page that nobody writes any more.
        if (restored && before.kicker > 1) kill(before.kicker, SIGKILL);
        int error = feeding_.prepare(host, settings_, now);
        if (error != 0) return error;
        enter(restored ? before.phase : Phase::boot, now);
    } else if (restored) {
        phase_ = before.phase; // its verdict and its limit stand in the page
    } else {
        enter(Phase::settled, now); // PID 1 has lost its memory; a running machine is to be fed
    }
    original_timeout_s_ = before.original_timeout_s;
    table_.open(host);
    supervision_.keep_in(table_.slots());
    // While nobody listened, nobody was late.
    if (table_.noted() > 0 && now > table_.noted()) supervision_.shift(now - table_.noted());
    table_.note(now);
    act(now);

    int fd = host->saved_fd("wdt");
    if (fd >= 0)
        adopt_device(fd, now);
    else
        open_device(now);
    causes_.start(host, {host->saved_fd("verdict")}, fresh_page, restored);
    show_status(now);
    return 0;
}

// Each part is asked in turn; who does not know the word says so with a negative number.
int Watchdog::command(const leash_command& command) {
    int status = causes_.command(command);
    if (status >= 0) return status;
    command.message(&command, "unknown word: reason, counter, clear, fail, reset");
    return 2;
}

void Watchdog::adopt_device(int fd, std::int64_t now) {
    int error = device_.adopt(fd);
    if (error != 0) { // somebody else's descriptor: leave it alone
        host_->save_fd("wdt", -1);
        open_device(now);
        return;
    }
    bool delegated = feeding_.page()->command == LEASH_COMMAND_DELEGATE;
    if (original_timeout_s_ == 0) original_timeout_s_ = device_.timeout_s();
    if (delegated) return;
    set_up(now);
}

void Watchdog::open_device(std::int64_t now) {
    if (settings_.device[0] == '\0') return;
    int error = device_.open(settings_.device);
    if (error != 0) {
        say_missing(error);
        host_->set_timer(kTimerOpen, now + kRetryOpen); // its driver may be loaded later
        return;
    }
    host_->save_fd("wdt", device_.fd());
    set_up(now);
    char flags[128];
    if (device_.boot_status(flags, sizeof flags)) {
        bool reset = std::strstr(flags, "CARDRESET") != nullptr;
        say(host_, LEASH_NOTICE, "%s: the last reset was %s (%s)", settings_.device,
            reset ? "by the WDT" : "not a plain one", flags);
    }
}

void Watchdog::set_up(std::int64_t now) {
    int wanted = settings_.timeout_s();
    int error = device_.set_timeout(wanted);
    int real = device_.timeout_s();
    if (error != 0) {
        say(host_, LEASH_WARNING, "%s (%s): cannot set its timeout (%s), it is %d s",
            settings_.device, device_.identity(), std::strerror(-error), real);
    } else if (real != wanted) {
        say(host_, LEASH_WARNING, "%s (%s): timeout %d s was asked for, the driver took %d s",
            settings_.device, device_.identity(), wanted, real);
    } else {
        say(host_, LEASH_INFO, "%s (%s): timeout %d s", settings_.device, device_.identity(), real);
    }
    original_timeout_s_ = real;
    bool clamped = false;
    std::int64_t interval = kick_interval_ms(settings_, real, clamped);
    if (clamped) {
        char asked[32];
        char took[32];
        say(host_, LEASH_WARNING, "interval %s would let a timer of %d s fire: kicking every %s",
            show_ms(settings_.interval_ms, asked, sizeof asked), real,
            show_ms(interval, took, sizeof took));
    }
    missing_error_ = 0;
    feeding_.start(device_, interval, now);
    save();
}

void Watchdog::say_missing(int error) {
    if (error == missing_error_) return; // said once, not every second
    missing_error_ = error;
    bool absent = error == -ENOENT || error == -ENODEV || error == -ENXIO;
    leash_level level = absent && !settings_.warn_missing ? LEASH_INFO : LEASH_WARNING;
    const char* what = error == -EBUSY    ? "another process holds it"
                       : error == -ENOTTY ? "it is no watchdog"
                       : absent           ? "there is no such device (no driver yet?)"
                                          : std::strerror(-error);
    say(host_, level, "%s: %s; NO WDT GUARDS THIS MACHINE; trying every second", settings_.device,
        what);
}

void Watchdog::enter(Phase phase, std::int64_t now, std::int64_t limit) {
    phase_ = phase;
    leash_verdict verdict = LEASH_VERDICT_FEED;
    std::int64_t until = 0;
    switch (phase) {
    case Phase::boot:
        if (settings_.boot_limit_ms > 0) until = now + settings_.boot_limit_ms;
        break;
    case Phase::settled:
        break;
    case Phase::rescue:
        if (settings_.rescue == Rescue::starve) verdict = LEASH_VERDICT_STARVE;
        if (settings_.rescue == Rescue::feed_for) until = now + settings_.rescue_ms;
        break;
    case Phase::shutdown:
        until = now + std::max(kShutdownLimit, limit + kShutdownGrace);
        if (const char* text = host_->config("shutdown-limit")) {
            std::int64_t own = 0;
            if (parse_duration(text, own) && own > 0) until = now + own;
        }
        break;
    }
    feeding_.set_verdict(verdict, until);
    save();
}

void Watchdog::save() {
    Saved saved;
    saved.phase = phase_;
    saved.kicker = feeding_.kicker();
    saved.original_timeout_s = original_timeout_s_;
    host_->save_state(&saved, sizeof saved);
}

// After a stall of PID 1's loop nobody is late who could not be heard. Checked at every event,
// since a timer may come before the round's LEASH_EVENT_LOOP.
void Watchdog::note_time(std::int64_t now) {
    std::int64_t gap = now - last_event_;
    last_event_ = now;
    table_.note(now);
    if (gap <= kStall) return;
    supervision_.shift(gap);
    char span[32];
    say(host_, LEASH_WARNING, "PID 1's loop stood still for %s: all heartbeat deadlines move by it",
        show_ms(gap, span, sizeof span));
}

void Watchdog::event(const leash_event& event) {
    std::int64_t now = event.now_ms;
    feeding_.beat(now);
    note_time(now);
    if (causes_.event(event)) return;
    switch (event.type) {
    case LEASH_EVENT_LOOP:
        if (now - shown_ms_ >= 1000) {
            feeding_.check(now);
            show_status(now);
        }
        return; // every round: nothing else
    case LEASH_EVENT_SERVICE_STATE:
        service_state(event);
        break;
    case LEASH_EVENT_HEARTBEAT:
        supervision_.heartbeat(event.start, now, reports_);
        break;
    case LEASH_EVENT_HEARTBEAT_TRIGGER:
        supervision_.trigger(event.start, reports_);
        break;
    case LEASH_EVENT_TARGET_SETTLED:
        if (phase_ != Phase::shutdown)
            enter(std::strcmp(event.name, "rescue") == 0 ? Phase::rescue : Phase::settled, now);
        break;
    case LEASH_EVENT_BROUGHT_UP:
        if (!device_.is_open()) open_device(now); // its driver has been loaded by now
        causes_.brought_up(device_.boot_flags());
        break;
    case LEASH_EVENT_SHUTDOWN:
        enter(Phase::shutdown, now, event.watchdog_ms);
        break;
    case LEASH_EVENT_READABLE:
        feeding_.woken(now);
        show_status(now);
        break;
    case LEASH_EVENT_HELPER_EXIT:
        feeding_.kicker_exited(event.main_pid, event.status, now);
        save();
        break;
    case LEASH_EVENT_TIMER:
        switch (event.cookie) {
        case kTimerOpen:
            if (!device_.is_open()) open_device(now);
            break;
        case kTimerSupervision:
            supervision_.tick(now, probe_, reports_);
            break;
        case kTimerStandIn:
            feeding_.stand_in(now);
            break;
        case kTimerRespawn:
            feeding_.respawn(now);
            save();
            break;
        default:
            break;
        }
        break;
    default:
        break; // of a newer host
    }
    act(now);
}

void Watchdog::service_state(const leash_event& event) {
    bool up = event.state == LEASH_RUNNING || event.state == LEASH_RELOADING;
    bool ours = event.source == LEASH_SOURCE_HEARTBEAT || event.source == LEASH_SOURCE_TASKS;
    if (event.start == 0) return;
    if (!up || !ours || event.watchdog_ms <= 0) {
        supervision_.forget(event.start);
        return;
    }
    Source source = event.source == LEASH_SOURCE_TASKS ? Source::tasks : Source::heartbeat;
    supervision_.watch(event.start, event.watchdog_ms, source, event.main_pid, event.now_ms);
}

// Tells the host what the table has found, and sets the timer for what comes next.
void Watchdog::act(std::int64_t now) {
    for (const Report& report : reports_) {
        if (report.over) {
            host_->trouble_over(report.start, kMissedHeartbeat);
            continue;
        }
        int error = host_->trouble(report.start, kMissedHeartbeat, report.evidence);
        if (error == -ESRCH) supervision_.forget(report.start);
        if (error == -EAGAIN) supervision_.ask_again(report.start, now);
    }
    reports_.clear();
    host_->set_timer(kTimerSupervision, supervision_.next()); // kNever cancels
}

void Watchdog::show_status(std::int64_t now) {
    shown_ms_ = now;
    char text[384];
    if (device_.is_open()) {
        char feeding[160];
        feeding_.describe(feeding, sizeof feeding, now);
        std::snprintf(text, sizeof text, "%s (%s), timeout %d s, %s", settings_.device,
                      device_.identity(), original_timeout_s_, feeding);
    } else if (settings_.device[0] == '\0') {
        std::snprintf(text, sizeof text, "no WDT, by configuration (device = none)");
    } else {
        std::snprintf(text, sizeof text, "%s: NO WDT (%s), tried again every second",
                      settings_.device, std::strerror(-missing_error_));
    }
    host_->set_status("watchdog", text);
}

// The WDT is to reset the machine: lowest timeout, no kick any more. Never the magic 'V', never a
// close: both could stop the timer. Both sides lower the timeout, the kicker and PID 1: it does no
// harm, and neither depends on the other.
std::int64_t Watchdog::delegate() {
    if (!device_.is_open()) return -ENODEV;
    feeding_.command(LEASH_COMMAND_DELEGATE);
    int seconds = device_.lower_timeout();
    if (seconds > 0) {
        say(host_, LEASH_NOTICE, "%s is to reset the machine: timeout %d s", settings_.device,
            seconds);
    } else {
        say(host_, LEASH_WARNING,
            "%s is to reset the machine, within %d s: its timeout cannot be lowered: %s",
            settings_.device, original_timeout_s_, std::strerror(-seconds));
    }
    show_status(host_->now_ms());
    return 3000LL * original_timeout_s_;
}

int Watchdog::may_end(int end, char* why, std::size_t size) {
    if (end != LEASH_END_HALT || !device_.is_open()) return 0;
    return device_.can_stop(why, size) ? 0 : -EBUSY;
}

// Reboot: the timer stays armed with its full timeout as a net, in case the kernel's own reboot
// hangs; most drivers stop it by themselves on the way (watchdog_stop_on_reboot), and firmware
// expects it off or sets it anew. Power-off and halt: it has to be stopped, or it would reset a
// machine that shall stay off. When it cannot be, power-off goes on (a WDT without power fires
// not), a halt is -EBUSY, and the kicker goes on.
int Watchdog::release(int end) {
    if (!device_.is_open()) return 0;
    if (end != LEASH_END_POWEROFF && end != LEASH_END_HALT) {
        device_.kick();
        return 0;
    }
    char why[160];
    bool stopped = device_.can_stop(why, sizeof why);
    if (stopped) {
        feeding_.command(LEASH_COMMAND_RELEASE); // a kick would take back a 'V'
        int error = device_.stop([] { g_watchdog->feeding_.end_kicker(); });
        stopped = error == 0;
        if (!stopped) {
            std::snprintf(why, sizeof why, "the WDT cannot be stopped: %s", std::strerror(-error));
            feeding_.command(LEASH_COMMAND_KICK);
        }
    }
    if (stopped) {
        say(host_, LEASH_NOTICE, "%s is stopped", settings_.device);
        return 0;
    }
    say(host_, LEASH_WARNING, "%s", why);
    device_.kick();
    if (end != LEASH_END_HALT) return 0;
    feeding_.set_verdict(LEASH_VERDICT_FEED, 0); // init parks: for as long as it takes
    return -EBUSY;
}

int plugin_start(const leash_host* host, const void* saved, std::size_t length) {
    if (host->size < sizeof(leash_host)) return -EPROTO;
    g_host = host;
    g_watchdog = std::make_unique<Watchdog>();
    return g_watchdog->start(host, saved, length);
}

} // namespace

} // namespace leash_watchdog

extern "C" const leash_plugin* leash_plugin_entry() {
    using namespace leash_watchdog;
    static const leash_plugin plugin = {
        .size = sizeof plugin,
        .abi = LEASH_PLUGIN_ABI,
        .name = "watchdog",
        .description = "Kicks the WDT while all is well and watches the services' heartbeats",
        .start = plugin_start,
        .event = [](const leash_event* event) { g_watchdog->event(*event); },
        .delegate = [](int) { return g_watchdog->delegate(); },
        .release = [](int end) { return g_watchdog->release(end); },
        .may_end = [](int end, char* why,
                      std::size_t size) { return g_watchdog->may_end(end, why, size); },
        .command = [](const leash_command* command) { return g_watchdog->command(*command); },
        .may_reboot = [](int, const char*, const char* kind, char* why,
                         std::size_t size) { return g_watchdog->may_reboot(kind, why, size); },
    };
    return &plugin;
}
