// SPDX-License-Identifier: MIT
#include "service/graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace leash;

namespace {

// "a: requires b c, after d" each.
std::map<std::string, ServiceSettings> services(const std::vector<std::string>& lines) {
    std::map<std::string, ServiceSettings> all;
    for (const auto& line : lines) {
        auto colon = line.find(':');
        ServiceSettings s;
        s.name = line.substr(0, colon);
        std::vector<std::string>* list = nullptr;
        std::string word;
        for (char c : line.substr(colon + 1) + " ") {
            if (c != ' ' && c != ',') {
                word += c;
                continue;
            }
            if (word == "requires") list = &s.needs;
            else if (word == "wants") list = &s.wants;
            else if (word == "after") list = &s.after;
            else if (word == "before") list = &s.before;
            else if (word == "binds-to") list = &s.binds;
            else if (word == "conflicts") list = &s.conflicts;
            else if (word == "on-failure") list = &s.on_failure;
            else if (word == "manual") s.start = StartMode::manual;
            else if (!word.empty()) list->push_back(word);
            word.clear();
        }
        all[s.name] = s;
    }
    return all;
}

std::vector<std::string> left_out(const std::vector<std::string>& lines) {
    std::vector<std::string> names;
    for (const auto& fault : check_graph(services(lines)))
        names.push_back((fault.fatal ? "" : "?") + fault.service + "." + fault.key);
    return names;
}

} // namespace

using Names = std::vector<std::string>;

TEST(Graph, LeavesOut) {
    struct Case {
        Names lines, faults;
    };
    for (const auto& [lines, faults] : std::initializer_list<Case>{
             {{}, {}},
             {{"a: requires b, wants c, after d", "b:", "c: before d", "d:"}, {}},
             {{"a: requires b", "b: requires c", "c:", "d: requires a b c"}, {}},
             // names that lead nowhere
             {{"a: requires x"}, {"a.requires"}},
             {{"a: wants x, after y, before z"}, {"?a.wants", "?a.after", "?a.before"}},
             {{"a: requires x", "b: requires a", "c: wants b, after b"},
              {"a.requires", "b.requires"}},
             // a cycle of one
             {{"a: requires a"}, {"a.requires"}},
             {{"a: after a", "b: requires a"}, {"a.after", "b.requires"}},
             {{"a: before a"}, {"a.before"}},
             // of two: all require each other, so all go; else one is enough
             {{"a: requires b", "b: requires a"}, {"b.requires", "a.requires"}},
             {{"a: after b", "b: after a"}, {"b.after"}},
             {{"a: requires b", "b: after a"}, {"a.requires"}},
             {{"a: after b", "b: requires a"}, {"b.requires"}},
             {{"a: after b, before b", "b:"}, {"a.before"}},
             {{"a: before b", "b: before a"}, {"a.before"}},
             // of five
             {{"a: after b", "b: after c", "c: after d", "d: after e", "e: after a"}, {"e.after"}},
             {{"a: after b", "b: requires c", "c: requires d", "d: requires e", "e: after a"},
              {"a.after"}},
             // two cycles that share one service: it alone goes
             {{"a: after b", "b: after a c", "c: after b"}, {"b.after"}},
             // two cycles apart, and what is well stays
             {{"a: after b", "b: after a", "c: after d", "d: after c", "e: after a c"},
              {"b.after", "d.after"}},
             // binds-to is requires
             {{"a: binds-to x", "b: binds-to a"}, {"a.binds-to", "b.binds-to"}},
             {{"a: binds-to b", "b: binds-to c", "c: after a"}, {"a.binds-to"}},
             {{"a: conflicts x, on-failure y"}, {"?a.conflicts", "?a.on-failure"}},
             // conflicts
             {{"a: conflicts b", "b:"}, {"a.conflicts"}},
             {{"a: conflicts b", "b: conflicts a"}, {"a.conflicts"}},
             {{"a: conflicts b", "b: manual"}, {}},
             {{"a: conflicts a"}, {"a.conflicts"}},
             {{"a: conflicts b, requires b", "b: manual"}, {"a.conflicts"}},
             {{"a: manual, requires b c", "b: manual conflicts c", "c: manual"}, {"a.requires"}},
             {{"a: manual, requires b", "b: manual binds-to c conflicts d", "c: manual requires d",
               "d: manual"},
              {"b.conflicts", "a.requires"}},
             // a failure that would start itself
             {{"a: on-failure b", "b:"}, {}},
             {{"a: on-failure a"}, {"a.on-failure"}},
             {{"a: on-failure b", "b: on-failure a"}, {"a.on-failure"}},
             {{"a: on-failure b", "b: requires a"}, {"a.on-failure", "b.requires"}},
             {{"a: on-failure b", "b: wants c", "c: binds-to a"}, {"a.on-failure", "c.binds-to"}},
             {{"a: on-failure b", "b: after a"}, {}},
         })
        EXPECT_EQ(left_out(lines), faults) << (lines.empty() ? "" : lines.front());
}

TEST(Graph, TextsAndHints) {
    auto faults = check_graph(services({"web: requires netwrok, after b", "b: after web",
                                        "network: wants qqq", "x: requires web"}));
    ASSERT_EQ(faults.size(), 3U);
    EXPECT_EQ(faults[0].text, "web requires netwrok, which does not exist");
    EXPECT_EQ(faults[0].hint, "did you mean network?");
    EXPECT_EQ(faults[1].service, "x");
    EXPECT_EQ(faults[1].text, "x requires web, which is left out");
    EXPECT_FALSE(faults[2].fatal);
    EXPECT_EQ(faults[2].hint, "add qqq.conf, or take qqq out of wants");

    auto cycle = check_graph(services({"a: requires b", "b: after a"}));
    ASSERT_EQ(cycle.size(), 1U);
    EXPECT_EQ(cycle[0].text, "dependency cycle: a requires b, b after a");
}

TEST(Graph, AThousandInARing) {
    std::vector<std::string> lines;
    for (int i = 0; i < 1000; ++i)
        lines.push_back(fmt::format("s{:03}: after s{:03}", i, (i + 1) % 1000));
    EXPECT_EQ(left_out(lines), Names{"s999.after"});
}

TEST(Graph, NamesFiles) {
    auto all = services({"a: requires b", "b: after a", "x: conflicts y", "y:"});
    for (auto& [name, settings] : all) settings.file = "services.d/" + name + ".conf";
    auto faults = check_graph(all);
    ASSERT_EQ(faults.size(), 2U);
    EXPECT_EQ(faults[0].text, "dependency cycle: a requires b (services.d/a.conf), "
                              "b after a (services.d/b.conf)");
    EXPECT_EQ(faults[1].text, "x (services.d/x.conf) conflicts with y (services.d/y.conf), "
                              "and both have start = auto");
}
