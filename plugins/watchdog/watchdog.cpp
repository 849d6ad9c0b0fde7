// SPDX-License-Identifier: MIT
// The watchdog plugin: what the host tells goes to the parts that know what to do about it.
//
//   wdts         the WDTs, each a device with its feeding: kicked while PID 1's loop is fresh
//   heartbeats   which service owes a sign of life by when
//   causes       why the machine was reset, durable before it is
//   clients      programs written for watchdogd
//   delegate     another daemon that owns the WDT, where there is one
//
// The verdict by phase:
//   boot      feed for boot-limit, then starve: a boot that hangs ends in a reset
//   settled   feed
//   rescue    by the key `rescue`
//   shutdown  feed for kShutdownLimit, or longer where init may take longer: services that stop
//             slowly are no reason for a reset, a shutdown that hangs is
// and in each of them only while PID 1's loop is fresh.
#include "causes/causes.h"
#include "delegate.h"
#include "heartbeats/heartbeats.h"
#include "plugin/leash_plugin.h"
#include "say.h"
#include "settings.h"
#include "watchdog/clients/clients.h"
#include "watchdog/clients/hub_host.h"
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

enum class Phase : std::uint32_t { boot, settled, rescue, shutdown };

// What survives a re-exec of PID 1 beside the descriptors; the page itself holds the verdict.
struct Saved {
    std::uint32_t magic = 0x77646733; // "wdg3"
    Phase phase = Phase::boot;
    SavedWdts wdts;
    std::uint32_t disabled = 0;
    std::uint32_t brought_up = 0; // modules and mounts are there
    std::int32_t clients_helper = 0;
    SavedReset reset;
};
static_assert(sizeof(Saved) <= LEASH_PLUGIN_STATE);

// What clients of watchdogd ask of the hub.
class ForClients final : public leash_clients::HubHost {
  public:
    ForClients(Hub& hub, const Wdts& wdts, Causes& causes)
        : hub_(hub), wdts_(wdts), causes_(causes) {}
    [[nodiscard]] bool enabled() const override {
        return hub_.enabled() && std::ranges::any_of(wdts_.all(), &Wdt::is_open);
    }
    [[nodiscard]] bool off() const override { return !hub_.enabled(); }
    int set_enabled(bool enabled, char* why, std::size_t size) override {
        return hub_.set_enabled(enabled, why, size);
    }

    int reason(bool raw, leash_clients::Reason& reason) override {
        const Record* record = raw ? &causes_.next_reason() : causes_.last_reason();
        if (record == nullptr) return -EOPNOTSUPP;
        reason.counter = causes_.counter();
        reason.code = static_cast<std::uint32_t>(code_of(record->cause));
        const char* label = record->client[0] != '\0'    ? record->client
                            : record->service[0] != '\0' ? record->service
                                                         : record->cause;
        std::snprintf(reason.label, sizeof reason.label, "%.47s", label);
        reason.time = record->date;
        return 0;
    }
    int counter(std::uint32_t& count) override {
        if (causes_.last_reason() == nullptr) return -EOPNOTSUPP;
        count = causes_.counter();
        return 0;
    }
    int clear() override {
        causes_.clear();
        return 0;
    }
    int fail(std::uint32_t code, std::int32_t pid, const char* label) override {
        Record record = of_client(code, pid, label);
        if (record.cause[0] == '\0') return -EINVAL;
        causes_.record(record);
        return 0;
    }
    void judged(std::uint32_t code, std::int32_t pid, std::int32_t, const char* label) override {
        causes_.suspect(of_client(code, pid, label));
    }
    int reset(std::uint32_t code, std::int32_t pid, const char* label) override {
        return causes_.reset(of_client(code, pid, label), 0);
    }

  private:
    static Record of_client(std::uint32_t code, std::int32_t pid, const char* label) {
        Record record;
        const char* cause = cause_of_code(static_cast<int>(code));
        put(record.cause, cause == nullptr ? "" : cause);
        put(record.client, label);
        record.task = pid;
        std::snprintf(record.evidence, sizeof record.evidence, "client %.47s (pid %d), code %u", label,
                      pid, code);
        return record;
    }

    Hub& hub_;
    const Wdts& wdts_;
    Causes& causes_;
};

class Watchdog : public Hub {
  public:
    int start(const leash_host* host, const void* saved, std::size_t length);
    void event(const leash_event& event);
    std::int64_t delegate();
    int release(int end);
    int may_end(int end, char* why, std::size_t size) { return wdts_.may_end(end, why, size); }
    int may_reboot(const char* kind, char* why, std::size_t size) {
        return causes_.may_reboot(kind, why, size);
    }
    int command(const leash_command& command);

    [[nodiscard]] bool enabled() const override { return enabled_; }
    int set_enabled(bool enabled, char* why, std::size_t size) override;
    [[nodiscard]] const char* phase() const override;
    [[nodiscard]] const Heartbeats& heartbeats() const { return heartbeats_; }

  private:
    void enter(Phase phase, std::int64_t now, std::int64_t limit = 0);
    void reconfigure(std::int64_t now);
    void save();

    const leash_host* host_ = nullptr;
    Settings settings_;
    Wdts wdts_;
    Delegate delegate_;
    Causes causes_;
    Heartbeats heartbeats_;
    ForClients for_clients_{*this, wdts_, causes_};
    leash_clients::Clients clients_;
    Phase phase_ = Phase::boot;
    bool brought_up_ = false;
    bool enabled_ = true; // services are watched, the WDTs kicked
    std::int64_t shown_ms_ = 0;
    std::int32_t saved_helper_ = 0; // of the clients
};

