// SPDX-License-Identifier: MIT
// The watchdog plugin: what the host tells goes to the parts that know what to do about it.
//
//   wdts         the WDTs, each a device with its feeding: kicked while PID 1's loop is fresh
//   supervision  which service owes a sign of life by when
//
// The verdict by phase:
//   boot      feed for boot-limit, then starve: a boot that hangs ends in a reset
//   settled   feed
//   rescue    by the key `rescue`
//   shutdown  feed for kShutdownLimit, or longer where init may take longer: services that stop
//             slowly are no reason for a reset, a shutdown that hangs is
// and in each of them only while PID 1's loop is fresh.
#include "cookies.h"
#include "plugin/leash_plugin.h"
#include "say.h"
#include "settings.h"
#include "supervision.h"
#include "task_probe.h"
#include "watch_table.h"
#include "wdt_command.h"
#include "wdts.h"

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

constexpr std::int64_t kShutdownLimit = 300'000;
constexpr std::int64_t kShutdownGrace = 120'000; // unmounting and the rest, behind init's own limit
constexpr std::int64_t kStall = 2000;            // LEASH_EVENT_LOOP comes once a second at least
constexpr const char* kMissedHeartbeat = "missed-heartbeat";

enum class Phase : std::uint32_t { boot, settled, rescue, shutdown };

// What survives a re-exec of PID 1 beside the descriptors; the page itself holds the verdict.
struct Saved {
    std::uint32_t magic = 0x77646732; // "wdg2"
    Phase phase = Phase::boot;
    SavedWdts wdts;
    std::uint32_t disabled = 0;
};

class Watchdog : public Hub {
  public:
    int start(const leash_host* host, const void* saved, std::size_t length);
    void event(const leash_event& event);
    std::int64_t delegate();
    int release(int end);
    int may_end(int end, char* why, std::size_t size) { return wdts_.may_end(end, why, size); }
    int command(const leash_command& command);

    [[nodiscard]] bool enabled() const override { return enabled_; }
    int set_enabled(bool enabled, char* why, std::size_t size) override;
    [[nodiscard]] const char* phase() const override;

  private:
    void enter(Phase phase, std::int64_t now, std::int64_t limit = 0);
    void service_state(const leash_event& event);
    void note_time(std::int64_t now);
    void act(std::int64_t now);
    void reconfigure(std::int64_t now);
    void save();

    const leash_host* host_ = nullptr;
    Settings settings_;
    Wdts wdts_;
    WatchTable table_;
    Supervision supervision_;
    ProcTaskProbe probe_;
    std::vector<Report> reports_;
    Phase phase_ = Phase::boot;
    bool enabled_ = true; // services are watched, the WDTs kicked
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
    bool pages = false;
    int error = wdts_.start(host, settings_, before.wdts, pages, now);
    if (error != 0) return error;
    enabled_ = restored ? before.disabled == 0 : !wdts_.disabled();
    if (!pages)
        enter(restored ? before.phase : Phase::boot, now);
    else if (restored)
        phase_ = before.phase; // its verdict and its limit stand in the pages
    else
        enter(Phase::settled, now); // PID 1 has lost its memory; a running machine is to be fed
    wdts_.take(now);
    save();
    table_.open(host);
    supervision_.keep_in(table_.slots());
    // While nobody listened, nobody was late.
    if (table_.noted() > 0 && now > table_.noted()) supervision_.shift(now - table_.noted());
    table_.note(now);
    act(now);
    wdts_.show_status(now);
    return 0;
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
        break;
    }
    wdts_.set_verdict(verdict, until);
    save();
}

void Watchdog::save() {
    Saved saved;
    saved.phase = phase_;
    saved.wdts = wdts_.saved();
    saved.disabled = enabled_ ? 0 : 1;
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
    wdts_.beat(now);
    note_time(now);
    switch (event.type) {
    case LEASH_EVENT_LOOP:
        if (now - shown_ms_ >= 1000) {
            shown_ms_ = now;
            wdts_.look(now);
            wdts_.show_status(now);
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
    case LEASH_EVENT_SHUTDOWN:
        enter(Phase::shutdown, now, event.watchdog_ms);
        break;
    case LEASH_EVENT_READABLE:
        if (wdts_.readable(event.cookie, now)) wdts_.show_status(now);
        break;
    case LEASH_EVENT_HELPER_EXIT:
        if (wdts_.helper_exited(event.cookie, event.main_pid, event.status, now)) save();
        break;
    case LEASH_EVENT_BROUGHT_UP:
        wdts_.brought_up(now);
        break;
    case LEASH_EVENT_CONFIG:
        reconfigure(now);
        break;
    case LEASH_EVENT_TIMER:
        if (event.cookie == kTimerSupervision)
            supervision_.tick(now, probe_, reports_);
        else if (wdts_.timer(event.cookie, now))
            save(); // there may be another kicker
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
    if (!enabled_) // nobody is late, but who was may beat again
        std::erase_if(reports_, [](const Report& report) { return !report.over; });
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
    // kNever cancels
    host_->set_timer(kTimerSupervision, enabled_ ? supervision_.next() : kNever);
}

void Watchdog::reconfigure(std::int64_t now) {
    settings_ = read_settings([](const char* key) { return g_host->config(key); },
                              [](const char* text) { g_host->log(LEASH_WARNING, text); });
    wdts_.reconfigure(settings_, now);
    save();
}

// The WDTs are to reset the machine: lowest timeout, no kick any more. Never the magic 'V', never a
// close: both could stop a timer. Both sides lower the timeout, the kicker and PID 1: it does no
// harm, and neither depends on the other.
std::int64_t Watchdog::delegate() {
    std::int64_t wait = wdts_.delegate();
    wdts_.show_status(host_->now_ms());
    return wait;
}

int Watchdog::release(int end) {
    int error = wdts_.release(end);
    return end == LEASH_END_HALT ? error : 0;
}

const char* Watchdog::phase() const {
    switch (phase_) {
    case Phase::boot:
        return "boot";
    case Phase::rescue:
        return "rescue";
    case Phase::shutdown:
        return "shutdown";
    default:
        return "settled";
    }
}

int Watchdog::set_enabled(bool enabled, char* why, std::size_t size) {
    std::int64_t now = host_->now_ms();
    int error = 0;
    if (!enabled) {
        error = wdts_.switch_off(why, size);
        if (error != 0) return error;
    } else {
        if (!enabled_) supervision_.begin_anew(now);
        error = wdts_.switch_on(why, size, now);
    }
    if (enabled != enabled_)
        say(host_, LEASH_NOTICE, enabled ? "services are watched and WDTs kicked again"
                                         : "switched off: no service is watched, no WDT kicked");
    enabled_ = enabled;
    save();
    act(now);
    wdts_.show_status(now);
    return error;
}

int Watchdog::command(const leash_command& command) {
    int status = device_command(*this, wdts_, command, host_->now_ms());
    save(); // a loglevel
    if (status >= 0) return status;
    command.message(&command, "no such word: status, enable, disable, loglevel, lateness");
    return 2;
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
    };
    return &plugin;
}
