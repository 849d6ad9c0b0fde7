// SPDX-License-Identifier: MIT
#include "wdt_command.h"

#include "say.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <linux/watchdog.h>

namespace leash_watchdog {

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kNotPermitted = 6;

bool is(const char* word, const char* wanted) {
    return std::strcmp(word, wanted) == 0;
}

int refuse_user(const leash_command& command) {
    command.message(&command, "only root may do that");
    return kNotPermitted;
}

int log_level(const leash_command& command) {
    static constexpr struct {
        const char* name;
        int level;
    } kLevels[] = {{"error", LEASH_ERROR}, {"warning", LEASH_WARNING}, {"notice", LEASH_NOTICE},
                   {"info", LEASH_INFO},   {"debug", LEASH_DEBUG},     {"err", LEASH_ERROR},
                   {"warn", LEASH_WARNING}};
    if (command.argc != 2) {
        command.message(&command, "usage: loglevel error|warning|notice|info|debug");
        return kUsage;
    }
    for (const auto& entry : kLevels) {
        if (!is(command.argv[1], entry.name)) continue;
        g_log_level = entry.level;
        return kDone;
    }
    command.message(&command, "there is no such level: error, warning, notice, info, debug");
    return kUsage;
}

int enable(Hub& hub, const leash_command& command, bool on) {
    char why[256] = "";
    if (hub.set_enabled(on, why, sizeof why) == 0) return kDone;
    command.message(&command, why);
    return kFailed;
}

// A lateness that `part` in a thousand of the kicks have not exceeded, in microseconds; -1: no kick yet.
long long late_of(const leash_verdict_page* page, std::uint64_t part) {
    std::uint64_t total = 0;
    for (unsigned i = 0; i < LEASH_LATE_BUCKETS; ++i)
        total += leash_page_get(page, late_counts[i]);
    if (total == 0) return -1;
    std::uint64_t seen = 0;
    for (unsigned i = 0; i < LEASH_LATE_BUCKETS; ++i) {
        seen += leash_page_get(page, late_counts[i]);
        if (seen * 1000 >= total * part) // the bucket may reach further than any kick in it
            return static_cast<long long>(
                std::min(leash_late_bound(i), leash_page_get(page, worst_late_us)));
    }
    return -1;
}

int lateness(Wdts& wdts, const leash_command& command) {
    bool reset = command.argc == 2 && is(command.argv[1], "reset");
    if (command.argc != 1 && !reset) {
        command.message(&command, "usage: lateness [reset]");
        return kUsage;
    }
    if (reset && command.uid != 0) return refuse_user(command);
    for (Wdt& wdt : wdts.all()) {
        if (!wdt.used()) continue;
        if (reset) {
            wdt.feeding().forget_lateness();
            continue;
        }
        const auto* page = wdt.feeding().page();
        unsigned long long total = 0;
        for (unsigned i = 0; i < LEASH_LATE_BUCKETS; ++i)
            total += leash_page_get(page, late_counts[i]);
        char text[320];
        std::snprintf(text, sizeof text,
                      "{\"device\":\"%s\",\"kicks\":%llu,\"median_us\":%lld,\"p99_us\":%lld,"
                      "\"worst_us\":%llu,\"kicker\":%d}",
                      wdt.path(), total, late_of(page, 500), late_of(page, 990),
                      static_cast<unsigned long long>(leash_page_get(page, worst_late_us)),
                      wdt.feeding().kicker());
        command.line(&command, text);
    }
    return kDone;
}

const char* scheduling(const Wdt& wdt) {
    switch (leash_page_get(wdt.feeding().page(), got_scheduling)) {
    case LEASH_SCHEDULING_DEADLINE:
        return "deadline";
    case LEASH_SCHEDULING_FIFO:
        return "fifo";
    default:
        return "other";
    }
}

} // namespace

