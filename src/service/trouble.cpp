// SPDX-License-Identifier: MIT
#include "service/trouble.h"

#include <algorithm>

#include "base/units.h"

namespace leash {

int policy_line(const ServiceSettings& settings, TroubleKind kind) {
    auto index = static_cast<std::size_t>(kind);
    if ((*settings.on_kind)[index]) return static_cast<int>(index) + 1;
    return settings.on_memory && is_about_memory(kind) ? kTroubleKinds + 1 : 0;
}

bool Budgets::take(int line, std::size_t step, const RateLimit& limit, Ms now) {
    auto use = std::ranges::find_if(
        uses_, [&](const Use& u) { return u.line == line && u.step == step; });
    if (use == uses_.end()) {
        if (uses_.size() == kMost)
            uses_.erase(std::ranges::min_element(
                uses_, {}, [](const Use& u) { return u.window.newest(); }));
        use = uses_.insert(uses_.end(), Use{line, step, {}});
    }
    return use->window.take(limit, now);
}

std::vector<Budgets::Use> Budgets::newest(std::size_t most) const {
    auto uses = uses_;
    std::ranges::sort(uses, std::greater{}, [](const Use& u) { return u.window.newest(); });
    uses.resize(std::min(uses.size(), most));
    return uses;
}

Answer next_steps(const Policy& policy, std::size_t from, bool waited, Budgets& budgets, int line,
                  Ms now, Levels levels) {
    Answer answer;
    for (auto i = from; i < policy.size(); ++i) {
        const Step& step = policy[i];
        if (!levels.hold(step)) continue;
        if (step.after > 0ms && !(waited && i == from)) {
            answer.next = i;
            answer.due = now + step.after;
            return answer;
        }
        if (step.budget && !budgets.take(line, i, *step.budget, now)) continue;
        answer.steps.push_back(step);
        if (is_final(step.kind)) return answer;
    }
    answer.exhausted = std::ranges::any_of(
        policy, [&](const Step& step) { return levels.hold(step) && is_final(step.kind); });
    return answer;
}

std::string describe(const Answer& answer, const Policy& policy) {
    std::string text;
    for (auto step : answer.steps) {
        step.budget.reset(); // what is done, not how often it may be
        step.after = 0ms;
        step.at_percent.reset();
        if (!text.empty()) text += ", ";
        text += to_string(step);
    }
    if (answer.next) {
        if (!text.empty()) text += "; then ";
        text += to_string(policy[*answer.next].kind);
        text += " in " + format_duration(policy[*answer.next].after);
    }
    if (answer.exhausted) text += text.empty() ? "policy exhausted" : "; policy exhausted";
    return text.empty() ? "none" : text;
}

} // namespace leash
