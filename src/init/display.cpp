// SPDX-License-Identifier: MIT
#include "init/display.h"

#include <fmt/format.h>

#include "base/text.h"

namespace leash {

std::optional<DisplayLine> display_line(const action::StateChanged& change,
                                        const ServiceSettings* settings, bool going_down) {
    std::string what = change.service;
    if (settings && !settings->description.empty())
        what += fmt::format(": {}", printable(settings->description));
    auto because = change.reason.empty() ? "" : fmt::format(" ({})", printable(change.reason));
    switch (change.to) {
    case State::running:
        if (change.from == State::reloading) return std::nullopt;
        return DisplayLine{"Started " + what};
    case State::done: return DisplayLine{"Finished " + what};
    case State::failed: return DisplayLine{"Failed " + what + because, true};
    case State::backoff:
        if (change.ended_well) return DisplayLine{"Ended " + what + because};
        return DisplayLine{"Lost " + what + because + ", restarting it", true};
    case State::stopped:
        if (change.from != State::stopping) return std::nullopt;
        return DisplayLine{"Stopped " + what + (going_down ? "" : because)};
    default: return std::nullopt;
    }
}

std::string with_mark(const DisplayLine& line) {
    return fmt::format("[{}] {}", line.bad ? "\033[1;31mFAIL\033[0m" : "\033[1;32m ok \033[0m",
                       line.text);
}

} // namespace leash
