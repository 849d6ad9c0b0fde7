// SPDX-License-Identifier: MIT
// How a sample fills in its report.
#pragma once

#include "samples.h"

#include <cstdarg>
#include <cstdio>

namespace leash_monitor {

__attribute__((format(printf, 2, 3))) inline void say(Report& report, const char* format, ...) {
    char text[sizeof report.text];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report.say(text);
}

inline void measured(Report& report, double value) {
    report.measured = 1;
    report.value = value;
}

} // namespace leash_monitor
