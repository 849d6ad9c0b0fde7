// SPDX-License-Identifier: MIT
// From samples to a level: thresholds, hysteresis, so many in a row or for so long. Values only.
#pragma once

#include "settings.h"

#include <cstdint>

namespace leash_monitor {

enum class Level : std::uint8_t { ok, warning, critical };
[[nodiscard]] const char* to_string(Level level);

class Judge {
  public:
    explicit Judge(const Settings& settings);

    // `fault`: what is wrong whatever the value says (does not answer). `cap`: no more than that.
    Level update(double value, Level fault, Level cap, std::int64_t now_ms);
    [[nodiscard]] Level level() const { return level_; }
    // Of an earlier life.
    void resume(Level level) { level_ = level; }
    // Of a life with other thresholds: the next sample alone says where it is, if that is lower.
    void resume_to_judge_anew(Level level) { level_ = level, anew_ = true; }

  private:
    [[nodiscard]] bool reached(double value, const std::optional<double>& threshold,
                               Level level) const;

    std::optional<double> warning_, critical_;
    double margin_;
    int after_samples_;
    std::int64_t after_ms_;
    Level level_ = Level::ok;
    bool anew_ = false;
    struct {
        int samples = 0;
        std::int64_t since = 0;
    } at_[2]; // at least warning, at least critical
};

} // namespace leash_monitor
