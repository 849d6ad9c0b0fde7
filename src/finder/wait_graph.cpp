// SPDX-License-Identifier: MIT
#include "finder/wait_graph.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace leash::finder {

std::vector<std::int32_t> Knot::tids() const {
    std::vector<std::int32_t> tids;
    for (const auto& edge : edges) tids.push_back(edge.waiter);
    if (edges.front().refused) tids.push_back(edges.front().owner);
    return tids;
}

std::string Knot::key() const {
    std::string key;
    for (const auto& edge : edges)
        key += fmt::format("{}@{:x}>{} ", edge.waiter, edge.hold.address, edge.owner);
    return key;
}

const Edge* WaitGraph::of(std::int32_t tid) const {
    auto found = edges_.find(tid);
    return found == edges_.end() ? nullptr : &found->second;
}

const Edge* WaitGraph::first_waiting_for(std::int32_t tid) const {
    const Edge* first = nullptr;
    for (const auto& [waiter, edge] : edges_)
        if (edge.owner == tid && !edge.owner_gone && (first == nullptr || waiter < first->waiter))
            first = &edge;
    return first;
}

std::vector<Knot> WaitGraph::knots() const {
    std::vector<std::int32_t> tids;
    for (const auto& [tid, edge] : edges_) tids.push_back(tid);
    std::ranges::sort(tids);
    constexpr std::size_t kNowhere = SIZE_MAX;
    std::vector<Knot> knots;
    std::unordered_map<std::int32_t, std::size_t> knot_of; // that a thread is in, or waits behind
    std::map<std::pair<std::int32_t, std::uint64_t>, std::size_t> of_lost_lock;
    for (auto first : tids) {
        std::vector<std::int32_t> path;
        std::unordered_map<std::int32_t, std::size_t> place; // in the path
        auto tid = first;
        std::size_t knot = kNowhere;
        std::size_t in_circle = 0; // threads at the end of the path that are the knot itself
        while (true) {
            if (auto known = knot_of.find(tid); known != knot_of.end()) {
                knot = known->second;
                break;
            }
            if (auto seen = place.find(tid); seen != place.end()) {
                Knot circle;
                for (auto i = seen->second; i < path.size(); ++i)
                    circle.edges.push_back(*of(path[i]));
                std::ranges::rotate(circle.edges,
                                    std::ranges::min_element(circle.edges, {}, &Edge::waiter));
                in_circle = circle.edges.size();
                knot = knots.size();
                knots.push_back(std::move(circle));
                break;
            }
            const auto* edge = of(tid);
            if (edge == nullptr) break; // it waits for nobody
            place.emplace(tid, path.size());
            path.push_back(tid);
            if (edge->owner_gone) {
                auto [lost, is_new] = of_lost_lock.try_emplace(
                    {edge->owner, edge->hold.address}, knots.size());
                if (is_new) {
                    in_circle = 1;
                    knots.push_back({.edges = {*edge}});
                }
                knot = lost->second;
                break;
            }
            tid = edge->owner;
        }
        for (auto member : path) knot_of.emplace(member, knot);
        if (knot != kNowhere)
            knots[knot].behind += static_cast<std::uint32_t>(path.size() - in_circle);
    }
    std::ranges::sort(knots, {}, [](const Knot& knot) {
        return std::ranges::min(knot.tids());
    });
    return knots;
}

} // namespace leash::finder
