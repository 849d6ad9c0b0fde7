// SPDX-License-Identifier: MIT
// printf to the host's log.
#pragma once

#include "plugin/leash_plugin.h"

#include <cstdarg>
#include <cstdio>

namespace leash_watchdog {

__attribute__((format(printf, 3, 4))) inline void say(const leash_host* host, leash_level level,
                                                      const char* format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->log(level, text);
}

} // namespace leash_watchdog
