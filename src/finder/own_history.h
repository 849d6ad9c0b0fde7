// SPDX-License-Identifier: MIT
// Is a figure unlike its own history? Pure.
//
// A figure arrives in buckets of time. The newest kRecent buckets are the present, the kOlder
// before them the past, and of what lies before that the extremes of kBlocks times kOlder buckets
// are kept. The present is unusual when two things hold that go wrong for different reasons:
//   - it stands out, and it lasts: nearly all its buckets lie beyond median + kDeviations robust
//     deviations (1.4826 MAD) of the past; or nearly all lie beyond kLeastDeviations of these, and its
//     mean beyond median + kDeviations robust deviations of the means of all stretches of that length.
//     The first finds what a load of bursts does not do, the second a change within the noise of single
//     buckets, which is large where the load is rough and cancels out over a stretch. Median and MAD
//     because a few bursts must not hide the next change, as mean and standard deviation would let them;
//   - its mean lies beyond that of every stretch of the same length in the past, by a quarter and by
//     a floor: MAD is 0 for whatever idles more than half of the time, and a job of a minute every
//     ten minutes would be an alarm each time. Every height that was reached for as long before is
//     usual, which makes the rule know about any period up to kBlocks + 1 pasts without having to
//     find it first.
// What is told is over as soon as the new level has become the past, after about kRecent more
// buckets. Slow growth is not seen, which is what memory-leak is for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace leash::finder {

struct Unlike {
    double now = 0;     // mean of the present
    double usual = 0;   // median of the past
    double extreme = 0; // the highest (lowest) mean of a stretch as long as the present
    bool up = true;
};

class OwnHistory {
  public:
    static constexpr std::size_t kRecent = 8, kOlder = 120, kLeast = 60, kBlocks = 16;
    static constexpr double kDeviations = 8, kLeastDeviations = 2, kMore = 1.25, kLess = 0.25;

    // `floor`: a difference that never matters. `both`: a fall is told, too.
    OwnHistory(double floor, bool both) : floor_(floor), both_(both) {}
    void push(double value);
    [[nodiscard]] std::size_t size() const { return values_.size(); }
    // Nothing: usual, or not enough is known (kLeast + kRecent buckets).
    [[nodiscard]] std::optional<Unlike> verdict() const;

  private:
    double floor_;
    bool both_;
    std::vector<float> values_; // oldest first; at most kOlder + kRecent
    std::size_t pushed_ = 0;
    float block_high_ = 0, block_low_ = 0; // of stretches that began to fall out of values_
    std::size_t in_block_ = 0;
    std::vector<std::pair<float, float>> blocks_; // {low, high}, the newest last
};

} // namespace leash::finder
