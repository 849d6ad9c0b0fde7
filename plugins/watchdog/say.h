// SPDX-License-Identifier: MIT
// printf to the host's log.
#pragma once

#include "plugin/leash_plugin.h"

#include <cstdarg>
#include <cstdio>

namespace leash_watchdog {

// The least urgent message that is passed on (the command `loglevel`). What PID 1 itself leaves out is
// left out all the same.
inline int g_log_level = LEASH_DEBUG;

__attribute__((format(printf, 3, 4))) inline void say(const leash_host* host, leash_level level,
                                                      const char* format, ...) {
    if (level > g_log_level) return;
    char text[400];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->log(level, text);
}

} // namespace leash_watchdog
