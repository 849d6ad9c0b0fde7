// SPDX-License-Identifier: MIT
#include "service/settings.h"

namespace leash {

Policy policy_for(const ServiceSettings& settings, TroubleKind kind) {
    if (const auto& own = settings.on_kind[static_cast<std::size_t>(kind)]) return *own;
    if (settings.on_trouble) return *settings.on_trouble;
    bool fatal = kind == TroubleKind::crash_loop;
    return {Step{.kind = fatal ? StepKind::stop : StepKind::restart}};
}

} // namespace leash
