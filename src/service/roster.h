// SPDX-License-Identifier: MIT
// All services and what their descriptions say about each other, in both directions, so that no
// event has to search. A name that is only mentioned has a node as well, which is not `defined`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/lifecycle.h"

namespace leash {

struct Node;

struct Link {
    Node* node;        // the other end
    const Node* owner; // whose description says so: one of the two ends
    bool needs;        // `requires` or `binds-to`
    bool pulls;        // those or `wants`: starting the one starts the other
    bool binds;        // `binds-to`
};

// One of two that conflict: the other one, and whose description says so.
struct Rival {
    Node* node;
    const Node* owner;
};

struct Node {
    explicit Node(std::string name) : service(std::move(name)) {}

    Service service;
    bool defined = false;
    std::vector<Link> earlier; // what it starts after, and stops before
    std::vector<Link> later;   // the reverse
    std::vector<Rival> rivals; // never alive together with it

    // It waits for what may never come: a condition that does not hold, or something that itself is
    // parked. Those that only want it need not wait. See Manager::Impl::settle.
    bool parked = false;

    // Why it was started, if another one's `on-failure` did it; until it has ended.
    Seldom<std::string> troubled, trouble;
    Seldom<RateWindow> failures; // that its own on-failure has answered

    // What the manager last knew of it; see Manager::Impl::note.
    struct Seen {
        State state = State::stopped;
        bool wanted_up = false, again = false, stepped_back = false;
        StartId start = 0;
        Ms deadline = kNever;
        Sockets sockets = Sockets::closed;
        bool lazy = false, listens = false;
        friend bool operator==(const Seen&, const Seen&) = default;
    } seen;
    bool queued = false;
    bool kept = false; // the machine goes down, and it is not to be stopped
};

using Nodes = std::vector<Node*>;

class Roster {
  public:
    Node& define(ServiceSettings settings);
    // The node may be gone afterwards.
    void forget(Node& node);

    [[nodiscard]] Node* find(std::string_view name) const; // defined ones only
    [[nodiscard]] Nodes all() const;                       // defined ones, by name
    // "": nothing comes close.
    [[nodiscard]] std::string_view closest_name(std::string_view name) const;

    // Does the living start of `dependant` bind to `provider`?
    [[nodiscard]] static bool bound(const Node& dependant, const Node& provider);
    // Who says so; empty: nobody.
    [[nodiscard]] static std::vector<std::string> bound_to(const Node& provider);

    // What starting `node` pulls in (needs and wants, transitively), each after what it pulls in
    // itself; `node` comes last. May hold nodes that are not defined.
    [[nodiscard]] static Nodes pulled_in_by(Node& node);
    // What needs `node`, transitively, in the order in which it has to stop; without `node`.
    [[nodiscard]] static Nodes dependants(Node& node);

  private:
    Node& mention(const std::string& name);
    Nodes unlink(Node& node); // what its description said; returns the other ends
    void tidy(Node& node);    // removes it if nothing speaks of it any more

    std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;
};

} // namespace leash
