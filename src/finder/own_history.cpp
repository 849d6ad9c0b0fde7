// SPDX-License-Identifier: MIT
#include "finder/own_history.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace leash::finder {
namespace {

double median(std::vector<float>& values) {
    auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return static_cast<double>(*middle);
}

// Of these: the median, and the median distance from it in the units of a standard deviation.
std::pair<double, double> middle_and_deviation(std::vector<float> values) {
    auto middle = median(values);
    for (auto& value : values) value = std::abs(value - static_cast<float>(middle));
    return {middle, 1.4826 * median(values)};
}

double mean(std::span<const float> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

} // namespace

void OwnHistory::push(double value) {
    values_.push_back(static_cast<float>(value));
    if (values_.size() <= kOlder + kRecent) return;
    // The oldest stretch of the past falls out: its mean is kept as an extreme of its block.
    auto oldest = static_cast<float>(mean(std::span(values_).first(kRecent)));
    values_.erase(values_.begin());
    block_high_ = in_block_ == 0 ? oldest : std::max(block_high_, oldest);
    block_low_ = in_block_ == 0 ? oldest : std::min(block_low_, oldest);
    if (++in_block_ < kOlder) return;
    in_block_ = 0;
    blocks_.emplace_back(block_low_, block_high_);
    if (blocks_.size() > kBlocks) blocks_.erase(blocks_.begin());
}

std::optional<Unlike> OwnHistory::verdict() const {
    if (values_.size() < kLeast + kRecent) return std::nullopt;
    auto older = std::span(values_).first(values_.size() - kRecent);
    std::vector<float> recent(values_.end() - static_cast<std::ptrdiff_t>(kRecent), values_.end());
    auto now = mean(recent);

    // Most figures are as they always were: the cheap half of the question first.
    double high = 0, low = 0, sum = 0;
    for (std::size_t i = 0; i < older.size(); ++i) {
        sum += static_cast<double>(older[i]);
        if (i >= kRecent) sum -= static_cast<double>(older[i - kRecent]);
        if (i + 1 < kRecent) continue;
        auto stretch = sum / static_cast<double>(kRecent);
        high = i + 1 == kRecent ? stretch : std::max(high, stretch);
        low = i + 1 == kRecent ? stretch : std::min(low, stretch);
    }
    auto widen = [&](float from, float to) {
        low = std::min(low, static_cast<double>(from));
        high = std::max(high, static_cast<double>(to));
    };
    for (const auto& [from, to] : blocks_) widen(from, to);
    if (in_block_ != 0) widen(block_low_, block_high_);
    bool up = now > std::max(high * kMore, high + floor_);
    bool down = both_ && now < low * kLess && now < low - floor_;
    if (!up && !down) return std::nullopt;

    auto [usual, deviation] = middle_and_deviation({older.begin(), older.end()});
    std::ranges::sort(recent);
    // One bucket of the present may be as ever.
    auto nearly_all = static_cast<double>(up ? recent[1] : recent[kRecent - 2]);
    auto beyond = [&](double value, double middle, double by) {
        return up ? value > middle + by : value < middle - by;
    };
    if (!beyond(nearly_all, usual, kDeviations * deviation)) {
        if (!beyond(nearly_all, usual, kLeastDeviations * deviation)) return std::nullopt;
        std::vector<float> means;
        for (std::size_t i = 0; i + kRecent <= older.size(); ++i)
            means.push_back(static_cast<float>(mean(older.subspan(i, kRecent))));
        auto [usual_mean, mean_deviation] = middle_and_deviation(std::move(means));
        if (!beyond(now, usual_mean, kDeviations * mean_deviation)) return std::nullopt;
    }
    return Unlike{now, usual, up ? high : low, up};
}

} // namespace leash::finder
