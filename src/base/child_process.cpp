// SPDX-License-Identifier: MIT
#include "base/child_process.h"

#include <algorithm>
#include <climits>
#include <csignal>

#include <unistd.h>

namespace leash {

void reset_signals_to_default() {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        action.sa_handler = SIG_DFL;
        sigaction(number, &action, nullptr); // KILL and STOP refuse, which is fine
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_descriptors_except(std::vector<int> keep) {
    std::ranges::sort(keep);
    unsigned next = 3;
    for (int fd : keep) {
        if (fd < static_cast<int>(next)) continue;
        if (static_cast<unsigned>(fd) > next) close_range(next, static_cast<unsigned>(fd) - 1, 0);
        next = static_cast<unsigned>(fd) + 1;
    }
    close_range(next, UINT_MAX, 0);
}

} // namespace leash
