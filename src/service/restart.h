// SPDX-License-Identifier: MIT
// How often and how soon: rate-limit windows and the growing pause between restarts. Values only.
#pragma once

#include <array>

#include "base/clock.h"
#include "service/policy.h"
#include "service/settings.h"

namespace leash {

// Counts what happened within the last `window` of a RateLimit. Of a fixed size, so that it fits
// into a saved record: exact for up to kSlots events; beyond, the two that lie closest together are
// counted at the time of the later one, which errs on the strict side by a fraction of the window.
class RateWindow {
  public:
    // Counts one more at `now` if the limit allows it; false: it does not, and nothing was counted.
    bool take(const RateLimit& limit, Ms now);
    // How many lie within the window that ends now.
    [[nodiscard]] int used(const RateLimit& limit, Ms now) const;
    [[nodiscard]] Ms newest() const { return filled_ == 0 ? Ms::min() : slots_[filled_ - 1].at; }
    void clear() { filled_ = 0; }

  private:
    static constexpr std::size_t kSlots = 16;
    struct Slot {
        Ms at{0};
        int count = 0;
    };
    void merge_closest();

    std::array<Slot, kSlots> slots_{}; // oldest first
    std::size_t filled_ = 0;
};

// The pause before an automatic restart: restart_delay first, doubled each time up to
// restart_delay_max, and back to the first after a run that lasted longer than both the window of
// restart_limit and the last pause.
class Backoff {
  public:
    [[nodiscard]] Ms next(Ms run_length, const ServiceSettings& settings);
    void clear() { last_ = Ms{-1}; }

  private:
    Ms last_{-1}; // negative: none yet
};

} // namespace leash
