// SPDX-License-Identifier: MIT
#include "levels.h"

#include <algorithm>

namespace leash_monitor {

const char* to_string(Level level) {
    return level == Level::ok ? "ok" : level == Level::warning ? "warning" : "critical";
}

Judge::Judge(const Settings& settings)
    : warning_(settings.warning), critical_(settings.critical), margin_(settings.margin()),
      after_samples_(settings.after_samples), after_ms_(settings.after_ms) {}

// Who is up there has to come down by the margin.
bool Judge::reached(double value, const std::optional<double>& threshold, Level level) const {
    if (!threshold || anew_) return threshold && value >= *threshold;
    return value >= *threshold || (level_ >= level && value >= *threshold - margin_);
}

Level Judge::update(double value, Level fault, Level cap, std::int64_t now_ms) {
    auto now = reached(value, critical_, Level::critical) ? Level::critical
               : reached(value, warning_, Level::warning) ? Level::warning
                                                          : Level::ok;
    now = std::min(std::max(now, fault), cap);
    Level lasting = Level::ok;
    for (auto level : {Level::warning, Level::critical}) {
        auto& at = at_[level == Level::critical ? 1 : 0];
        if (now < level) {
            at.samples = 0;
            continue;
        }
        if (at.samples++ == 0) at.since = now_ms;
        at.samples = std::min(at.samples, 1'000'000);
        if (at.samples >= after_samples_ && now_ms - at.since >= after_ms_) lasting = level;
    }
    level_ = now < level_ ? now : std::max(level_, lasting);
    anew_ = false;
    return level_;
}

} // namespace leash_monitor
