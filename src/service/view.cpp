// SPDX-License-Identifier: MIT
#include "service/view.h"

#include <algorithm>

#include "base/text.h"
#include "service/dependencies.h"

namespace leash {
namespace {

// When it starts again without being asked to; 0: it does not.
Ms next_attempt(const Life& life) {
    if (life.state == State::backoff) return life.again_at;
    bool timer = !is_alive(life.state) && life.state != State::waiting && life.next_run != kNever;
    return timer ? life.next_run : Ms{0};
}

std::vector<ServiceView::StandingView> standing_of(const Service& service) {
    std::vector<ServiceView::StandingView> standing;
    const auto& troubles = service.life().troubles;
    for (std::size_t i = 0; troubles.is_set() && i < troubles->size(); ++i) {
        const auto& trouble = (*troubles)[i];
        if (!trouble.standing) continue;
        auto kind = static_cast<TroubleKind>(i);
        ServiceView::StandingView view{kind, trouble.since, trouble.evidence, "", Ms{0}};
        auto policy = policy_for(service.in_force(), kind, service.life().slow_loop);
        if (trouble.pending && trouble.next < policy.size()) {
            auto step = policy[trouble.next];
            step.after = Ms{0}; // what is left of it is told beside it
            view.next = to_string(step);
            view.due = trouble.due;
        }
        standing.push_back(std::move(view));
    }
    return standing;
}

} // namespace

ServiceView view_of(const Node& node, const Facts& facts) {
    const auto& life = node.service.life();
    ServiceView view{.name = node.service.name(), .state = life.state, .start = life.start,
                     .last_start = life.last_start, .main_pid = life.main_pid,
                     .restarts = life.restarts, .since = life.since, .last_exit = life.last_exit,
                     .reason = life.reason, .status_text = *life.status_text,
                     .error_number = life.error_number, .said_exit = life.said_exit,
                     .error_text = *life.error_text, .watchdog = life.watchdog,
                     .waiting_for = {},
                     .next_attempt = next_attempt(life), .notify_access = {}, .messages = {},
                     .stored = {}, .remains = life.remains};
    view.troubles = standing_of(node.service);
    view.binds_to = node.service.settings().binds;
    view.bound_by = Roster::bound_to(node);
    view.started_for = *node.troubled;
    for (const auto& condition : node.service.settings().conditions)
        view.conditions.push_back({condition.text(), facts.holds(condition)});
    if (life.sockets == Sockets::open || life.sockets == Sockets::stale)
        for (const auto& socket : node.service.in_force().listen->sockets)
            view.listens_on.push_back(to_string(socket));
    if (life.state == State::waiting && !life.listens) {
        auto clearance = may_start(node, facts);
        view.parked = node.parked;
        view.unmet = clearance.conditions;
        for (const auto* others : {&clearance.waits_for, &clearance.stops_first})
            for (const auto* other : *others) view.waiting_for.push_back(other->service.name());
        std::ranges::sort(view.waiting_for);
        auto twice = std::ranges::unique(view.waiting_for);
        view.waiting_for.erase(twice.begin(), twice.end());
        auto obstacles = view.waiting_for;
        for (const auto& condition : view.unmet) obstacles.push_back("condition " + condition);
        if (!obstacles.empty()) view.reason = "waits for " + join(obstacles, ", ");
    }
    return view;
}

} // namespace leash
