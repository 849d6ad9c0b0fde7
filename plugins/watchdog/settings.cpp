// SPDX-License-Identifier: MIT
#include "settings.h"

#include <cstdio>
#include <cstring>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kLongest = std::int64_t{87'600} * 3600 * kSecond;

struct Reader {
    Lookup plain;
    LookupIn labelled;
    const char* label; // nullptr: [watchdog] itself
    Complain complain;

    const char* lookup(const char* key) const {
        return label == nullptr ? plain(key) : labelled(label, key);
    }

    void refuse(const char* key, const char* value, const char* wanted, const char* kept) const {
        char text[400];
        std::snprintf(text, sizeof text, "%s%s%s%s = %s: expected %s; using %s",
                      label == nullptr ? "" : "[watchdog ", label == nullptr ? "" : label,
                      label == nullptr ? "" : "] ", key, value, wanted, kept);
        complain(text);
    }

    void duration(const char* key, std::int64_t least, std::int64_t& value) const {
        const char* text = lookup(key);
        if (text == nullptr || *text == '\0') return;
        std::int64_t ms = 0;
        if (parse_duration(text, ms) && ms >= least) {
            value = ms;
            return;
        }
        char wanted[64];
        char number[32];
        char kept[32];
        std::snprintf(wanted, sizeof wanted, "a time of at least %s",
                      show_ms(least, number, sizeof number));
        refuse(key, text, wanted, show_ms(value, kept, sizeof kept));
    }
};

bool is(const char* text, const char* word) {
    return std::strcmp(text, word) == 0;
}

// Absolute, and nothing in it that JSON or a terminal would stumble over.
bool is_path(const char* text) {
    if (text[0] != '/' || std::strlen(text) >= sizeof DeviceSettings::device) return false;
    for (const char* c = text; *c != '\0'; ++c)
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\') return false;
    return true;
}

void read_device(const Reader& reader, Settings& settings) {
    const char* text = reader.lookup("device");
    if (text == nullptr || *text == '\0') return;
    if (is(text, "none"))
        settings.device[0] = '\0';
    else if (is_path(text))
        std::snprintf(settings.device, sizeof settings.device, "%s", text);
    else
        reader.refuse("device", text, "an absolute path or none", settings.device);
}

void read_rescue(const Reader& reader, Settings& settings) {
    const char* text = reader.lookup("rescue");
    if (text == nullptr || *text == '\0') return;
    std::int64_t ms = 0;
    if (is(text, "feed"))
        settings.rescue = Rescue::feed;
    else if (is(text, "starve"))
        settings.rescue = Rescue::starve;
    else if (std::strncmp(text, "feed ", 5) == 0 && parse_duration(text + 5, ms) && ms > 0) {
        settings.rescue = Rescue::feed_for;
        settings.rescue_ms = ms;
    } else {
        reader.refuse("rescue", text, "feed, feed TIME or starve", "feed");
    }
}

void read_priority(const Reader& reader, Settings& settings) {
    const char* text = reader.lookup("priority");
    if (text == nullptr || *text == '\0') return;
    if (is(text, "deadline")) {
        settings.priority = LEASH_SCHEDULING_DEADLINE;
        return;
    }
    if (is(text, "other")) {
        settings.priority = LEASH_SCHEDULING_NORMAL;
        return;
    }
    unsigned level = 0;
    char more = 0;
    if (std::sscanf(text, "fifo:%2u%c", &level, &more) == 1 && level >= 1) {
        settings.priority = LEASH_SCHEDULING_FIFO;
        settings.fifo_level = level;
        return;
    }
    reader.refuse("priority", text, "deadline, fifo:N or other", "deadline");
}

void read_on_missing(const Reader& reader, DeviceSettings& settings) {
    const char* text = reader.lookup("on-missing-device");
    if (text == nullptr || *text == '\0') return;
    if (is(text, "ignore"))
        settings.warn_missing = false;
    else if (!is(text, "warn"))
        reader.refuse("on-missing-device", text, "warn or ignore", "warn");
}

void read_delegate(const Reader& reader, Settings& settings) {
    const char* text = reader.lookup("delegate-to");
    if (text == nullptr || *text == '\0') return;
    if (std::strlen(text) >= sizeof settings.delegate_to || std::strpbrk(text, " \t\"\\") != nullptr) {
        reader.refuse("delegate-to", text, "the name of a service", "none");
        return;
    }
    std::snprintf(settings.delegate_to, sizeof settings.delegate_to, "%s", text);
    std::snprintf(settings.foreign_device, sizeof settings.foreign_device, "%s", settings.device);
    settings.device[0] = '\0';
    reader.duration("delegate-pause", 0, settings.delegate_pause_ms);
    reader.duration("delegate-limit", kSecond, settings.delegate_limit_ms);
}

