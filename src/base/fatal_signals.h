// SPDX-License-Identifier: MIT
// The signals of a broken process. In PID 1 they lead to the exec of its next life (init/crash.h):
// blocked, such a fault would end it, and the machine with it.
#pragma once

#include <csignal>

namespace leash {

inline constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

// All the others.
inline sigset_t asynchronous_signals() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fatal : kFatalSignals) sigdelset(&signals, fatal);
    return signals;
}

} // namespace leash
