// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <ctime>

namespace leash {

Ms monotonic_now() {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return std::chrono::duration_cast<Ms>(std::chrono::seconds(ts.tv_sec) +
                                          std::chrono::nanoseconds(ts.tv_nsec));
}

} // namespace leash