// What every WDT has.
void read_timer(const Reader& reader, DeviceSettings& settings) {
    reader.duration("timeout", kSecond, settings.timeout_ms);
    if (settings.timeout_ms > 86'400 * kSecond)
        settings.timeout_ms = 86'400 * kSecond; // an int, safely
    reader.duration("interval", 100, settings.interval_ms);
    read_on_missing(reader, settings);
    reader.duration("pretimeout", kSecond, settings.pretimeout_ms);
    if (settings.pretimeout_ms > 0 && settings.pretimeout_s() >= settings.timeout_s()) {
        reader.refuse("pretimeout", reader.lookup("pretimeout"), "less than timeout", "none");
        settings.pretimeout_ms = 0;
    }
    const char* governor = reader.lookup("pretimeout-governor");
    if (governor == nullptr || *governor == '\0') return;
    if (std::strlen(governor) < sizeof settings.governor &&
        std::strspn(governor, "abcdefghijklmnopqrstuvwxyz0123456789_-") == std::strlen(governor))
        std::snprintf(settings.governor, sizeof settings.governor, "%s", governor);
    else
        reader.refuse("pretimeout-governor", governor, "a word such as noop or panic", "none");
}

} // namespace

bool parse_duration(const char* text, std::int64_t& ms) {
    std::int64_t number = 0;
    const char* at = text;
    while (*at == ' ' || *at == '\t')
        ++at;
    if (*at < '0' || *at > '9') return false;
    for (; *at >= '0' && *at <= '9'; ++at) {
        number = number * 10 + (*at - '0');
        if (number > kLongest) return false;
    }
    while (*at == ' ' || *at == '\t')
        ++at;
    std::int64_t unit = 0;
    if (is(at, "ms")) unit = 1;
    if (is(at, "s")) unit = kSecond;
    if (is(at, "m")) unit = 60 * kSecond;
    if (is(at, "h")) unit = 3600 * kSecond;
    if (unit == 0 || number > kLongest / unit) return false;
    ms = number * unit;
    return true;
}

Settings read_settings(Lookup lookup, Complain complain) {
    Settings settings;
    Reader reader{lookup, nullptr, nullptr, complain};
    read_device(reader, settings);
    read_timer(reader, settings);
    reader.duration("loop-limit", 3 * kSecond, settings.loop_limit_ms); // it beats once a second
    reader.duration("boot-limit", 0, settings.boot_limit_ms);
    read_rescue(reader, settings);
    read_priority(reader, settings);
    read_delegate(reader, settings);
    return settings;
}

bool read_device_settings(const char* label, LookupIn lookup, Complain complain,
                          DeviceSettings& settings) {
    settings = DeviceSettings{};
    if (!is_path(label)) return false;
    std::snprintf(settings.device, sizeof settings.device, "%s", label);
    read_timer(Reader{nullptr, lookup, label, complain}, settings);
    return true;
}

Interval choose_interval(const DeviceSettings& settings, int timeout_s, int pretimeout_s) {
    // The pretimeout is told before the end, and in good times it must not be reached either.
    int quiet_s = pretimeout_s > 0 && pretimeout_s < timeout_s ? timeout_s - pretimeout_s : timeout_s;
    std::int64_t real_ms = quiet_s * kSecond;
    Interval interval;
    interval.clamped = settings.interval_ms >= real_ms;
    interval.ms = settings.interval_ms == 0 || interval.clamped ? real_ms / 2 : settings.interval_ms;
    interval.risky = interval.ms > real_ms / 2;
    return interval;
}

const char* show_ms(std::int64_t ms, char* buffer, unsigned size) {
    if (ms < kSecond)
        std::snprintf(buffer, size, "%d ms", static_cast<int>(ms));
    else if (ms < 120 * kSecond && ms % kSecond != 0)
        std::snprintf(buffer, size, "%d.%d s", static_cast<int>(ms / kSecond),
                      static_cast<int>(ms % kSecond / 100));
    else if (ms < 120 * kSecond || (ms < 3600 * kSecond && ms % (60 * kSecond) != 0))
        std::snprintf(buffer, size, "%d s", static_cast<int>(ms / kSecond));
    else
        std::snprintf(buffer, size, "%lld min", static_cast<long long>(ms / (60 * kSecond)));
    return buffer;
}

} // namespace leash_watchdog
