// SPDX-License-Identifier: MIT
#include "service/settings.h"

namespace leash {

std::string_view to_string(ControlKind kind) {
    constexpr std::array<std::string_view, kControlKinds> kNames{
        "command-pre", "command-post", "command-reload", "command-stop", "command-cleanup"};
    return kNames[static_cast<std::size_t>(kind)];
}

bool stops_when_lost(const ServiceSettings& settings, const Condition& condition) {
    if (settings.condition_lost != ConditionLost::by_kind)
        return settings.condition_lost == ConditionLost::stop;
    return condition.kind != ConditionKind::path && condition.kind != ConditionKind::cmdline;
}

bool is_about_memory(TroubleKind kind) {
    return kind == TroubleKind::memory_hog || kind == TroubleKind::memory_leak;
}

Policy policy_for(const ServiceSettings& settings, TroubleKind kind, bool slow_loop) {
    if (const auto& own = (*settings.on_kind)[static_cast<std::size_t>(kind)]) return *own;
    if (settings.on_memory && is_about_memory(kind)) return *settings.on_memory;
    bool asked_for = !is_found(kind) || settings.finder->contains(std::string(to_string(kind)));
    if (is_found(kind) && !(asked_for && settings.on_trouble))
        return {Step{.kind = StepKind::report}};
    if (settings.on_trouble) return *settings.on_trouble;
    if (kind == TroubleKind::crash_loop && slow_loop) return {Step{.kind = StepKind::report}};
    bool fatal = kind == TroubleKind::crash_loop || kind == TroubleKind::runtime_limit;
    return {Step{.kind = fatal ? StepKind::stop : StepKind::restart}};
}

} // namespace leash