std::unique_ptr<Watchdog> g_watchdog; // the host calls without a context
const leash_host* g_host = nullptr;

int Watchdog::start(const leash_host* host, const void* saved, std::size_t length) {
    host_ = host;
    std::int64_t now = host->now_ms();
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
    brought_up_ = restored && before.brought_up != 0;
    causes_.start(host, wdts_.pages(), !pages, brought_up_);
    heartbeats_.start(host, now);
    heartbeats_.set_enabled(enabled_, now);
    for_clients_.start(host);
    clients_.start(host, &for_clients_, restored ? before.clients_helper : 0);
    if (restored) causes_.go_on(before.reset);
    save(); // there may be another helper
    wdts_.show_status(now);
    delegate_.start(host, settings_);
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
        if (const char* text = host_->config("shutdown-limit")) {
            std::int64_t own = 0;
            if (parse_duration(text, own) && own > 0) until = now + own;
        }
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
    saved.brought_up = brought_up_ ? 1 : 0;
    saved.clients_helper = saved_helper_ = clients_.helper();
    saved.reset = causes_.waiting_reset();
    host_->save_state(&saved, sizeof saved);
}

void Watchdog::event(const leash_event& event) {
    std::int64_t now = event.now_ms;
    wdts_.beat(now);
    heartbeats_.note_time(now);
    if (event.type == LEASH_EVENT_SERVICE_STATE) delegate_.service_state(event);
    bool of_services = heartbeats_.event(event);
    if (of_services) heartbeats_.act(now);
    bool of_a_part = causes_.event(event) || clients_.event(event);
    if (clients_.helper() != saved_helper_) save();
    if (of_a_part || of_services) return;
    switch (event.type) {
    case LEASH_EVENT_LOOP:
        if (now - shown_ms_ >= 1000) {
            shown_ms_ = now;
            wdts_.look(now);
            wdts_.show_status(now);
        }
        return; // every round: nothing else
    case LEASH_EVENT_TARGET_SETTLED:
        if (phase_ != Phase::shutdown)
            enter(std::strcmp(event.name, "rescue") == 0 ? Phase::rescue : Phase::settled, now);
        break;
    case LEASH_EVENT_SHUTDOWN:
        brought_up_ = event.status != LEASH_END_REBOOT && brought_up_; // it may be a soft one
        enter(Phase::shutdown, now, event.watchdog_ms);
        break;
    case LEASH_EVENT_READABLE:
        if (wdts_.readable(event.cookie, now)) wdts_.show_status(now);
        break;
    case LEASH_EVENT_HELPER_EXIT:
        if (wdts_.helper_exited(event.cookie, event.main_pid, event.status, now)) save();
        break;
    case LEASH_EVENT_BROUGHT_UP:
        brought_up_ = true;
        enter(Phase::boot, now); // after a soft reboot, too, which came by way of a shutdown
        wdts_.brought_up(now);
        causes_.brought_up(wdts_.boot_flags() | delegate_.boot_flags());
        break;
    case LEASH_EVENT_CONFIG:
        reconfigure(now);
        break;
    case LEASH_EVENT_TIMER:
        if (delegate_.timer(event.cookie)) break;
        if (wdts_.timer(event.cookie, now)) save(); // there may be another kicker
        break;
    default:
        break; // of a newer host
    }
}

void Watchdog::reconfigure(std::int64_t now) {
    settings_ = read_settings([](const char* key) { return g_host->config(key); },
                              [](const char* text) { g_host->log(LEASH_WARNING, text); });
    delegate_.reconfigure(settings_);
    wdts_.reconfigure(settings_, now);
    causes_.reconfigure(wdts_.pages());
    clients_.reconfigure();
    save();
}

// The WDTs are to reset the machine: lowest timeout, no kick any more. Never the magic 'V', never a
// close: both could stop a timer. Both sides lower the timeout, the kicker and PID 1: it does no
// harm, and neither depends on the other.
std::int64_t Watchdog::delegate() {
    // Ours, if there are more, are kicked until that daemon's has had its turn.
    if (delegate_.wanted() && !wdts_.has(delegate_.device()))
        if (std::int64_t wait = delegate_.begin(host_->now_ms()); wait >= 0) return wait;
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
        error = wdts_.switch_on(why, size, now);
    }
    if (enabled != enabled_)
        say(host_, LEASH_NOTICE, enabled ? "services are watched and WDTs kicked again"
                                         : "switched off: no service is watched, no WDT kicked");
    enabled_ = enabled;
    save();
    heartbeats_.set_enabled(enabled, now);
    clients_.note_enabled();
    wdts_.show_status(now);
    return error;
}

int Watchdog::command(const leash_command& command) {
    // Each part is asked in turn; who does not know the word says so with a negative number.
    int status = device_command(*this, wdts_, command, host_->now_ms());
    if (status < 0) status = causes_.command(command);
    save(); // a loglevel, a reset that waits
    if (status >= 0) return status;
    command.message(&command, "no such word: status, enable, disable, loglevel, lateness, reason, "
                              "counter, clear, fail, reset");
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
        .timers = [](std::uint64_t start, leash_timer* timers, std::size_t most) {
            return static_cast<int>(g_watchdog->heartbeats().timers(start, timers, most));
        },
        .may_reboot = [](int, const char*, const char* kind, char* why,
                         std::size_t size) { return g_watchdog->may_reboot(kind, why, size); },
    };
    return &plugin;
}
