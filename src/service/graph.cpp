// SPDX-License-Identifier: MIT
#include "service/graph.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace leash {
namespace {

using Services = std::map<std::string, ServiceSettings>;
using Names = std::vector<std::string>;

struct Key {
    std::string_view name; // as in the file
    Names ServiceSettings::*list;
};
constexpr Key kKeys[] = {{"requires", &ServiceSettings::needs},
                         {"wants", &ServiceSettings::wants},
                         {"after", &ServiceSettings::after},
                         {"before", &ServiceSettings::before}};

// `from` starts after `to`. The line that says so stands in the file of `owner`, which is one of
// the two: of `to` where the key is `before`.
struct Edge {
    std::string_view from, to, owner, key;

    [[nodiscard]] std::string text() const {
        return fmt::format("{} {} {}", owner, key, owner == from ? to : from);
    }
    friend auto operator<=>(const Edge&, const Edge&) = default;
};

class Checker {
  public:
    explicit Checker(const Services& services);
    std::vector<GraphFault> check();

  private:
    void report_unknown_names();
    void leave_out(std::string_view name, GraphFault fault);
    [[nodiscard]] std::vector<Edge> find_cycle() const;
    [[nodiscard]] std::set<std::string_view> taken_along(std::string_view name) const;
    void break_cycle(const std::vector<Edge>& cycle);

    const Services& services_;
    std::map<std::string_view, std::vector<Edge>> edges_; // by `from`, in order of `to`
    std::map<std::string_view, std::set<std::string_view>> needed_by_;
    std::set<std::string_view> left_out_;
    std::vector<GraphFault> faults_, along_, warnings_;
};

Checker::Checker(const Services& services) : services_(services) {
    for (const auto& [name, settings] : services_) {
        for (const auto& key : kKeys) {
            for (const auto& other : settings.*key.list) {
                auto known = services_.find(other);
                if (known == services_.end()) continue;
                std::string_view from = name, to = known->first;
                if (key.name == "before") std::swap(from, to);
                edges_[from].push_back({from, to, name, key.name});
                if (key.name == "requires") needed_by_[known->first].insert(name);
            }
        }
    }
    for (auto& [from, list] : edges_) std::ranges::sort(list);
}

void Checker::report_unknown_names() {
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : services_) names.push_back(name);

    for (const auto& [name, settings] : services_) {
        for (const auto& key : kKeys) {
            bool required = key.name == "requires";
            for (const auto& other : settings.*key.list) {
                if (services_.contains(other)) continue;
                auto close = closest_word(other, names);
                if (close == name) close = {};
                GraphFault fault{
                    name, std::string(key.name),
                    fmt::format("{} {} {}, which does not exist", name, key.name, other),
                    close.empty() ? fmt::format("add {}.conf, or take {} out of {}", other, other,
                                                key.name)
                                  : fmt::format("did you mean {}?", close),
                    required};
                if (required) leave_out(name, std::move(fault));
                else warnings_.push_back(std::move(fault));
            }
        }
    }
}

// What leaving out `name` means: itself and whatever requires it.
std::set<std::string_view> Checker::taken_along(std::string_view name) const {
    std::set<std::string_view> gone{name};
    std::vector<std::string_view> todo{name};
    while (!todo.empty()) {
        auto needed = needed_by_.find(todo.back());
        todo.pop_back();
        if (needed == needed_by_.end()) continue;
        for (auto dependant : needed->second)
            if (!left_out_.contains(dependant) && gone.insert(dependant).second)
                todo.push_back(dependant);
    }
    return gone;
}

void Checker::leave_out(std::string_view name, GraphFault fault) {
    faults_.push_back(std::move(fault));
    left_out_.merge(taken_along(name));
}

// The first cycle that a walk in alphabetical order meets; its last edge is the one that closes it.
std::vector<Edge> Checker::find_cycle() const {
    enum class Mark { fresh, on_path, finished };
    std::map<std::string_view, Mark> marks;
    static const std::vector<Edge> no_edges;

    struct Place {
        std::string_view name;
        const std::vector<Edge>* edges;
        std::size_t next = 0;
    };
    auto place_of = [&](std::string_view name) {
        marks[name] = Mark::on_path;
        auto found = edges_.find(name);
        return Place{name, found == edges_.end() ? &no_edges : &found->second};
    };

    for (const auto& [root, settings] : services_) {
        if (left_out_.contains(root) || marks[root] != Mark::fresh) continue;
        std::vector<Place> path{place_of(root)};
        while (!path.empty()) {
            auto& here = path.back();
            if (here.next == here.edges->size()) {
                marks[here.name] = Mark::finished;
                path.pop_back();
                continue;
            }
            const Edge& edge = (*here.edges)[here.next++];
            if (left_out_.contains(edge.to) || marks[edge.to] == Mark::finished) continue;
            if (marks[edge.to] == Mark::fresh) {
                path.push_back(place_of(edge.to));
                continue;
            }
            auto start = std::ranges::find(path, edge.to, &Place::name);
            std::vector<Edge> cycle;
            for (; start != path.end(); ++start)
                cycle.push_back((*start->edges)[start->next - 1]);
            return cycle;
        }
    }
    return {};
}

void Checker::break_cycle(const std::vector<Edge>& cycle) {
    const Edge& closing = cycle.back();
    std::string_view victim = closing.owner;
    std::string_view key = closing.key;
    auto fewest = taken_along(victim).size();
    for (const auto& edge : cycle) {
        auto cost = taken_along(edge.owner).size();
        if (cost >= fewest) continue;
        fewest = cost;
        victim = edge.owner;
        key = edge.key;
    }

    std::string text = "dependency cycle: ";
    for (const auto& edge : cycle) {
        if (&edge != &cycle.front()) text += ", ";
        text += edge.text();
    }
    leave_out(victim, GraphFault{std::string(victim), std::string(key), std::move(text),
                                 cycle.size() == 1 ? "take this line out"
                                                   : "take one of these lines out"});
}

std::vector<GraphFault> Checker::check() {
    report_unknown_names();
    for (auto cycle = find_cycle(); !cycle.empty(); cycle = find_cycle()) break_cycle(cycle);

    std::set<std::string_view> named;
    for (const auto& fault : faults_) named.insert(fault.service);
    for (auto name : left_out_) {
        if (named.contains(name)) continue;
        for (const auto& other : services_.find(std::string(name))->second.needs) {
            if (!left_out_.contains(other)) continue;
            along_.push_back({std::string(name), "requires",
                              fmt::format("{} requires {}, which is left out", name, other),
                              fmt::format("put {} right first", other)});
            break;
        }
    }
    for (auto* more : {&along_, &warnings_})
        faults_.insert(faults_.end(), more->begin(), more->end());
    return std::move(faults_);
}

} // namespace

std::vector<GraphFault> check_graph(const std::map<std::string, ServiceSettings>& services) {
    return Checker(services).check();
}

} // namespace leash
