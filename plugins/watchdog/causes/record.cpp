// SPDX-License-Identifier: MIT
#include "record.h"

#include <cstdio>
#include <cstring>
#include <ctime>

namespace leash_watchdog {

namespace {

struct CauseWord {
    const char* word;
    int code;     // watchdogd's
    bool planned; // somebody asked for it
};

// Kinds of trouble of a service (missed-heartbeat, crash-loop, ...) and of monitors may be causes, too.
constexpr CauseWord kCauses[] = {
    {"none", 0, true},                   // the first boot of this disk
    {"requested", 6, true},              // initctl, or a client
    {"signal", 6, true},                 // a signal to init
    {"forced", 6, true},                 // `watchdog reset`
    {"failed-subscription", 2, false},   // clients of the watchdog's socket
    {"failed-kick", 3, false},
    {"failed-unsubscription", 4, false},
    {"client-deadline", 5, false},
    {"missed-heartbeat", 5, false},
    {"unknown", 7, false},               // nothing could be found out: loss of power, or a lock-up
    {"descriptor-leak", 8, false},
    {"memory-leak", 9, false},
    {"cpu-overload", 10, false},
    {"loop-stalled", 7, false},          // PID 1's loop stood still
    {"init-silent", 7, false},           // the same, as the kernel module saw it
    {"kicker-lost", 7, false},           // the kicker stood still or was gone, and nobody kicked for it
    {"starved", 7, false},               // the verdict was to feed no more
    {"hung-shutdown", 7, false},         // on its way down the machine stood still
    {"wdt", 7, false},                   // the WDT fired, and nobody could write why
    {"panic", 7, false},                 // of the kernel
    {"power", 7, true},                  // the driver knows that power was bad
    {"overheat", 7, false},
    {"hardware-failure", 7, false},      // the WDT was to reset the machine and did not
    {"boot-failed", 7, false},           // before the recorder was ready
};

const CauseWord* find(std::string_view cause) {
    for (const auto& entry : kCauses)
        if (cause == entry.word) return &entry;
    return nullptr;
}

std::uint32_t checksum(std::string_view bytes) { // CRC-32, bit by bit: some hundred bytes a day
    std::uint32_t crc = ~0U;
    for (char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

// The next line, without its end, and `text` behind it. A last line without an end is torn.
bool next_line(std::string_view& text, std::string_view& line) {
    auto end = text.find('\n');
    if (end == std::string_view::npos) return false;
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return true;
}

bool split(std::string_view line, std::string_view& key, std::string_view& value) {
    auto sign = line.find('=');
    if (sign == std::string_view::npos) return false;
    key = trimmed(line.substr(0, sign));
    value = trimmed(line.substr(sign + 1));
    return !key.empty();
}

bool parse_number(std::string_view text, std::int64_t most, std::int64_t& number) {
    if (text.empty() || text.size() > 18) return false;
    std::int64_t value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return false;
        value = value * 10 + (c - '0');
    }
    if (value > most) return false;
    number = value;
    return true;
}

constexpr std::int64_t kMost = 999'999'999'999'999; // of ms and of seconds
constexpr std::int64_t kLastDate = 253'402'300'799; // the end of 9999

bool parse_uptime(std::string_view text, std::int64_t& ms) { // "12.345", seconds
    auto dot = text.find('.');
    std::int64_t seconds = 0, rest = 0;
    if (dot == std::string_view::npos || text.size() - dot != 4) return false;
    if (!parse_number(text.substr(0, dot), kMost / 1000 - 1, seconds)) return false;
    if (!parse_number(text.substr(dot + 1), 999, rest)) return false;
    ms = seconds * 1000 + rest;
    return true;
}

bool parse_date(std::string_view text, std::int64_t& date) {
    if (text.empty()) {
        date = 0;
        return true;
    }
    if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
        text[16] != ':' || text[19] != 'Z')
        return false;
    std::int64_t parts[6];
    constexpr std::size_t kAt[] = {0, 5, 8, 11, 14, 17}, kLength[] = {4, 2, 2, 2, 2, 2};
    for (std::size_t i = 0; i < 6; ++i)
        if (!parse_number(text.substr(kAt[i], kLength[i]), 9999, parts[i])) return false;
    tm when{};
    when.tm_year = static_cast<int>(parts[0]) - 1900;
    when.tm_mon = static_cast<int>(parts[1]) - 1;
    when.tm_mday = static_cast<int>(parts[2]);
    when.tm_hour = static_cast<int>(parts[3]);
    when.tm_min = static_cast<int>(parts[4]);
    when.tm_sec = static_cast<int>(parts[5]);
    time_t seconds = timegm(&when);
    char again[24];
    // What is no day of the calendar comes back as another one.
    if (seconds <= 0 || text != show_date(seconds, again, sizeof again)) return false;
    date = seconds;
    return true;
}

// One key: which member, and how it is written.
bool take(std::string_view key, std::string_view value, Record& record) {
    std::int64_t number = 0;
    auto text = [&](auto& place) {
        put(place, value);
        return value == place; // cut or changed: never written by us
    };
    auto count = [&](std::uint32_t& place) {
        if (!parse_number(value, UINT32_MAX, number)) return false;
        place = static_cast<std::uint32_t>(number);
        return true;
    };
    auto flag = [&](bool& place) {
        place = value == "yes";
        return place || value == "no";
    };
    if (key == "cause") return text(record.cause) && record.cause[0] != '\0';
    if (key == "end") return text(record.end);
    if (key == "service") return text(record.service);
    if (key == "client") return text(record.client);
    if (key == "task") {
        if (!parse_number(value, INT32_MAX, number)) return false;
        record.task = static_cast<std::int32_t>(number);
        return true;
    }
    if (key == "task-name") return text(record.task_name);
    if (key == "evidence") return text(record.evidence);
    if (key == "date") return parse_date(value, record.date);
    if (key == "uptime") return parse_uptime(value, record.uptime_ms);
    if (key == "resets") return count(record.resets);
    if (key == "boots") return count(record.boots);
    if (key == "failed-boots") return count(record.failed);
    if (key == "inferred") return flag(record.inferred);
    if (key == "counts") return flag(record.counts);
    if (key == "life") return text(record.life);
    if (key == "wdt") return text(record.wdt);
    if (key == "known-panic") return parse_date(value, record.pstore);
    return true; // of a newer Leash
}

} // namespace

bool is_planned(std::string_view cause) {
    const auto* entry = find(cause);
    return entry != nullptr && entry->planned;
}

int code_of(std::string_view cause) {
    const auto* entry = find(cause);
    return entry != nullptr ? entry->code : 6; // some kind of trouble: a policy forced the reset
}

const char* cause_of_code(int code) {
    static constexpr const char* kWords[] = {
        "none",   "unknown", "failed-subscription", "failed-kick", "failed-unsubscription",
        "client-deadline", "forced", "unknown", "descriptor-leak", "memory-leak", "cpu-overload"};
    return code >= 0 && code <= 10 ? kWords[code] : nullptr;
}

void put(char* place, std::size_t size, std::string_view text) {
    std::size_t length = 0;
    auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    while (!text.empty() && (is_blank(text.front()) || is_control(text.front()))) text.remove_prefix(1);
    for (char c : text.substr(0, size - 1)) {
        place[length++] = is_control(c) ? ' ' : c;
    }
    // A character that is cut in the middle is dropped.
    if (text.size() > size - 1) {
        std::size_t at = length;
        while (at > 0 && (static_cast<unsigned char>(place[at - 1]) & 0xC0U) == 0x80U) --at;
        if (at > 0 && (static_cast<unsigned char>(place[at - 1]) & 0xC0U) == 0xC0U &&
            (static_cast<unsigned char>(text[size - 1]) & 0xC0U) == 0x80U)
            length = at - 1;
    }
    while (length > 0 && is_blank(place[length - 1])) --length;
    place[length] = '\0';
}

const char* show_date(std::int64_t date, char* text, std::size_t size) {
    text[0] = '\0';
    if (date <= 0 || date > kLastDate) return text;
    auto seconds = static_cast<time_t>(date);
    tm when{};
    if (gmtime_r(&seconds, &when) != nullptr) std::strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &when);
    return text;
}

