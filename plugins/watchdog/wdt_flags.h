// SPDX-License-Identifier: MIT
// The flags of a WDT that tell of the past (WDIOC_GETBOOTSTATUS), by their names.
#pragma once

#include <cstdint>
#include <cstdio>

#include <linux/watchdog.h>

namespace leash_watchdog {

// "CARDRESET, OVERHEAT", as much of it as fits; "" for none.
inline const char* show_wdt_flags(std::uint32_t flags, char* text, std::size_t size) {
    static constexpr struct {
        std::uint32_t flag;
        const char* name;
    } kFlags[] = {
        {WDIOF_CARDRESET, "CARDRESET"}, {WDIOF_OVERHEAT, "OVERHEAT"},
        {WDIOF_FANFAULT, "FANFAULT"},   {WDIOF_EXTERN1, "EXTERN1"},
        {WDIOF_EXTERN2, "EXTERN2"},     {WDIOF_POWERUNDER, "POWERUNDER"},
        {WDIOF_POWEROVER, "POWEROVER"},
    };
    std::size_t length = 0;
    text[0] = '\0';
    for (const auto& entry : kFlags) {
        if ((flags & entry.flag) == 0 || length >= size) continue;
        int added = std::snprintf(text + length, size - length, "%s%s", length == 0 ? "" : ", ",
                                  entry.name);
        length += static_cast<std::size_t>(added);
    }
    return text;
}

} // namespace leash_watchdog
