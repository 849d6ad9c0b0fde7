// SPDX-License-Identifier: MIT
#include "service/dependencies.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace leash {

Clearance may_start(const Node& node) {
    Clearance clearance;
    auto refuse = [&](const Node& other, std::string_view why) {
        clearance.refusal = fmt::format("needs {}, which {}", other.service.name(), why);
    };
    for (const auto& link : node.earlier) {
        const Service& other = link.node->service;
        if (!link.needs) {
            if (link.node->defined && other.life().wanted_up && !other.settled())
                clearance.waits_for.push_back(link.node);
            continue;
        }
        if (!link.node->defined) refuse(*link.node, "does not exist");
        else if (other.state() == State::failed) refuse(*link.node, "has failed");
        else if (other.state() == State::stopped) refuse(*link.node, "is stopped");
        else if (!other.up()) clearance.waits_for.push_back(link.node);
        if (clearance.refusal) return clearance;
    }
    return clearance;
}

bool may_stop(const Node& node) {
    return std::ranges::none_of(node.later, [](const Link& link) {
        const Service& other = link.node->service;
        return other.alive() && (link.needs || other.going_down());
    });
}

TargetWatch::TargetWatch(std::string name, Nodes members)
    : name_(std::move(name)), members_(members.begin(), members.end()) {
    std::ranges::sort(members_);
    auto twice = std::ranges::unique(members_);
    members_.erase(twice.begin(), twice.end());
}

bool TargetWatch::settled(const Node& node) const {
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
        if (each.service.listens()) continue;
        if (!each.service.sockets_ready()) return false;
        for (const Node* other : may_start(each).waits_for)
            if (std::ranges::binary_search(members_, other) && met.insert(other).second)
                todo.push_back(other);
    }
    return true;
}

bool TargetWatch::settled() {
    if (unsettled_ && std::ranges::binary_search(members_, unsettled_) && !settled(*unsettled_))
        return false;
    for (const Node* member : members_) {
        if (settled(*member)) continue;
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
