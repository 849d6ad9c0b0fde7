// SPDX-License-Identifier: MIT
// When to try again what did not help: after a pause that doubles each time, up to a limit.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace leash {

class GrowingPause {
  public:
    GrowingPause(Ms first, Ms longest) : first_(first), longest_(longest), pause_(first) {}

    [[nodiscard]] bool over(Ms now) const { return now >= until_; }
    void failed(Ms now) {
        until_ = now + pause_;
        pause_ = std::min(pause_ * 2, longest_);
    }
    void helped() {
        pause_ = first_;
        until_ = Ms{0};
    }

  private:
    Ms first_, longest_, pause_, until_{0};
};

} // namespace leash
