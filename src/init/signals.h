// SPDX-License-Identifier: MIT
// The signals that PID 1 answers, and what they ask for (man init, SIGNALS).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace leash {

enum class SignalMeaning {
    child,      // SIGCHLD
    reload,     // SIGHUP
    reboot,     // SIGTERM; SIGINT: ctrl-alt-del
    halt,       // SIGUSR1, SIGRTMIN+3
    poweroff,   // SIGUSR2, SIGRTMIN+4
    wdt_reset,  // SIGPWR: the reboot is delegated to the WDT
};

// In a container SIGTERM, SIGPWR and SIGRTMIN+3 all stop everything and exit: `poweroff` here.
[[nodiscard]] std::optional<SignalMeaning> meaning_of(int signal, bool in_container);

class Signals {
  public:
    // Blocks everything but the fatal ones and listens on a signalfd.
    Signals(EventLoop& loop, std::function<void(int signal, int sender_pid)> callback);

    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
    std::unique_ptr<IoWatch> watch_;
};

} // namespace leash
