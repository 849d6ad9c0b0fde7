// SPDX-License-Identifier: MIT
#include "base/shell_words.h"

#include <gtest/gtest.h>

using namespace leash;
using Words = std::vector<std::string>;

TEST(ShellWords, SplitsAsTheShellQuotes) {
    struct Case {
        const char* text;
        Words words;
    };
    for (const auto& [text, words] :
         {Case{"", {}}, {"  \t ", {}}, {"a", {"a"}}, {" a  b\tc ", {"a", "b", "c"}},
          {"'a b' c", {"a b", "c"}}, {"'a'\"b\"c", {"abc"}}, {"''", {""}}, {"a '' b", {"a", "", "b"}},
          {R"(a\ b)", {"a b"}}, {R"('a\b')", {R"(a\b)"}}, {R"("a\"b\\c\$d\`e")", {"a\"b\\c$d`e"}},
          {R"("a\nb")", {R"(a\nb)"}}, {R"("it's")", {"it's"}}, {R"(it\'s)", {"it's"}},
          {"$HOME *.c a;b #c", {"$HOME", "*.c", "a;b", "#c"}}, {R"(\\)", {"\\"}}}) {
        auto split = split_command(text);
        ASSERT_TRUE(split) << text << ": " << split.error().text;
        EXPECT_EQ(*split, words) << text;
        EXPECT_EQ(split_command(join_command(words)).value(), words) << text;
    }
}

TEST(ShellWords, Refused) {
    EXPECT_EQ(split_command("a 'b c").error().text, "the quote ' opened before 'b c' is never closed");
    EXPECT_FALSE(split_command("\"a\\\""));
    EXPECT_FALSE(split_command("a\\"));
    EXPECT_FALSE(split_command(std::string_view("a\0b", 3)));
}

TEST(ShellWords, JoinQuotesOnlyWhatNeedsIt) {
    EXPECT_EQ(join_command({"/bin/x", "-a=b", "c d", "", "it's", "a,b"}),
              R"(/bin/x -a=b 'c d' '' 'it'\''s' 'a,b')");
}

TEST(ShellWords, FindUnquoted) {
    EXPECT_EQ(find_unquoted("a,b", ","), 1U);
    EXPECT_EQ(find_unquoted("'a,b',c", ","), 5U);
    EXPECT_EQ(find_unquoted(R"("a\",b",c)", ","), 7U);
    EXPECT_EQ(find_unquoted(R"(a\,b,c)", ","), 4U);
    EXPECT_EQ(find_unquoted("'a,b", ","), 4U);
}
