// SPDX-License-Identifier: MIT
#include "service/restart.h"

#include <algorithm>

namespace leash {

int RateWindow::used(const RateLimit& limit, Ms now) const {
    int count = 0;
    for (std::size_t i = 0; i < filled_; ++i)
        if (slots_[i].at > now - limit.window) count += slots_[i].count;
    return count;
}

bool RateWindow::take(const RateLimit& limit, Ms now) {
    if (used(limit, now) >= limit.count) return false;
    auto fresh = [&](const Slot& slot) { return slot.at > now - limit.window; };
    auto old = std::find_if(slots_.begin(), slots_.begin() + filled_, fresh);
    std::move(old, slots_.begin() + filled_, slots_.begin());
    filled_ -= static_cast<std::size_t>(old - slots_.begin());
    if (filled_ == kSlots) merge_closest();
    slots_[filled_++] = {now, 1};
    return true;
}

void RateWindow::merge_closest() {
    std::size_t closest = 0;
    for (std::size_t i = 1; i + 1 < filled_; ++i)
        if (slots_[i + 1].at - slots_[i].at < slots_[closest + 1].at - slots_[closest].at)
            closest = i;
    slots_[closest + 1].count += slots_[closest].count;
    std::move(slots_.begin() + closest + 1, slots_.begin() + filled_, slots_.begin() + closest);
    --filled_;
}

Ms Backoff::next(Ms run_length, const ServiceSettings& settings) {
    bool fresh = last_ < 0ms || run_length > std::max(settings.restart_limit.window, last_);
    Ms longest = std::max(settings.restart_delay, settings.restart_delay_max);
    // Doubling nothing gives nothing; a millisecond makes it grow.
    last_ = fresh ? settings.restart_delay : std::clamp(last_ * 2, 1ms, std::max(longest, 1ms));
    return last_;
}

} // namespace leash
