// SPDX-License-Identifier: MIT
// Since when something has been as it is.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace leash::finder {

// For each key that a look mentions: since when its sign has been the same at every look. A key that
// one look does not mention is forgotten.
template <class Key, class Sign> class Since {
  public:
    // For how long now, in nanoseconds; 0 when it is seen for the first time, or is not as it was.
    std::uint64_t held(const Key& key, const Sign& sign, std::uint64_t now_ns) {
        auto [entry, is_new] = entries_.try_emplace(key, Entry{sign, now_ns, round_});
        if (!is_new && !(entry->second.sign == sign)) entry->second = {sign, now_ns, round_};
        entry->second.round = round_;
        return now_ns - entry->second.since_ns;
    }
    // After the last key of a look.
    void end_look() {
        std::erase_if(entries_, [&](const auto& entry) { return entry.second.round != round_; });
        ++round_;
    }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        Sign sign;
        std::uint64_t since_ns;
        std::uint64_t round;
    };
    std::map<Key, Entry> entries_;
    std::uint64_t round_ = 0;
};

} // namespace leash::finder