std::size_t encode(const Record& record, char* text, std::size_t size) {
    char date[24];
    char panic[24];
    auto yes = [](bool value) { return value ? "yes" : "no"; };
    int length = std::snprintf(
        text, size,
        "cause        = %s\nend          = %s\nservice      = %s\nclient       = %s\n"
        "task         = %d\ntask-name    = %s\nevidence     = %s\ndate         = %s\n"
        "uptime       = %lld.%03d\nresets       = %u\nboots        = %u\nfailed-boots = %u\n"
        "inferred     = %s\ncounts       = %s\nlife         = %s\nwdt          = %s\n"
        "known-panic  = %s\n",
        record.cause, record.end, record.service, record.client, record.task, record.task_name,
        record.evidence, show_date(record.date, date, sizeof date),
        static_cast<long long>(record.uptime_ms / 1000), static_cast<int>(record.uptime_ms % 1000),
        record.resets, record.boots, record.failed, yes(record.inferred), yes(record.counts),
        record.life, record.wdt, show_date(record.pstore, panic, sizeof panic));
    auto used = static_cast<std::size_t>(length);
    if (length < 0 || used + 32 > size) return 0;
    auto check = checksum({text, used});
    return used + static_cast<std::size_t>(
                      std::snprintf(text + used, size - used, "check        = %08x\n", check));
}

bool decode(std::string_view text, Record& record) {
    if (text.size() > kRecordText) return false;
    Record found;
    found.cause[0] = '\0';
    std::string_view rest = text, line, key, value;
    for (;;) {
        auto before = text.size() - rest.size();
        if (!next_line(rest, line) || !split(line, key, value)) return false;
        if (key != "check") {
            if (!take(key, value, found)) return false;
            continue;
        }
        char wanted[16];
        std::snprintf(wanted, sizeof wanted, "%08x", checksum(text.substr(0, before)));
        if (value != wanted || !rest.empty() || found.cause[0] == '\0') return false;
        record = found;
        return true;
    }
}

void History::add(const Record& record) {
    if (count == kRing) {
        for (std::size_t i = 1; i < kRing; ++i) ring[i - 1] = ring[i];
        --count;
    }
    ring[count++] = record;
}

void decode_history(std::string_view text, History& history) {
    std::string_view rest = text, line, key, value;
    std::size_t begin = 0;
    while (next_line(rest, line)) {
        auto behind = text.size() - rest.size();
        // Each record begins with its cause: whole ones are found behind a damaged one.
        if (split(line, key, value) && key == "cause") {
            auto here = behind - line.size() - 1;
            if (begin < here) ++history.damaged;
            begin = here;
        }
        if (!split(line, key, value) || key != "check") continue;
        Record record;
        if (decode(text.substr(begin, behind - begin), record)) history.add(record);
        else ++history.damaged;
        begin = behind;
    }
    if (begin < text.size()) ++history.damaged;
}

} // namespace leash_watchdog
