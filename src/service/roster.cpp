// SPDX-License-Identifier: MIT
#include "service/roster.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace leash {
namespace {

enum class Kind { order, want, need, bind };

void link(Node& owner, Node& later, Node& earlier, Kind kind) {
    bool binds = kind == Kind::bind, needs = binds || kind == Kind::need;
    bool pulls = needs || kind == Kind::want;
    later.earlier.push_back({&earlier, &owner, needs, pulls, binds});
    earlier.later.push_back({&later, &owner, needs, pulls, binds});
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
    auto own = [&](const auto& link) { return link.owner == &node; };
    for (auto* side : {&node.earlier, &node.later}) {
        for (const auto& link : *side)
            if (own(link)) others.push_back(link.node);
        std::erase_if(*side, own);
    }
    for (const auto& rival : node.rivals)
        if (own(rival)) others.push_back(rival.node);
    std::erase_if(node.rivals, own);
    for (auto* other : others) {
        std::erase_if(other->rivals, own);
        std::erase_if(other->earlier, own);
        std::erase_if(other->later, own);
    }
    return others;
}

void Roster::tidy(Node& node) {
    if (node.defined || !node.earlier.empty() || !node.later.empty() || !node.rivals.empty())
        return;
    nodes_.erase(nodes_.find(node.service.name()));
}

Node& Roster::define(ServiceSettings settings) {
    Node& node = mention(settings.name);
    auto before = unlink(node);
    for (const auto& name : settings.needs) link(node, node, mention(name), Kind::need);
    for (const auto& name : settings.binds) link(node, node, mention(name), Kind::bind);
    for (const auto& name : settings.wants) link(node, node, mention(name), Kind::want);
    for (const auto& name : settings.after) link(node, node, mention(name), Kind::order);
    for (const auto& name : settings.before) link(node, mention(name), node, Kind::order);
    for (const auto& name : settings.conflicts) {
        Node& other = mention(name);
        if (&other == &node) continue;
        node.rivals.push_back({&other, &node});
        other.rivals.push_back({&node, &node});
    }
    node.defined = true;
    node.service.define(std::move(settings));
    std::set<Node*> once(before.begin(), before.end());
    for (auto* other : once) tidy(*other);
    return node;
}

void Roster::forget(Node& node) {
    node.defined = node.parked = false;
    node.service = Service(node.service.name());
    node.troubled.clear();
    node.failures.clear();
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

bool Roster::bound(const Node& dependant, const Node& provider) {
    // What is started by its traffic comes and goes: being bound to it is to require it.
    if (provider.service.in_force().listen->on_demand()) return false;
    const auto& names = dependant.service.in_force().binds;
    return std::ranges::find(names, provider.service.name()) != names.end();
}

std::vector<std::string> Roster::bound_to(const Node& provider) {
    std::set<std::string> names;
    for (const auto& link : provider.later)
        if (link.binds) names.insert(link.node->service.name());
    return {names.begin(), names.end()};
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
