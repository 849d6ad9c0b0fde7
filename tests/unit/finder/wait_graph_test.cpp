// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "finder/wait_graph.h"

namespace leash::finder {
namespace {

// "1>2 2>1": who waits for whom; "3>x9": for 9, which is gone.
WaitGraph graph_of(std::string text) {
    WaitGraph graph;
    for (std::size_t at = 0; at < text.size();) {
        auto end = std::min(text.find(' ', at), text.size());
        auto item = text.substr(at, end - at);
        auto arrow = item.find('>');
        bool gone = item[arrow + 1] == 'x';
        Edge edge{.waiter = std::stoi(item), .owner = std::stoi(item.substr(arrow + (gone ? 2 : 1))),
                  .owner_gone = gone};
        edge.hold.address = static_cast<std::uint64_t>(edge.owner); // one lock each
        graph.add(edge);
        at = end + 1;
    }
    return graph;
}

std::string text_of(const std::vector<Knot>& knots) {
    std::string text;
    for (const auto& knot : knots) {
        text += knot.circle() ? "(" : "[";
        for (auto tid : knot.tids()) text += std::to_string(tid) + " ";
        text.back() = knot.circle() ? ')' : ']';
        if (knot.behind != 0) text += "+" + std::to_string(knot.behind);
    }
    return text;
}

TEST(WaitGraph, Knots) {
    const std::pair<const char*, const char*> rows[] = {
        {"", ""},
        {"1>2", ""},
        {"1>2 2>3 3>4", ""},
        {"1>1", "(1)"},
        {"1>2 2>1", "(1 2)"},
        {"5>9 9>7 7>5", "(5 9 7)"},
        {"1>2 2>3 3>4 4>5 5>1", "(1 2 3 4 5)"},
        {"1>2 2>1 3>1 4>3 5>6", "(1 2)+2"},
        {"1>2 2>3 3>2", "(2 3)+1"},
        {"1>2 2>1 3>4 4>3", "(1 2)(3 4)"},
        {"1>x9", "[1]"},
        {"1>x9 2>x9 3>1", "[1]+2"},
        {"1>x9 2>x8", "[1][2]"},
        {"4>x9 1>4", "[4]+1"},
    };
    for (const auto& [edges, expected] : rows)
        EXPECT_EQ(text_of(graph_of(edges).knots()), expected) << edges;
}

TEST(WaitGraph, ALongChainIsNoRecursion) {
    WaitGraph graph;
    for (int i = 1; i < 100000; ++i) graph.add({.waiter = i, .owner = i + 1});
    EXPECT_TRUE(graph.knots().empty());
    graph.add({.waiter = 100000, .owner = 1});
    EXPECT_EQ(graph.knots().front().edges.size(), 100000u);
}

TEST(WaitGraph, TheKeyTellsThreadsAndLocks) {
    auto key = graph_of("1>2 2>1").knots().front().key();
    EXPECT_EQ(key, graph_of("2>1 1>2").knots().front().key());
    WaitGraph other;
    other.add({.waiter = 1, .owner = 2});
    other.add({.waiter = 2, .owner = 1});
    EXPECT_NE(key, other.knots().front().key());
}

} // namespace
} // namespace leash::finder
