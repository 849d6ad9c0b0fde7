// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/whole_file.h"

using namespace leash;

TEST(Text, ClosestWord) {
    std::vector<std::string_view> keys{"restart", "restart-delay", "requires", "watchdog"};
    EXPECT_EQ(closest_word("restrat", keys), "restart");
    EXPECT_EQ(closest_word("watchdgo", keys), "watchdog");
    EXPECT_EQ(closest_word("require", keys), "requires");
    EXPECT_EQ(closest_word("colour", keys), "");
}

TEST(Text, Split) {
    EXPECT_EQ(split(" a , b,,c", ',').size(), 4U);
    EXPECT_EQ(split(" a , b,,c", ',', true).size(), 3U);
    EXPECT_TRUE(split("", ',', true).empty());
}

TEST(WholeFile, AValueIsWithoutTheEndOfItsLine) {
    EXPECT_EQ(read_value("/proc/sys/kernel/ostype"), "Linux");
    EXPECT_EQ(read_whole_file("/proc/sys/kernel/ostype"), "Linux\n");
    EXPECT_EQ(read_value("/proc/self/cmdline").find('\n'), std::string::npos);
    EXPECT_EQ(read_value("/not-there"), "");
}

TEST(Text, PrintableHidesControlAndBrokenBytes) {
    EXPECT_EQ(printable("a\x1b[31mb"), "a?[31mb");
    EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(printable("\xff\xc0\xaf"), "???");
    EXPECT_EQ(printable("\xc2\x9b"), "?"); // C1 control
}

TEST(Json, NoControlCharacterReachesATerminal) {
    JsonWriter json;
    json.string("\x7f\xc2\x80\xc2\x9b[2J\xc2\x9f\xc2\xa0\xc3\x9b");
    EXPECT_EQ(json.text(), "\"\\u007f\\u0080\\u009b[2J\\u009f\xc2\xa0\xc3\x9b\"");
}

TEST(Json, EscapesAndReplaces) {
    JsonWriter json;
    json.begin_object().key("a").string("q\"\\\n\x01\xff\xc3\xa4").key("n").null().key("l");
    json.begin_array().number(-1).boolean(true).begin_object().end_object().end_array().end_object();
    EXPECT_EQ(json.text(),
              "{\"a\":\"q\\\"\\\\\\n\\u0001\\ufffd\xc3\xa4\",\"n\":null,\"l\":[-1,true,{}]}");
}

TEST(Text, NumberBehind) {
    constexpr std::string_view text =
        "MemFree:  12 kB\nMemTotal:       2048 kB\nshmem 7\nempty \nlast 9";
    EXPECT_EQ(number_behind(text, "MemTotal:"), 2048u);
    EXPECT_EQ(number_behind(text, "shmem "), 7u);
    EXPECT_EQ(number_behind(text, "last "), 9u);
    EXPECT_FALSE(number_behind(text, "Total:")) << "only at the beginning of a line";
    EXPECT_FALSE(number_behind(text, "empty "));
    EXPECT_FALSE(number_behind("", "x"));
}

TEST(Text, UnescapeOctal) {
    EXPECT_EQ(unescape_octal("/a\\040b\\134c\\011"), "/a b\\c\t");
    for (std::string_view plain : {"", "\\", "\\04", "\\0a0", "\\089", "/x\\"})
        EXPECT_EQ(unescape_octal(plain), plain);
}
