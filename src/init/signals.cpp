// SPDX-License-Identifier: MIT
#include "init/signals.h"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fatal_signals.h"

namespace leash {

std::optional<SignalMeaning> meaning_of(int signal, bool in_container) {
    bool stops_container = signal == SIGTERM || signal == SIGPWR || signal == SIGRTMIN + 3;
    if (in_container && stops_container) return SignalMeaning::poweroff;
    if (signal == SIGRTMIN + 3) return SignalMeaning::halt;
    if (signal == SIGRTMIN + 4) return SignalMeaning::poweroff;
    switch (signal) {
    case SIGCHLD: return SignalMeaning::child;
    case SIGHUP: return SignalMeaning::reload;
    case SIGTERM:
    case SIGINT: return SignalMeaning::reboot;
    case SIGUSR1: return SignalMeaning::halt;
    case SIGUSR2: return SignalMeaning::poweroff;
    case SIGPWR: return SignalMeaning::wdt_reset;
    default: return std::nullopt;
    }
}

Signals::Signals(EventLoop& loop, std::function<void(int, int)> callback) {
    auto asynchronous = asynchronous_signals();
    sigprocmask(SIG_SETMASK, &asynchronous, nullptr);
    fd_.reset(signalfd(-1, &asynchronous, SFD_NONBLOCK | SFD_CLOEXEC));
    watch_ = std::make_unique<IoWatch>(loop, fd_.get(), UEV_READ,
                                       [this, callback = std::move(callback)](int) {
        signalfd_siginfo info{};
        while (read(fd_.get(), &info, sizeof info) == sizeof info)
            callback(static_cast<int>(info.ssi_signo), static_cast<int>(info.ssi_pid));
    });
}

} // namespace leash
