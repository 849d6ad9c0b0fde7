// SPDX-License-Identifier: MIT
// What init has been told of which start: each trouble once, and again as its level rises; that it is
// over once it is. Values only.
#pragma once

#include "wire.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace leash_finder {

class Told {
  public:
    // Found less than this much of the highest level told, in percent: it is over, and begins anew.
    static constexpr int kOver = 75;
    // Not found for so long: over. One look that fails is no proof.
    static constexpr std::int64_t kGoneAfter = 5'000; // ms
    // A helper that was started anew has to see it again first: its windows are empty.
    static constexpr std::int64_t kBlindFor = 600'000;

    struct Ways {
        // 0, or a negative errno: then it counts as not told.
        std::function<int(std::uint64_t start, const std::string& kind, int percent,
                          const char* evidence)> trouble;
        std::function<void(std::uint64_t start, const std::string& kind)> over;
    };
    explicit Told(Ways ways) : ways_(std::move(ways)) {}

    // `looks_ms`: as long as a few looks take, if that is longer than kGoneAfter.
    void found(const Report& report, std::int64_t now_ms, std::int64_t looks_ms = 0);
    void looked(std::int64_t now_ms); // all findings of a look have been told
    void forget(std::uint64_t start);
    void helper_lost(std::int64_t now_ms);
    [[nodiscard]] bool knows(std::uint64_t start, const std::string& kind) const {
        return entries_.contains({start, kind});
    }
    [[nodiscard]] std::size_t standing() const; // that have reached their limit

  private:
    struct Entry {
        int percent = 0; // the highest that was told
        std::int64_t over_at = 0;
    };
    Ways ways_;
    std::map<std::pair<std::uint64_t, std::string>, Entry> entries_;
};

} // namespace leash_finder
