// SPDX-License-Identifier: MIT
#include "service/dependencies.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace leash {

bool to_be_stopped(const Node& node) {
    auto state = node.service.state();
    return node.service.alive() || state == State::waiting || state == State::backoff;
}

Clearance may_start(const Node& node, const Facts& facts) {
    Clearance clearance;
    auto refuse = [&](const Node& other, std::string_view why) {
        clearance.refusal = fmt::format("needs {}, which {}", other.service.name(), why);
    };
    for (const auto& link : node.earlier) {
        const Service& other = link.node->service;
        if (!link.needs) {
            if (link.node->defined && other.life().wanted_up && !other.settled() &&
                !link.node->parked)
                clearance.waits_for.push_back(link.node);
            continue;
        }
        const char* hopeless = !link.node->defined              ? "does not exist"
                               : other.state() == State::failed  ? "has failed"
                               : other.state() == State::stopped ? "is stopped"
                                                                 : nullptr;
        if (!hopeless && other.up()) continue;
        // It was up together with that one, and comes back with it.
        bool binds = std::ranges::any_of(node.earlier, [&](const Link& other_link) {
            return other_link.binds && other_link.node == link.node; // it may be required as well
        });
        bool patient = binds && node.service.life().stepped_back;
        if (hopeless && !patient) {
            refuse(*link.node, hopeless);
            return clearance;
        }
        clearance.waits_for.push_back(link.node);
        clearance.parked |= hopeless || link.node->parked;
    }
    for (const auto& link : node.later)
        if (link.node->service.alive() &&
            ((link.binds && Roster::bound(*link.node, node)) ||
             (link.needs && link.node->service.life().stepped_back && link.node->service.going_down())))
            clearance.waits_for.push_back(link.node);
    for (const auto& condition : node.service.settings().conditions) {
        auto holds = facts.holds(condition);
        if (holds.value_or(false)) continue;
        clearance.conditions.push_back(condition.text());
        clearance.parked |= holds.has_value();
    }
    for (const auto& rival : node.rivals) {
        const auto& other = rival.node->service;
        if (other.state() == State::waiting && other.life().lazy) continue; // it only listens, so far
        if (rival.node->defined && (to_be_stopped(*rival.node) || is_up(rival.node->service.state())))
            clearance.stops_first.push_back(rival.node);
    }
    return clearance;
}

std::string lost(const Node& node, const Facts& facts) {
    for (const auto& link : node.earlier) {
        if (!link.binds || link.owner != &node || !Roster::bound(node, *link.node)) continue;
        if (!link.node->defined || !link.node->service.up())
            return link.node->service.name() + " is down";
    }
    const auto& settings = node.service.in_force();
    for (const auto& condition : settings.conditions)
        if (stops_when_lost(settings, condition) && !facts.holds(condition).value_or(true))
            return "condition " + condition.text() + " is lost";
    return {};
}

bool may_stop(const Node& node) {
    bool unasked = node.service.life().stepped_back;
    return std::ranges::none_of(node.later, [&](const Link& link) {
        const Service& other = link.node->service;
        if (!other.alive() || link.node->kept) return false;
        bool counts = unasked ? link.binds && Roster::bound(*link.node, node) : link.needs;
        return counts || other.going_down();
    });
}

TargetWatch::TargetWatch(std::string name, Nodes members, Nodes leaving)
    : name_(std::move(name)), members_(members.begin(), members.end()),
      leaving_(leaving.begin(), leaving.end()) {
    std::ranges::sort(members_);
    auto twice = std::ranges::unique(members_);
    members_.erase(twice.begin(), twice.end());
}

bool TargetWatch::settled(const Node& node, const Facts& facts) const {
    // Only what turns out to be settled is met more than once: anything else ends the search.
    std::set<const Node*> met{&node};
    std::vector<const Node*> todo{&node};
    while (!todo.empty()) {
        const Node& each = *todo.back();
        todo.pop_back();
        if (!each.defined) continue;
        if (each.service.state() != State::waiting) {
            if (!each.service.settled()) return false;
            continue;
        }
        if (each.parked || each.service.listens()) continue;
        if (!each.service.sockets_ready()) return false;
        auto clearance = may_start(each, facts);
        if (!clearance.conditions.empty() || !clearance.stops_first.empty()) return false;
        for (const Node* other : clearance.waits_for)
            if (std::ranges::binary_search(members_, other) && met.insert(other).second)
                todo.push_back(other);
    }
    return true;
}

bool TargetWatch::settled(const Facts& facts) {
    std::erase_if(leaving_, [](const Node* node) {
        return !node->service.alive() && !node->service.stop_pending();
    });
    // One that somebody has started again is no concern of the target's.
    if (std::ranges::any_of(leaving_, [](const Node* node) {
            return node->service.going_down() || node->service.state() == State::stopping;
        }))
        return false;
    if (unsettled_ && std::ranges::binary_search(members_, unsettled_) && !settled(*unsettled_, facts))
        return false;
    for (const Node* member : members_) {
        if (settled(*member, facts)) continue;
        unsettled_ = member;
        return false;
    }
    return true;
}

int TargetWatch::failed() const {
    return static_cast<int>(std::ranges::count_if(members_, [](const Node* member) {
        auto state = member->service.state();
        return state == State::failed || state == State::backoff;
    }));
}

} // namespace leash
