// SPDX-License-Identifier: MIT
// Who waits for whom. A thread sleeps at one lock at a time, so that the graph is a set of chains: each
// ends at a thread that waits for nobody, at an owner that is gone, or in a circle. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "finder/locks.h"

namespace leash::finder {

struct Edge {
    std::int32_t waiter = 0; // a tid, as all numbers here
    std::int32_t owner = 0;
    bool owner_gone = false; // no such thread any more, or not in this process: it cannot let go
    bool elsewhere = false;  // with owner_gone: it lives, in the process that this one was forked from
    // With owner_gone: the waiter is the owner of `hold`, which `owner` waits for; the kernel has refused it
    // another lock, nobody knows which, and it sleeps for ever (refused_lock.h).
    bool refused = false;
    Hold hold;
};

struct Knot {
    std::vector<Edge> edges;  // a circle, from its smallest tid on; or one edge with owner_gone
    std::uint32_t behind = 0; // other threads that wait for these locks, also through others
    [[nodiscard]] bool circle() const { return !edges.front().owner_gone; }
    [[nodiscard]] std::vector<std::int32_t> tids() const;
    // The same threads at the same locks.
    [[nodiscard]] std::string key() const;
};

class WaitGraph {
  public:
    void add(const Edge& edge) { edges_[edge.waiter] = edge; }
    [[nodiscard]] const Edge* of(std::int32_t tid) const;
    // The edge to `tid` with the smallest waiter; null: nobody waits for it.
    [[nodiscard]] const Edge* first_waiting_for(std::int32_t tid) const;
    // In the order of their smallest waiting tid. Those that wait at the same lock of an owner that is
    // gone are one knot: the first of them, and the others behind it.
    [[nodiscard]] std::vector<Knot> knots() const;

  private:
    std::unordered_map<std::int32_t, Edge> edges_;
};

} // namespace leash::finder
