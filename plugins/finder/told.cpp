// SPDX-License-Identifier: MIT
#include "told.h"

#include <algorithm>

namespace leash_finder {

void Told::found(const Report& report, std::int64_t now_ms, std::int64_t looks_ms) {
    int percent = std::min(report.percent, 100);
    auto& entry = entries_[{report.start, report.kind}];
    entry.over_at = now_ms + std::max(kGoneAfter, looks_ms);
    if (percent < entry.percent * kOver / 100) {
        ways_.over(report.start, report.kind);
        entry.percent = 0;
    }
    if (percent <= entry.percent) return;
    if (ways_.trouble(report.start, report.kind, percent, report.evidence) == 0) entry.percent = percent;
}

void Told::looked(std::int64_t now_ms) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        if (now_ms < entry->second.over_at) {
            ++entry;
            continue;
        }
        if (entry->second.percent > 0) ways_.over(entry->first.first, entry->first.second);
        entry = entries_.erase(entry);
    }
}

void Told::forget(std::uint64_t start) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first.first == start; });
}

void Told::helper_lost(std::int64_t now_ms) {
    for (auto& [key, entry] : entries_) entry.over_at = now_ms + kBlindFor;
}

std::size_t Told::standing() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        entries_, [](const auto& entry) { return entry.second.percent >= 100; }));
}

} // namespace leash_finder