void wdt_json(const Hub& hub, const Wdt& wdt, std::int64_t now, char* text, std::size_t size) {
    const auto* page = wdt.feeding().page();
    const Device& device = wdt.device();
    bool open = device.is_open();
    char flags[128] = "";
    if (open) (void)device.boot_status(flags, sizeof flags);
    int nowayout = open ? device.sysfs().nowayout() : -1;
    char governor[40] = "";
    if (open && device.can_tell_before())
        (void)device.sysfs().read("pretimeout_governor", governor, sizeof governor);
    std::int64_t last = leash_page_get(page, last_kick_ms);
    std::int64_t ago = last == 0 ? -1 : now - last;
    // Where the driver does not know it is counted from the last kick, which may have been PID 1's own.
    bool running = open && !wdt.disabled();
    int left = running ? device.time_left_s() : -1;
    bool told = left >= 0;
    if (running && !told && ago >= 0)
        left = static_cast<int>(device.timeout_s() - (ago + 999) / 1000);
    char identity[40];
    std::snprintf(identity, sizeof identity, "%s", device.identity());
    for (char* c = identity; *c != '\0'; ++c)
        if (*c == '"' || *c == '\\') *c = '\'';
    std::snprintf(
        text, size,
        "{\"device\":\"%s\",\"identity\":\"%s\",\"state\":\"%s\",\"enabled\":%s,\"phase\":\"%s\","
        "\"verdict\":\"%s\",\"timeout_s\":%d,\"interval_ms\":%lld,\"time_left_s\":%d,"
        "\"time_left_by\":\"%s\",\"kicks\":%llu,\"missed\":%llu,\"kick_errors\":%llu,"
        "\"last_kick_ms\":%lld,\"median_late_us\":%lld,\"worst_late_us\":%llu,\"kicker\":%d,"
        "\"scheduling\":\"%s\",\"locked\":%s,\"filtered\":%s,\"nowayout\":%s,\"magic_close\":%s,"
        "\"pretimeout_s\":%d,\"pretimeout_governor\":\"%s\",\"boot_status\":\"%s\",\"holder_pid\":%d,"
        "\"holder\":\"%s\"}",
        wdt.path(), open ? identity : "", wdt.state(), hub.enabled() ? "true" : "false",
        hub.phase(),
        leash_page_starved(page, now) == LEASH_STARVED_NOT ? "feed" : "starve",
        open ? device.timeout_s() : 0, static_cast<long long>(leash_page_get(page, interval_ms)),
        left, told ? "driver" : "clock",
        static_cast<unsigned long long>(leash_page_get(page, kicks)),
        static_cast<unsigned long long>(leash_page_get(page, missed)),
        static_cast<unsigned long long>(leash_page_get(page, kick_errors)),
        static_cast<long long>(ago), late_of(page, 500),
        static_cast<unsigned long long>(leash_page_get(page, worst_late_us)),
        wdt.feeding().kicker(), scheduling(wdt),
        leash_page_get(page, lock_error) == 0 ? "true" : "false",
        leash_page_get(page, filter_error) == 0 ? "true" : "false",
        nowayout < 0 ? "null" : nowayout == 1 ? "true" : "false",
        (device.options() & WDIOF_MAGICCLOSE) != 0 ? "true" : "false",
        open && device.can_tell_before() ? device.pretimeout_s() : 0, governor, flags,
        wdt.holder().pid(), wdt.holder().name());
}

int device_command(Hub& hub, Wdts& wdts, const leash_command& command, std::int64_t now) {
    if (command.argc == 0) return -1;
    const char* word = command.argv[0];
    if (is(word, "status")) {
        if (command.argc != 1) {
            command.message(&command, "usage: status");
            return kUsage;
        }
        for (Wdt& wdt : wdts.all()) {
            if (!wdt.used() || wdt.path()[0] == '\0') continue;
            wdt.refresh();
            char text[1536];
            wdt_json(hub, wdt, now, text, sizeof text);
            command.line(&command, text);
        }
        return kDone;
    }
    if (is(word, "lateness")) return lateness(wdts, command);
    bool change = is(word, "enable") || is(word, "disable");
    if (!change && !is(word, "loglevel")) return -1;
    if (command.uid != 0) return refuse_user(command);
    if (!change) return log_level(command);
    if (command.argc != 1) {
        command.message(&command, "usage: enable, disable");
        return kUsage;
    }
    return enable(hub, command, is(word, "enable"));
}

} // namespace leash_watchdog
