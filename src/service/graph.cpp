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
    using Edges = std::map<std::string_view, std::vector<Edge>>; // by `from`, in order of `to`
    void report_unknown_names();
    void report_unknown_name(const ServiceSettings& settings, const NameList& list,
                             const std::string& other,
                             const std::vector<std::string_view>& names);
    void report_conflicts();
    void check_peace(const ServiceSettings& settings, const std::set<std::string_view>& fighters);
    void report_loops_of_failure();
    [[nodiscard]] std::string in_file(std::string_view name) const;
    [[nodiscard]] std::set<std::string_view> required_by(std::string_view name) const;
    void leave_out(std::string_view name, GraphFault fault);
    [[nodiscard]] std::vector<Edge> find_cycle(const Edges& edges) const;
    [[nodiscard]] std::set<std::string_view> taken_along(std::string_view name) const;
    void break_cycle(const std::vector<Edge>& cycle, std::string_view what);

    const Services& services_;
    Edges edges_;
    std::map<std::string_view, std::set<std::string_view>> needed_by_;
    std::set<std::string_view> left_out_;
    std::vector<GraphFault> faults_, along_, warnings_;
};

Checker::Checker(const Services& services) : services_(services) {
    for (const auto& [name, settings] : services_) {
        for (const auto& list : kNameLists) {
            if (!list.orders) continue;
            for (const auto& other : settings.*list.names) {
                auto known = services_.find(other);
                if (known == services_.end()) continue;
                std::string_view from = name, to = known->first;
                if (list.key == "before") std::swap(from, to);
                edges_[from].push_back({from, to, name, list.key});
                if (list.requires_them) needed_by_[known->first].insert(name);
            }
        }
    }
    for (auto& [from, list] : edges_) std::ranges::sort(list);
}

void Checker::report_unknown_names() {
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : services_) names.push_back(name);

    for (const auto& [name, settings] : services_) {
        for (const auto& list : kNameLists)
            for (const auto& other : settings.*list.names)
                report_unknown_name(settings, list, other, names);
    }
}

void Checker::report_unknown_name(const ServiceSettings& settings, const NameList& list,
                                  const std::string& other,
                                  const std::vector<std::string_view>& names) {
    const auto& name = settings.name;
    if (services_.contains(other)) return;
    auto close = closest_word(other, names);
    if (close == name) close = {};
    bool required = list.requires_them;
    GraphFault fault{name, std::string(list.key),
                     fmt::format("{} {} {}, which does not exist", name, list.key, other),
                     close.empty()
                         ? fmt::format("add {}.conf, or take {} out of {}", other, other, list.key)
                         : fmt::format("did you mean {}?", close),
                     required};
    if (required) leave_out(services_.find(name)->first, std::move(fault));
    else warnings_.push_back(std::move(fault));
}

// " (services.d/a.conf)", where it is known.
std::string Checker::in_file(std::string_view name) const {
    const auto& file = services_.find(std::string(name))->second.file;
    return file.empty() ? "" : fmt::format(" ({})", file);
}

// Itself and all that it requires, directly or not.
std::set<std::string_view> Checker::required_by(std::string_view name) const {
    std::set<std::string_view> all{name};
    std::vector<std::string_view> todo{name};
    while (!todo.empty()) {
        const auto& settings = services_.find(std::string(todo.back()))->second;
        todo.pop_back();
        for (const auto* list : {&settings.needs, &settings.binds})
            for (const auto& other : *list) {
                auto known = services_.find(other);
                if (known == services_.end() || left_out_.contains(other)) continue;
                if (all.insert(known->first).second) todo.push_back(known->first);
            }
    }
    return all;
}

void Checker::report_conflicts() {
    // Nearly nobody conflicts with anybody: only who requires one of these is looked at closely.
    std::set<std::string_view> fighters;
    auto stays = [&](const std::string& name) {
        return services_.contains(name) && !left_out_.contains(name);
    };
    for (const auto& [name, settings] : services_) {
        for (const auto& other : settings.conflicts) {
            if (!stays(name) || !stays(other)) continue;
            const auto& second = services_.find(other)->second;
            auto text = fmt::format("{}{} conflicts with {}{}", name, in_file(name), other,
                                    in_file(other));
            if (other == name) {
                leave_out(name, {name, "conflicts", name + " conflicts with itself",
                                 "take this line out"});
            } else if (settings.start == StartMode::automatic &&
                       second.start == StartMode::automatic) {
                leave_out(name, {name, "conflicts", text + ", and both have start = auto",
                                 "give one of them start = manual"});
            } else {
                fighters.insert(name);
                fighters.insert(second.name);
            }
        }
    }
    if (fighters.empty()) return;
    // Who requires the least of those that cannot start is at the root of it.
    std::vector<std::pair<std::size_t, const ServiceSettings*>> by_size;
    for (const auto& [name, settings] : services_)
        if (stays(name)) by_size.emplace_back(required_by(name).size(), &settings);
    std::ranges::sort(by_size, {}, [](const auto& each) {
        return std::pair(each.first, std::string_view(each.second->name));
    });
    for (const auto& [size, settings] : by_size) check_peace(*settings, fighters);
}

