// SPDX-License-Identifier: MIT
#include "finder/trend.h"

#include <algorithm>
#include <vector>

namespace leash::finder {
namespace {

constexpr std::size_t kLeast = 5; // points: a window of few looks is the file's own choice

double median_of(std::vector<double>& values) {
    auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

} // namespace

void Trend::add(std::uint64_t now_ns, double value, std::uint64_t window_ns) {
    if (window_ns != window_ns_) points_.clear();
    window_ns_ = window_ns;
    auto step = window_ns / kPoints;
    if (!points_.empty() && now_ns < points_.back().ns + step) return;
    points_.push_back({now_ns, value});
    // One point may lie behind the window, so that the others fill it.
    while (points_.size() > 2 && now_ns - points_[1].ns >= window_ns) points_.pop_front();
    full_ = now_ns - points_.front().ns + step >= window_ns && points_.size() >= kLeast;
}

std::optional<Trend::Growth> Trend::growth(double least) const {
    if (!full_) return std::nullopt;
    auto count = points_.size();
    double before = 0;
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
        std::vector<double> values;
        for (auto i = quarter * count / 4; i < (quarter + 1) * count / 4; ++i)
            values.push_back(points_[i].value);
        double middle = median_of(values);
        if (quarter > 0 && middle <= before) return std::nullopt;
        before = middle;
    }
    if (points_.back().value - points_.front().value < least) return std::nullopt;
    std::vector<double> slopes;
    slopes.reserve(count * (count - 1) / 2);
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j)
            slopes.push_back((points_[j].value - points_[i].value) /
                             (static_cast<double>(points_[j].ns - points_[i].ns) / 1e9));
    double slope = median_of(slopes);
    if (slope <= 0) return std::nullopt;
    double window = static_cast<double>(window_ns_) / 1e9;
    return Growth{slope, points_.back().value + slope * window};
}

} // namespace leash::finder
