// SPDX-License-Identifier: MIT
#include "logger/line_splitter.h"

#include <vector>

#include <gtest/gtest.h>

using namespace leash;

namespace {

struct Lines {
    LineSplitter splitter;
    std::vector<std::string> lines;
    void feed(std::string_view bytes) {
        splitter.feed(bytes, [&](std::string_view line) { lines.emplace_back(line); });
    }
    void partial(bool at_end) {
        splitter.give_partial(at_end, [&](std::string_view line) { lines.emplace_back(line); });
    }
};

std::string times(int count, std::string_view text) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
}

} // namespace

TEST(LineSplitter, Lines) {
    Lines l;
    l.feed("one\ntwo");
    EXPECT_EQ(l.lines, std::vector<std::string>{"one"});
    EXPECT_TRUE(l.splitter.has_partial());
    l.feed(" and a half\n\nthree\x01\x1b[2J\n");
    EXPECT_EQ(l.lines, (std::vector<std::string>{"one", "two and a half", "", "three\x01\x1b[2J"}));
    EXPECT_FALSE(l.splitter.has_partial());
}

TEST(LineSplitter, APartialLine) {
    Lines l;
    l.feed("login: ");
    l.partial(false);
    l.feed("root");
    l.partial(true);
    l.partial(true);
    EXPECT_EQ(l.lines, (std::vector<std::string>{"login: \\", "root"}));
}

TEST(LineSplitter, LongLines) {
    Lines exact;
    exact.feed(std::string(1024, 'a') + "\n");
    EXPECT_EQ(exact.lines, std::vector<std::string>{std::string(1024, 'a')});

    Lines longer;
    longer.feed(std::string(3000, 'a') + "\nb\n");
    EXPECT_EQ(longer.lines, (std::vector<std::string>{std::string(1023, 'a') + "\\",
                                                      std::string(1023, 'a') + "\\",
                                                      std::string(954, 'a'), "b"}));
    Lines bytewise;
    for (int i = 0; i < 3000; ++i) bytewise.feed("a");
    bytewise.feed("\nb\n");
    EXPECT_EQ(bytewise.lines, longer.lines);
}

TEST(LineSplitter, CutsBetweenCharacters) {
    Lines l;
    l.feed("x" + times(600, "\xc3\xa9") + "\n");
    ASSERT_EQ(l.lines.size(), 2U);
    EXPECT_EQ(l.lines[0].size(), 1024U); // 1 + 2 * 511 and the mark
    EXPECT_EQ(l.lines[1].size(), 2U * 89);
    Lines euro;
    euro.feed(times(400, "\xe2\x82\xac") + "\n");
    ASSERT_EQ(euro.lines.size(), 2U);
    EXPECT_EQ(euro.lines[0].size(), 1024U); // 3 * 341 and the mark
    Lines broken;
    broken.feed(std::string(2000, '\x80') + "\n");
    EXPECT_EQ(broken.lines.size(), 2U);
}