// Among what it requires, itself included, nobody may conflict with anybody.
void Checker::check_peace(const ServiceSettings& settings, const std::set<std::string_view>& fighters) {
    const auto& name = services_.find(settings.name)->first;
    if (left_out_.contains(name)) return;
    auto all = required_by(name);
    for (const auto& fighter : fighters) {
        if (!all.contains(fighter)) continue;
        for (const auto& other : services_.find(std::string(fighter))->second.conflicts) {
            if (!all.contains(other)) continue;
            auto key = name == fighter ? "conflicts" : settings.binds.empty() ? "requires" : "binds-to";
            auto both = name == fighter ? other : fmt::format("{} and {}", fighter, other);
            leave_out(name, {name, key,
                             fmt::format("{}{} cannot start: it requires {}, and {}{} conflicts "
                                         "with {}{}", name, in_file(name), both, fighter,
                                         in_file(fighter), other, in_file(other)),
                             "take one of these lines out"});
            return;
        }
    }
}

// A failure starts what on-failure names and all that this pulls in; that way must not lead back.
void Checker::report_loops_of_failure() {
    Edges edges;
    bool any = false;
    auto add = [&](const ServiceSettings& settings, std::string_view key, const std::string& other) {
        auto known = services_.find(other);
        if (known == services_.end() || left_out_.contains(other)) return;
        std::string_view from = services_.find(settings.name)->first;
        edges[from].push_back({from, known->first, from, key});
    };
    for (const auto& [name, settings] : services_) {
        for (const auto& other : settings.on_failure) add(settings, "on-failure", other), any = true;
        for (const auto& other : settings.needs) add(settings, "requires", other);
        for (const auto& other : settings.binds) add(settings, "binds-to", other);
        for (const auto& other : settings.wants) add(settings, "wants", other);
    }
    if (!any) return;
    for (auto& [from, list] : edges) std::ranges::sort(list);
    for (auto cycle = find_cycle(edges); !cycle.empty(); cycle = find_cycle(edges)) {
        // Only the line of on-failure is at fault: without it there is no cycle left.
        auto failure = std::ranges::find(cycle, "on-failure", &Edge::key);
        std::ranges::rotate(cycle, failure == cycle.end() ? cycle.begin() : failure + 1);
        break_cycle(cycle, "a failure would start itself");
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
std::vector<Edge> Checker::find_cycle(const Edges& edges) const {
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
        auto found = edges.find(name);
        return Place{name, found == edges.end() ? &no_edges : &found->second};
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

void Checker::break_cycle(const std::vector<Edge>& cycle, std::string_view what) {
    const Edge& closing = cycle.back();
    std::string_view victim = closing.owner;
    std::string_view key = closing.key;
    auto fewest = taken_along(victim).size();
    for (const auto& edge : cycle) {
        if (closing.key == "on-failure") break; // that line, whatever it takes along
        auto cost = taken_along(edge.owner).size();
        if (cost >= fewest) continue;
        fewest = cost;
        victim = edge.owner;
        key = edge.key;
    }

    std::string text(what);
    text += ": ";
    for (const auto& edge : cycle) {
        if (&edge != &cycle.front()) text += ", ";
        text += edge.text() + in_file(edge.owner);
    }
    leave_out(victim, GraphFault{std::string(victim), std::string(key), std::move(text),
                                 cycle.size() == 1 ? "take this line out"
                                                   : "take one of these lines out"});
}

std::vector<GraphFault> Checker::check() {
    report_unknown_names();
    for (auto cycle = find_cycle(edges_); !cycle.empty(); cycle = find_cycle(edges_))
        break_cycle(cycle, "dependency cycle");
    report_conflicts();
    report_loops_of_failure();

    std::set<std::string_view> named;
    for (const auto& fault : faults_) named.insert(fault.service);
    for (auto name : left_out_) {
        if (named.contains(name)) continue;
        const auto& settings = services_.find(std::string(name))->second;
        auto gone = [&](const std::string& other) { return left_out_.contains(other); };
        for (const auto& list : kNameLists) {
            if (!list.requires_them) continue;
            auto other = std::ranges::find_if(settings.*list.names, gone);
            if (other == (settings.*list.names).end()) continue;
            along_.push_back({std::string(name), std::string(list.key),
                              fmt::format("{} {} {}, which is left out", name, list.key, *other),
                              fmt::format("put {} right first", *other)});
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
