// SPDX-License-Identifier: MIT
#include "wdts.h"

#include "say.h"
#include "tiers.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <span>

namespace leash_watchdog {

namespace {

const leash_host* g_host = nullptr; // for what has no context

const char* look_up(const char* label, const char* key) {
    return g_host->config_in(label, key);
}

void complain(const char* text) {
    say(g_host, LEASH_WARNING, "%s", text);
}

} // namespace

int Wdts::start(const leash_host* host, const Settings& settings, const SavedWdts& before,
                bool& restored, std::int64_t now) {
    host_ = g_host = host;
    settings_ = settings;
    restored = false;
    g_log_level = before.log_level;
    for (unsigned slot = 0; slot < kMaxWdts; ++slot) {
        if (wdts_[slot].restore(host, settings, slot, now)) {
            const auto* page = wdts_[slot].feeding().page();
            if (!restored) {
                verdict_ = static_cast<leash_verdict>(leash_page_get(page, verdict));
                feed_until_ms_ = leash_page_get(page, feed_until_ms);
            }
            restored = true;
        } else if (before.kickers[slot] > 1) {
            kill(before.kickers[slot], SIGKILL); // it goes by a page that nobody writes any more
        }
    }
    if (Wdt* known = find(settings.device))
        known->configure(settings);
    else
        add(settings, now);
    bool any = std::ranges::any_of(wdts_, [](const Wdt& wdt) { return wdt.used(); });
    if (!any) return -ENOMEM;
    read_sections(
        [](Wdts& wdts, const DeviceSettings& own, std::int64_t when) {
            if (Wdt* known = wdts.find(own.device))
                known->configure(own);
            else
                wdts.add(own, when);
        },
        now);
    return 0;
}

void Wdts::read_sections(void (*each)(Wdts&, const DeviceSettings&, std::int64_t),
                         std::int64_t now) {
    for (std::uint32_t i = 0;; ++i) {
        const char* label = host_->section(i);
        if (label == nullptr) return;
        DeviceSettings own;
        if (!read_device_settings(label, look_up, complain, own))
            say(host_, LEASH_ERROR, "init.conf: [watchdog %.100s]: write the path of a device, such "
                "as [watchdog /dev/watchdog1]; the section is left out", label);
        else if (std::strcmp(own.device, settings_.device) == 0)
            say(host_, LEASH_ERROR, "init.conf: [watchdog %s]: [watchdog] itself is about that "
                "device: give it one section; this one is left out", label);
        else if (is_foreign(own.device))
            say(host_, LEASH_ERROR, "init.conf: [watchdog %s]: delegate-to gives that device to %s; "
                "the section is left out", label, settings_.delegate_to);
        else
            each(*this, own, now);
    }
}

// By any of its names.
bool Wdts::is_foreign(const char* path) const {
    if (settings_.delegate_to[0] == '\0') return false;
    if (std::strcmp(path, settings_.foreign_device) == 0) return true;
    DeviceIdentity one;
    DeviceIdentity other;
    return identify(path, one) == 0 && identify(settings_.foreign_device, other) == 0 && one == other;
}

Wdt* Wdts::find(const char* path) {
    for (Wdt& wdt : wdts_)
        if (wdt.used() && std::strcmp(wdt.path(), path) == 0) return &wdt;
    return nullptr;
}

bool Wdts::has(const char* path) const {
    return std::ranges::any_of(wdts_, [&](const Wdt& wdt) {
        return wdt.used() && wdt.is_open() && std::strcmp(wdt.path(), path) == 0;
    });
}

void Wdts::add(const DeviceSettings& own, std::int64_t now) {
    for (unsigned slot = 0; slot < kMaxWdts; ++slot) {
        if (wdts_[slot].used()) continue;
        int error = wdts_[slot].prepare(host_, settings_, own, slot, now);
        if (error != 0)
            say(host_, LEASH_ERROR, "%s: it cannot be fed: %s", own.device, std::strerror(-error));
        else
            wdts_[slot].feeding().set_verdict(verdict_, feed_until_ms_);
        return;
    }
    say(host_, LEASH_ERROR, "init.conf: [watchdog %s]: %u devices are the most; it is left out",
        own.device, kMaxWdts);
}

void Wdts::take(std::int64_t now) {
    for (Wdt& wdt : wdts_)
        if (wdt.used()) wdt.take(*this, now);
    check_tiers();
}

SavedWdts Wdts::saved() const {
    SavedWdts saved;
    for (unsigned slot = 0; slot < kMaxWdts; ++slot)
        saved.kickers[slot] = wdts_[slot].feeding().kicker();
    saved.log_level = g_log_level;
    return saved;
}

void Wdts::beat(std::int64_t now) {
    for (Wdt& wdt : wdts_)
        wdt.feeding().beat(now);
}

void Wdts::set_verdict(leash_verdict verdict, std::int64_t feed_until_ms) {
    verdict_ = verdict;
    feed_until_ms_ = feed_until_ms;
    for (Wdt& wdt : wdts_)
        wdt.feeding().set_verdict(verdict, feed_until_ms);
}

void Wdts::look(std::int64_t now) {
    for (Wdt& wdt : wdts_)
        if (wdt.used()) wdt.look(*this, now);
    check_tiers();
}

void Wdts::brought_up(std::int64_t now) {
    for (Wdt& wdt : wdts_)
        wdt.brought_up(*this, now);
}

bool Wdts::timer(std::uint64_t cookie, std::int64_t now) {
    if (!is_device_cookie(cookie)) return false;
    wdts_[slot_of_cookie(cookie)].timer(what_of_cookie(cookie), *this, now);
    return true;
}

bool Wdts::readable(std::uint64_t cookie, std::int64_t now) {
    if (!is_device_cookie(cookie)) return false;
    wdts_[slot_of_cookie(cookie)].woken(now);
    return true;
}

bool Wdts::helper_exited(std::uint64_t cookie, std::int32_t pid, int status, std::int64_t now) {
    if (!is_device_cookie(cookie)) return false;
    wdts_[slot_of_cookie(cookie)].feeding().kicker_exited(pid, status, now);
    return true;
}

void Wdts::reconfigure(const Settings& settings, std::int64_t now) {
    if (std::strcmp(settings_.device, settings.device) != 0)
        say(host_, LEASH_WARNING, "init.conf: [watchdog] device = %s counts from the next boot on; "
            "%s is kicked until then", settings.device[0] == '\0' ? "none" : settings.device,
            settings_.device[0] == '\0' ? "none" : settings_.device);
    Settings before = settings_; // whose the devices are does not change
    settings_ = settings;
    std::memcpy(settings_.device, before.device, sizeof settings_.device);
    std::memcpy(settings_.delegate_to, before.delegate_to, sizeof settings_.delegate_to);
    std::memcpy(settings_.foreign_device, before.foreign_device, sizeof settings_.foreign_device);
    if (Wdt* wdt = find(before.device)) wdt->reconfigure(settings_, settings_, now);
    read_sections(
        [](Wdts& wdts, const DeviceSettings& own, std::int64_t when) {
            if (Wdt* known = wdts.find(own.device)) {
                known->reconfigure(wdts.settings_, own, when);
                return;
            }
            wdts.add(own, when);
            if (Wdt* added = wdts.find(own.device)) added->take(wdts, when);
        },
        now);
    check_tiers();
    show_status(now);
}

// The first to fire ends it; the others are as good as gone then.
std::int64_t Wdts::delegate() {
    std::int64_t longest = -ENODEV;
    for (Wdt& wdt : wdts_) {
        if (!wdt.used()) continue;
        std::int64_t wait = wdt.delegate();
        if (wait >= 0 || longest < 0) longest = wait == -ENODEV ? longest : std::max(longest, wait);
    }
    return longest;
}

int Wdts::release(int end) {
    int error = 0;
    for (Wdt& wdt : wdts_)
        if (wdt.used() && wdt.release(end) != 0) error = -EBUSY;
    // init parks: for as long as it takes
    if (error != 0) set_verdict(LEASH_VERDICT_FEED, 0);
    return error;
}

int Wdts::may_end(int end, char* why, std::size_t size) const {
    if (end != LEASH_END_HALT) return 0;
    for (const Wdt& wdt : wdts_)
        if (wdt.used() && wdt.is_open() && !wdt.disabled() && !wdt.device().can_stop(why, size))
            return -EBUSY;
    return 0;
}

int Wdts::switch_off(char* why, std::size_t size) {
    why[0] = '\0';
    for (const Wdt& wdt : wdts_) {
        if (!wdt.used() || !wdt.is_open() || wdt.disabled()) continue;
        char reason[160];
        if (wdt.device().can_stop(reason, sizeof reason)) continue;
        std::snprintf(why, size, "%s: %s; it is kicked as before", wdt.path(), reason);
        return -EPERM;
    }
    for (Wdt& wdt : wdts_) {
        if (!wdt.used()) continue;
        int error = wdt.switch_off();
        if (error == 0) continue;
        std::snprintf(why, size, "%s: the driver does not stop it: %s; it is kicked as before",
                      wdt.path(), std::strerror(-error));
        for (Wdt& other : wdts_) // all or none
            if (other.used()) (void)other.switch_on(*this, host_->now_ms());
        return error;
    }
    return 0;
}

int Wdts::switch_on(char* why, std::size_t size, std::int64_t now) {
    why[0] = '\0';
    int result = 0;
    for (Wdt& wdt : wdts_) {
        if (!wdt.used()) continue;
        int error = wdt.switch_on(*this, now);
        if (error == 0 || wdt.path()[0] == '\0') continue;
        result = error;
        std::snprintf(why, size, "%s: it does not run again: %s; it is tried again and again",
                      wdt.path(), std::strerror(-error));
    }
    return result;
}

bool Wdts::disabled() const {
    return std::ranges::any_of(wdts_,
                               [](const Wdt& wdt) { return wdt.used() && wdt.disabled(); });
}

bool Wdts::named_twice(const Wdt& wdt) const {
    DeviceIdentity mine;
    if (identify(wdt.path(), mine) != 0) return false;
    for (const Wdt& other : wdts_) {
        if (&other == &wdt || !other.used() || other.path()[0] == '\0') continue;
        if (!other.is_open() && &other > &wdt) continue; // that one will be told
        DeviceIdentity its;
        if (identify(other.path(), its) == 0 && its == mine) return true;
    }
    return false;
}

void Wdts::check_tiers() {
    Tier tiers[kMaxWdts];
    std::size_t count = 0;
    for (const Wdt& wdt : wdts_) {
        if (!wdt.used() || !wdt.is_open() || wdt.disabled()) continue;
        if (leash_page_get(wdt.feeding().page(), command) != LEASH_COMMAND_KICK) continue;
        tiers[count++] = {wdt.path(), wdt.device().identity(), wdt.full_timeout_s()};
    }
    char text[sizeof tier_trouble_];
    tier_trouble(std::span(tiers, count), text, sizeof text);
    if (std::strcmp(text, tier_trouble_) == 0) return;
    std::snprintf(tier_trouble_, sizeof tier_trouble_, "%s", text);
    if (text[0] != '\0') say(host_, LEASH_WARNING, "%s", text);
}

void Wdts::show_status(std::int64_t now) {
    for (const Wdt& wdt : wdts_) {
        if (!wdt.used() || (wdt.path()[0] == '\0' && settings_.delegate_to[0] != '\0')) continue;
        char text[384];
        char key[32] = "watchdog";
        auto number = static_cast<unsigned>(&wdt - wdts_.data()) + 1;
        if (number > 1) std::snprintf(key, sizeof key, "watchdog %u", number);
        wdt.describe(text, sizeof text, now);
        host_->set_status(key, text);
    }
}

std::vector<int> Wdts::pages() const {
    std::vector<int> pages;
    for (const Wdt& wdt : wdts_)
        if (wdt.used()) pages.push_back(wdt.feeding().page_fd());
    return pages;
}

unsigned Wdts::boot_flags() const {
    unsigned flags = 0;
    for (const Wdt& wdt : wdts_)
        if (wdt.is_open()) flags |= wdt.device().boot_flags();
    return flags;
}

} // namespace leash_watchdog
