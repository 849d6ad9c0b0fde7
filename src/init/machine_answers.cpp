// SPDX-License-Identifier: MIT
#include "init/machine_answers.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/text.h"

namespace leash {
namespace {

constexpr Ms kTimeToSayItIsOver{3'000}; // for a plugin, after a re-exec

bool only_reports(const MachineAnswer& answer) {
    return !answer.answer.next && !answer.answer.exhausted &&
           std::ranges::all_of(answer.answer.steps,
                               [](const Step& step) { return step.kind == StepKind::report; });
}

} // namespace

MachineAnswers::MachineAnswers(EventLoop& loop, Recovery& recovery, MachineHooks hooks, Ms exec_timeout)
    : recovery_(recovery), hooks_(std::move(hooks)), exec_timeout_(exec_timeout), tick_(loop, [this] {
          if (hooks_.going_down()) return;
          for (const auto& answer : troubles_.tick(monotonic_now()))
              carry_out(answer, MachineNote::What::step);
          settle();
      }) {
    for (const auto& [place, record] : recovery.machine_troubles())
        troubles_.restore(place, record, monotonic_now() + kTimeToSayItIsOver);
    settle();
}

int MachineAnswers::seen(std::string_view source, std::string_view kind, std::string_view policy,
                         std::string_view evidence) {
    if (hooks_.going_down()) return 0;
    auto seen = troubles_.seen(source, kind, policy, evidence, monotonic_now());
    if (!seen) {
        log::error("{}: trouble {} cannot be answered: {}", printable(source), printable(kind),
                   seen.error().text);
        return seen.error().why == MachineTroubles::Refusal::full ? -ENOSPC : -EINVAL;
    }
    if (*seen) carry_out(**seen, MachineNote::What::seen);
    settle();
    return 0;
}

int MachineAnswers::over(std::string_view source, std::string_view kind) {
    if (source.empty()) {
        int error = -ENOENT;
        for (const auto& view : troubles_.views())
            if (view.kind == kind && over(view.source, kind) == 0) error = 0;
        return error;
    }
    if (!troubles_.over(source, kind)) return -ENOENT;
    log::notice("{}: trouble {} is over", source, kind);
    if (hooks_.noted)
        hooks_.noted({MachineNote::What::over, std::string(source), std::string(kind), "it is over",
                      "", "", Ms{0}});
    settle();
    return 0;
}

// What stands is in the page before a step is taken that init might not survive.
void MachineAnswers::carry_out(const MachineAnswer& answer, MachineNote::What what) {
    settle();
    const auto& next = answer.answer.next;
    auto waits = next ? answer.policy[*next] : Step{};
    waits.after = 0ms; // `due` says it
    if (hooks_.noted)
        hooks_.noted({what, answer.source, answer.kind, answer.evidence,
                      describe(answer.answer, answer.policy),
                      next ? to_string(waits) : std::string(), answer.answer.due});
    auto text = fmt::format("{}: trouble: {}: {}; answer: {}", answer.source, answer.kind,
                            answer.evidence, describe(answer.answer, answer.policy));
    if (only_reports(answer)) log::warning("{}", text);
    else log::error("{}", text);
    auto why = fmt::format("{}: {}", answer.source, answer.evidence);
    for (const auto& step : answer.answer.steps) {
        switch (step.kind) {
        case StepKind::exec:
            hooks_.exec({answer.source,
                         step.command,
                         {{"TROUBLE_SOURCE", answer.source},
                          {"TROUBLE_KIND", answer.kind},
                          {"REASON", answer.evidence}},
                         exec_timeout_});
            break;
        case StepKind::safe: hooks_.enter_target("safe", why); break;
        case StepKind::reboot:
        case StepKind::poweroff:
        case StepKind::halt:
            if (!hooks_.end(step.kind, answer.kind, why))
                troubles_.refused(answer.source, answer.kind, step.kind, monotonic_now());
            break;
        default: break; // report: told already
        }
    }
}

void MachineAnswers::settle() {
    for (auto place : troubles_.take_changed())
        recovery_.record_machine_trouble(static_cast<std::uint32_t>(place), troubles_.record(place));
    if (auto next = troubles_.next_deadline()) tick_.at(std::max(*next, monotonic_now() + 1ms));
    else tick_.cancel();
}

} // namespace leash
