// SPDX-License-Identifier: MIT
// The end of the machine, after all services: stop what is left, sync, unmount, reset. Each step is
// a worker with a time limit, so that neither a hung file system nor an unkillable task stops it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "init/workers.h"
#include "lineage/kernel_lineage.h"
#include "service/events.h"

namespace leash {

// The numbers stand in the state page.
enum class EndKind { reboot, poweroff, halt, wdt_reset, kexec, soft_reboot };
inline constexpr EndKind kLastEndKind = EndKind::soft_reboot;
[[nodiscard]] std::string_view to_string(EndKind kind);

struct FinalStageHooks {
    // Processes that live on: logger, kicker, those of `kept`.
    std::function<std::vector<pid_t>()> spared;
    std::string kept;                // the service that is to reset the machine; empty: none
    KernelLineage* kernel = nullptr; // null: no kernel module
    std::function<void(const std::string&)> say; // to the console
    // All messages written? Then calls back; at the latest after a second.
    std::function<void(std::function<void()>)> flush_log;
    // The last word: reboot(2), or the WDT.
    std::function<void()> end;
    bool unmount = true;
};

class FinalStage {
  public:
    FinalStage(EventLoop& loop, Workers& workers, FinalStageHooks hooks)
        : workers_(workers), hooks_(std::move(hooks)), flush_limit_(loop, [this] { finish(); }) {}
    void run();

  private:
    void kill_everything();
    void unmount();
    void flush();
    void finish();

    Workers& workers_;
    FinalStageHooks hooks_;
    Timer flush_limit_;
    bool finished_ = false;
};

} // namespace leash
