// SPDX-License-Identifier: MIT
#include "ledger.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace leash_watchdog {

namespace {

constexpr const char* kHistory = "reset-history";
constexpr const char* kNext = "reset-next";
constexpr const char* kTrouble = "reset-trouble"; // the kernel module's trouble handler wrote it

int first_of(int error, int other) {
    return error != 0 ? error : other;
}

} // namespace

void Ledger::read_history() {
    long length = store_.read(kHistory, text_, sizeof text_);
    if (length > 0) decode_history({text_, static_cast<std::size_t>(length)}, history_);
}

int Ledger::boot(const char* file, const Found& found, const BudgetRules& rules, bool anew) {
    complaint_[0] = '\0';
    rules_ = rules;
    auto arm_unknown = [&] {
        base_.end[0] = base_.service[0] = base_.client[0] = base_.task_name[0] = '\0';
        base_.task = 0;
        put(base_.cause, "unknown");
        put(base_.evidence, "the machine ended without a word");
    };
    if (booted_) {
        if (!anew || !ending()) return 0;
        arm_unknown(); // the same kernel, with a user space that begins: nothing was reset
        return first_of(write(kNext, base_), write(store_.name(), last_));
    }
    booted_ = true;
    int error = store_.open(file);
    read_history();
    Record cause;
    long length = store_.read(store_.name(), text_, sizeof text_);
    bool has_cause = length > 0 && decode({text_, static_cast<std::size_t>(length)}, cause);
    bool cause_damaged = length >= 0 && !has_cause;
    Record armed;
    length = store_.read(kNext, text_, sizeof text_);
    bool there = length > 0 && decode({text_, static_cast<std::size_t>(length)}, armed);
    bool damaged = length >= 0 && !there;
    if (there && std::strcmp(armed.life, found.life) == 0) { // another recorder of this boot was here
        if (history_.count > 0) last_ = *history_.last();
        else put(last_.cause, "none");
        base_ = armed;
        if (anew && ending()) arm_unknown();
    } else {
        // What stands in reset-cause may be the end of the life that is armed. It has the counters,
        // should all else be lost.
        const Record* before = history_.last();
        if (before == nullptr && !there && has_cause) before = &cause;
        Found all = found;
        Record trouble;
        length = store_.read(kTrouble, text_, sizeof text_);
        if (length > 0 && decode({text_, static_cast<std::size_t>(length)}, trouble))
            all.trouble = &trouble;
        auto result = reconcile(there ? &armed : nullptr, damaged, before, all);
        last_ = result.last;
        base_ = result.armed;
        if (result.new_record) {
            history_.add(last_);
            error = first_of(error, write_history());
        }
        error = first_of(error, write(store_.name(), last_));
    }
    error = first_of(error, write(kNext, base_));
    if (damaged || cause_damaged || history_.damaged > 0)
        std::snprintf(complaint_, sizeof complaint_, "%s: damaged records were found in%s%s%s: replaced",
                      store_.folder(), damaged ? " reset-next" : "",
                      cause_damaged ? " reset-cause" : "",
                      history_.damaged > 0 ? " reset-history" : "");
    if (error != 0)
        std::snprintf(complaint_, sizeof complaint_,
                      "%s: %s: causes of resets are kept in %s, and do not survive one", file,
                      std::strerror(-error), store_.is_open() ? store_.folder() : "memory");
    return error;
}

Record Ledger::of_this_life(const Record& record, std::int64_t now_s, std::int64_t uptime_ms) const {
    Record mine = record;
    mine.date = now_s;
    mine.uptime_ms = uptime_ms;
    mine.resets = base_.resets;
    mine.boots = base_.boots;
    mine.failed = base_.failed;
    mine.pstore = base_.pstore;
    mine.inferred = mine.counts = false;
    put(mine.life, base_.life);
    mine.wdt[0] = '\0';
    return mine;
}

int Ledger::arm(const Record& record, std::int64_t now_s, std::int64_t uptime_ms) {
    if (ending()) return 0; // the end that is under way has its cause
    base_ = of_this_life(record, now_s, uptime_ms);
    base_.end[0] = '\0';
    return write(kNext, base_);
}

int Ledger::end(const Record& record, std::int64_t now_s, std::int64_t uptime_ms) {
    if (ending() && std::strcmp(record.cause, "resumed") == 0) return 0; // told before init crashed
    base_ = of_this_life(record, now_s, uptime_ms);
    if (std::strcmp(record.cause, "resumed") == 0) put(base_.cause, "requested");
    store_.note_mount();
    return write_end(base_);
}

int Ledger::overdue(const Record& record, std::int64_t now_s, std::int64_t uptime_ms) {
    Record mine = of_this_life(record, now_s, uptime_ms);
    char text[sizeof mine.evidence];
    std::snprintf(text, sizeof text, "%.140s; the end was for %.20s: %.130s", record.evidence,
                  base_.cause, base_.evidence);
    put(mine.evidence, text);
    put(mine.end, base_.end);
    put(mine.service, base_.service);
    int error = write_end(mine);
    if (error != -EROFS && error != -ENOENT) return error;
    // All is unmounted or read-only by then. Nobody writes any more, so for one record it may be opened
    // again: the machine is reset right behind it either way.
    if (store_.open_again() != 0) return error;
    error = write_end(mine);
    store_.close_again();
    return error;
}

int Ledger::stalled(const Record& record, std::int64_t now_s, std::int64_t uptime_ms) {
    Record mine = of_this_life(record, now_s, uptime_ms);
    if (ending()) { // where it was going to stays visible
        put(mine.cause, "hung-shutdown");
        char text[sizeof mine.evidence];
        std::snprintf(text, sizeof text, "on the way to %s (%.20s: %.110s): %.140s", base_.end,
                      base_.cause, base_.evidence, record.evidence);
        put(mine.evidence, text);
        put(mine.service, base_.service);
    }
    mine.end[0] = '\0';
    return write_end(mine);
}

int Ledger::stall_over() {
    if (ending()) return write_end(base_);
    return first_of(write(kNext, base_), write(store_.name(), last_));
}

int Ledger::lived(std::int64_t uptime_ms) {
    if (ending()) return 0;
    base_.uptime_ms = uptime_ms;
    return write(kNext, base_);
}

int Ledger::clear() {
    for (std::size_t i = 0; i < history_.count; ++i) {
        history_.ring[i].counts = false;
        history_.ring[i].failed = 0;
    }
    last_.counts = false;
    last_.failed = base_.failed = 0;
    last_.resets = base_.resets = 0;
    int error = write_history();
    error = first_of(error, write(store_.name(), last_));
    return first_of(error, write(kNext, base_));
}

// The next life counts it; who reads before that shall see the same.
int Ledger::write_end(const Record& record) {
    Record ended = record;
    ++ended.boots;
    ended.counts = !is_planned(ended.cause);
    if (ended.counts) ++ended.resets;
    ended.failed = ended.counts && ended.uptime_ms < rules_.minimum_uptime_ms ? base_.failed + 1 : 0;
    return first_of(write(kNext, record), write(store_.name(), ended));
}

int Ledger::write(const char* name, const Record& record) const {
    char text[kRecordText];
    return store_.write(name, {text, encode(record, text, sizeof text)});
}

int Ledger::write_history() {
    std::size_t length = 0;
    for (std::size_t i = 0; i < history_.count; ++i)
        length += encode(history_.ring[i], text_ + length, sizeof text_ - length);
    return store_.write(kHistory, {text_, length});
}

} // namespace leash_watchdog
