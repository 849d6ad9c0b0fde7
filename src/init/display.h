// SPDX-License-Identifier: MIT
// What the console shows of the services: one line for each that came up, failed or went down.
#pragma once

#include <optional>
#include <string>

#include "service/events.h"
#include "service/settings.h"

namespace leash {

struct DisplayLine {
    std::string text;
    bool bad = false;
};

// Nothing where the change is not worth a line. `going_down`: the machine is shutting down.
[[nodiscard]] std::optional<DisplayLine> display_line(const action::StateChanged& change,
                                                      const ServiceSettings* settings,
                                                      bool going_down);

// "[ ok ] text" and "[FAIL] text", in colour.
[[nodiscard]] std::string with_mark(const DisplayLine& line);

} // namespace leash
