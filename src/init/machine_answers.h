// SPDX-License-Identifier: MIT
// Does what the answers to trouble with the machine say (service/machine_trouble.h), and keeps what
// stands in the state page: a next life of init asks for nothing twice and forgets no step that waits.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "init/hook.h"
#include "init/recovery.h"
#include "service/machine_trouble.h"
#include "service/policy.h"

namespace leash {

// For whoever keeps records.
struct MachineNote {
    enum class What { seen, step, over } what;
    std::string source, kind, evidence;
    std::string answer, next; // as of action::TroubleNoted
    Ms due{0};
};

// What only init can do.
struct MachineHooks {
    std::function<void(Hook)> exec;
    std::function<void(const std::string& target, const std::string& why)> enter_target;
    // `kind`: of the trouble.
    // False: it may not be; then it is tried again for as long as the trouble stands.
    std::function<bool(StepKind end, const std::string& kind, const std::string& why)> end;
    std::function<bool()> going_down; // then nothing is answered any more
    std::function<void(const MachineNote&)> noted{};
};

class MachineAnswers {
  public:
    // Takes over what an earlier life has left in `recovery`.
    MachineAnswers(EventLoop& loop, Recovery& recovery, MachineHooks hooks, Ms exec_timeout);

    // As in leash_plugin.h: 0, -EINVAL (the reason is logged), -ENOSPC.
    int seen(std::string_view source, std::string_view kind, std::string_view policy,
             std::string_view evidence);
    // 0, or -ENOENT: it did not stand. An empty source: all that stand of that kind.
    int over(std::string_view source, std::string_view kind);
    [[nodiscard]] std::size_t standing() const { return troubles_.standing(); }
    [[nodiscard]] std::vector<MachineTroubles::View> views() const { return troubles_.views(); }

  private:
    void carry_out(const MachineAnswer& answer, MachineNote::What what);
    void settle();

    Recovery& recovery_;
    MachineHooks hooks_;
    Ms exec_timeout_;
    MachineTroubles troubles_;
    Timer tick_;
};

} // namespace leash
