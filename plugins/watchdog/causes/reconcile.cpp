// SPDX-License-Identifier: MIT
#include "reconcile.h"

#include "../wdt_flags.h"

#include <cstdio>
#include <cstring>

namespace leash_watchdog {

namespace {

constexpr std::uint32_t kPower = WDIOF_POWERUNDER | WDIOF_POWEROVER;

// "unknown" is all that was written: what else tells?
void infer(Record& record, const Found& found, bool panicked) {
    record.inferred = true;
    if (panicked) {
        put(record.cause, "panic");
        put(record.evidence, found.panic);
    } else if ((found.wdt_flags & kPower) != 0) {
        put(record.cause, "power");
        put(record.evidence, "the WDT's driver saw the supply out of its range");
    } else if ((found.wdt_flags & WDIOF_OVERHEAT) != 0) {
        put(record.cause, "overheat");
        put(record.evidence, "the WDT's driver says so");
    } else if ((found.wdt_flags & WDIOF_CARDRESET) != 0) {
        put(record.cause, "wdt");
        put(record.evidence, "the WDT fired, and nothing was left that could write why");
    }
}

// The kernel itself had it written that PID 1 stood still. Of that the recorder may have seen a part.
bool take_trouble(Record& record, const Found& found) {
    const Record* trouble = found.trouble;
    bool guess = std::strcmp(record.cause, "unknown") == 0 ||
                 std::strcmp(record.cause, "loop-stalled") == 0;
    if (trouble == nullptr || !guess || std::strcmp(trouble->life, record.life) != 0) return false;
    char text[sizeof record.evidence];
    bool more = std::strcmp(record.cause, "unknown") != 0;
    std::snprintf(text, sizeof text, "%.150s%s%.150s", trouble->evidence, more ? "; " : "",
                  more ? record.evidence : "");
    put(record.evidence, text);
    put(record.cause, trouble->cause);
    put(record.service, trouble->service);
    put(record.task_name, trouble->task_name);
    record.task = trouble->task;
    record.date = trouble->date;
    record.uptime_ms = trouble->uptime_ms;
    return true;
}

// Written by the life that ended, on its way down: did it get there?
void check_the_way_down(Record& record, const Found& found, bool panicked) {
    bool delegated = std::strcmp(record.end, "wdt-reset") == 0;
    bool fired = (found.wdt_flags & WDIOF_CARDRESET) != 0;
    char text[sizeof record.evidence];
    if (panicked) {
        std::snprintf(text, sizeof text, "on its way to %s (%.20s): %.180s", record.end, record.cause,
                      found.panic);
        put(record.cause, "panic");
    } else if (fired && !delegated) {
        // It hung, and the recorder did not live to say so; or the kernel of this board reboots by its
        // WDT, as some do. Nobody can tell, so what was written stands.
        std::snprintf(text, sizeof text, "%.200s (the WDT's driver says that it has fired since)",
                      record.evidence);
        put(record.evidence, text);
        return;
    } else {
        return;
    }
    put(record.evidence, text);
    record.inferred = true;
}

} // namespace

Reconciled reconcile(const Record* armed, bool damaged, const Record* before, const Found& found) {
    Reconciled result;
    Record& last = result.last;
    bool known = armed != nullptr && std::strcmp(armed->life, found.life) != 0;
    // A life that ended before its recorder had armed anything has left the one before it behind.
    bool told_already = known && before != nullptr && std::strcmp(before->life, armed->life) == 0;
    std::int64_t boot_s = found.now_s - found.uptime_ms / 1000;
    if (known && !told_already) {
        last = *armed;
        // Without a record of its own the panic may be an old one, found at the first boot of Leash.
        bool panicked = found.panic_s > 0 && found.panic_s != armed->pstore;
        bool unknown = std::strcmp(last.cause, "unknown") == 0;
        bool told = last.end[0] == '\0' && take_trouble(last, found); // in time, by the handler
        if (unknown && !told) infer(last, found, panicked);
        else if (last.end[0] != '\0') check_the_way_down(last, found, panicked);
        if (last.inferred) last.date = boot_s > armed->date ? boot_s : armed->date;
        ++last.boots;
    } else {
        if (before != nullptr) last = *before;
        last.end[0] = last.service[0] = last.client[0] = last.task_name[0] = last.life[0] = '\0';
        last.task = 0;
        last.uptime_ms = 0;
        last.date = boot_s > 0 ? boot_s : 0;
        last.inferred = true;
        if (damaged || told_already) {
            put(last.cause, "unknown");
            put(last.evidence, damaged ? "its record was damaged"
                                       : "the machine ended before its recorder was ready");
            infer(last, found, false);
            if (told_already) put(last.life, armed->life); // for the next boot that finds it so
            if (told_already && std::strcmp(last.cause, "unknown") == 0) put(last.cause, "boot-failed");
            ++last.boots;
        } else {
            put(last.cause, "none");
            put(last.evidence, before == nullptr ? "the first boot with this disk"
                                                 : "no record of the life before");
        }
    }
    bool unplanned = !is_planned(last.cause);
    bool short_life = last.uptime_ms < found.minimum_uptime_ms;
    last.counts = unplanned;
    std::uint32_t in_a_row = before == nullptr ? 0 : before->failed;
    last.failed = unplanned && short_life ? in_a_row + 1 : 0;
    if (unplanned) ++last.resets;
    show_wdt_flags(found.wdt_flags, last.wdt, sizeof last.wdt);
    result.new_record = std::strcmp(last.cause, "none") != 0;

    Record& next = result.armed;
    put(next.cause, "unknown");
    put(next.evidence, "the machine ended without a word");
    next.date = found.now_s > 0 ? found.now_s : 0;
    next.resets = last.resets;
    next.boots = last.boots;
    next.failed = last.failed;
    next.pstore = found.panic_s;
    put(next.life, found.life);
    return result;
}

} // namespace leash_watchdog
