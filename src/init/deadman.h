// SPDX-License-Identifier: MIT
// The kernel module's deadman: PID 1's loop gives a sign of life four times in its time-out, or the
// module runs the trouble handler and ends the machine. What the module needs to know is written to
// /proc/sys/kernel/leash, too. Nothing here waits.
#pragma once

#include <functional>
#include <string>

#include "base/event_loop.h"
#include "config/system_settings.h"
#include "lineage/kernel_lineage.h"

namespace leash {

class Deadman {
  public:
    // `note`: for people; `was_silent`: this life was, and is back before the machine was ended.
    struct Hooks {
        std::function<void(std::string)> note;
        std::function<void()> was_silent;
    };
    Deadman(EventLoop& loop, Hooks hooks);

    // A life that takes over goes on with what the one before has armed, until it has read its files;
    // one that has lost the descriptor, once it has opened another.
    void take_over(KernelLineage* module);
    // At boot and after a reload. Null: there is no module, which is told where one is needed.
    void configure(const DeadmanSettings& settings, KernelLineage* module);
    // The machine ends: from here on it may wait for its disks.
    void disarm();
    [[nodiscard]] std::string status() const; // "", "; deadman 30s, then restart"

  private:
    void ping();
    void ping_every(Ms timeout);
    void write_values(const DeadmanSettings& settings);

    Hooks hooks_;
    Timer timer_;
    KernelLineage* module_ = nullptr;
    DeadmanSettings settings_;
    Ms timeout_{0};   // as armed; 0: it is not
    Ms last_ping_{0};
    bool values_written_ = false;
};

} // namespace leash
