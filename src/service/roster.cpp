// SPDX-License-Identifier: MIT
#include "service/roster.h"

#include <set>

#include "base/text.h"

namespace leash {
namespace {

void link(Node& owner, Node& later, Node& earlier, bool needs, bool pulls) {
    later.earlier.push_back({&earlier, &owner, needs, pulls});
    earlier.later.push_back({&later, &owner, needs, pulls});
}

// Each node of `root`'s closure over `next`, after everything that `next` leads to from it.
// Iterative: chains may be as long as there are services.
template <class Next> Nodes post_order(Node& root, Next next) {
    struct Place {
        Node* node;
        Nodes ahead;
    };
    Nodes done;
    std::set<Node*> met{&root};
    std::vector<Place> path{{&root, next(root)}};
    while (!path.empty()) {
        if (path.back().ahead.empty()) {
            done.push_back(path.back().node);
            path.pop_back();
            continue;
        }
        Node* other = path.back().ahead.back();
        path.back().ahead.pop_back();
        if (met.insert(other).second) path.push_back({other, next(*other)});
    }
    return done;
}

} // namespace

Node& Roster::mention(const std::string& name) {
    auto& place = nodes_[name];
    if (!place) place = std::make_unique<Node>(name);
    return *place;
}

Nodes Roster::unlink(Node& node) {
    Nodes others;
    auto own = [&](const Link& link) { return link.owner == &node; };
    for (auto* side : {&node.earlier, &node.later}) {
        for (const auto& link : *side)
            if (own(link)) others.push_back(link.node);
        std::erase_if(*side, own);
    }
    for (auto* other : others) {
        std::erase_if(other->earlier, own);
        std::erase_if(other->later, own);
    }
    return others;
}

void Roster::tidy(Node& node) {
    if (node.defined || !node.earlier.empty() || !node.later.empty()) return;
    nodes_.erase(nodes_.find(node.service.name()));
}

Node& Roster::define(ServiceSettings settings) {
    Node& node = mention(settings.name);
    auto before = unlink(node);
    for (const auto& name : settings.needs) link(node, node, mention(name), true, true);
    for (const auto& name : settings.wants) link(node, node, mention(name), false, true);
    for (const auto& name : settings.after) link(node, node, mention(name), false, false);
    for (const auto& name : settings.before) link(node, mention(name), node, false, false);
    node.defined = true;
    node.service.define(std::move(settings));
    std::set<Node*> once(before.begin(), before.end());
    for (auto* other : once) tidy(*other);
    return node;
}

void Roster::forget(Node& node) {
    node.defined = false;
    node.service = Service(node.service.name());
    auto others = unlink(node);
    std::set<Node*> once(others.begin(), others.end());
    once.insert(&node);
    for (auto* other : once) tidy(*other);
}

Node* Roster::find(std::string_view name) const {
    auto found = nodes_.find(name);
    return found != nodes_.end() && found->second->defined ? found->second.get() : nullptr;
}

Nodes Roster::all() const {
    Nodes nodes;
    for (const auto& [name, node] : nodes_)
        if (node->defined) nodes.push_back(node.get());
    return nodes;
}

std::string_view Roster::closest_name(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& [each, node] : nodes_)
        if (node->defined) names.push_back(each);
    return closest_word(name, names);
}

Nodes Roster::pulled_in_by(Node& node) {
    return post_order(node, [](Node& each) {
        Nodes next;
        for (const auto& link : each.earlier)
            if (link.pulls && link.owner == &each) next.push_back(link.node);
        return next;
    });
}

Nodes Roster::dependants(Node& node) {
    auto needing = post_order(node, [](Node& each) {
        Nodes next;
        for (const auto& link : each.later)
            if (link.needs) next.push_back(link.node);
        return next;
    });
    // Among these, whatever is ordered counts, not only what needs.
    std::set<Node*> members(needing.begin(), needing.end());
    auto ordered = post_order(node, [&](Node& each) {
        Nodes next;
        for (const auto& link : each.later)
            if (members.contains(link.node)) next.push_back(link.node);
        return next;
    });
    ordered.pop_back(); // `node` itself
    return ordered;
}

} // namespace leash
