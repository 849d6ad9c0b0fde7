// SPDX-License-Identifier: MIT
// Does a figure grow all the time? Points are kept over a window; the slope is the median of the slopes
// between any two of them (Theil and Sen), which a few wild points do not bend.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace leash::finder {

class Trend {
  public:
    static constexpr std::size_t kPoints = 24; // in a window, at most

    // Values of one window are of one figure: forget() when it begins to mean another.
    void add(std::uint64_t now_ns, double value, std::uint64_t window_ns);
    void forget() { points_.clear(); }

    struct Growth {
        double per_second = 0; // by the median slope
        double projected = 0;  // what it will be after another window
    };
    // Nothing: the window is not full yet, or it does not grow all the time. That is the case if the
    // median of each quarter of the window lies above that of the quarter before: a step up, or a saw
    // tooth, does not do that. `least`: what it has to have grown by over the window.
    [[nodiscard]] std::optional<Growth> growth(double least) const;

  private:
    struct Point {
        std::uint64_t ns;
        double value;
    };
    std::deque<Point> points_;
    std::uint64_t window_ns_ = 0;
    bool full_ = false;
};

} // namespace leash::finder
