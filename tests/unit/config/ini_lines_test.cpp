// SPDX-License-Identifier: MIT
#include "config/ini_lines.h"

#include <chrono>

#include <gtest/gtest.h>

#include "helpers.h"

using namespace leash;

namespace {

struct Read {
    IniText ini;
    std::vector<Complaint> complaints;

    explicit Read(const std::string& text) {
        FileComplaints collector(complaints, "f.conf");
        ini = read_ini(text, collector);
    }
    [[nodiscard]] std::string entries() const {
        std::string out;
        for (const auto& e : ini.entries)
            out += fmt::format("{}:{}/{}={}|", e.line,
                               ini.sections[static_cast<std::size_t>(e.section)].name, e.key,
                               e.value);
        return out;
    }
};

} // namespace

TEST(IniLines, Good) {
    struct {
        std::string text, entries;
    } const rows[] = {
        {"", ""},
        {"\n\n\n", ""},
        {"; c\n# c\n  # c\n", ""},
        {"[s]\na=1\n", "2:s/a=1|"},
        {"[s]\na = 1", "2:s/a=1|"},                     // no newline at the end
        {"[s]\r\na = 1 \r\nb=2\r\n", "2:s/a=1|3:s/b=2|"}, // CRLF
        {"\t [ s ] \n  a\t=\t1\t\n", "2:s/a=1|"},
        {"[s]\na = b = c : d\n", "2:s/a=b = c : d|"},
        {"[s]\na = sh -c 'x; y # z'\n", "2:s/a=sh -c 'x; y # z'|"}, // no inline comments
        {"[s]\na = 1 ; no comment\n", "2:s/a=1 ; no comment|"},
        {"[s]\na =\n", "2:s/a=|"},
        {"[s]\na=1\n b=2\n", "2:s/a=1|3:s/b=2|"}, // not a continuation
        {"[s]\na=\xc3\xbc\n", "2:s/a=\xc3\xbc|"},
        {"[s]\na=1\n[t]\na=2\n[s]\na=3\n", "2:s/a=1|4:t/a=2|6:s/a=3|"},
        {"[" + std::string(200, 'x') + "]\na=1", "2:" + std::string(200, 'x') + "/a=1|"},
    };
    for (const auto& row : rows) {
        Read read(row.text);
        EXPECT_EQ(read.entries(), row.entries) << row.text;
        EXPECT_EQ(all(read.complaints), "") << row.text;
    }
}

TEST(IniLines, Bad) {
    struct {
        std::string text, complaint, entries;
    } const rows[] = {
        {"[s]\nword\na=1\n", "f.conf:2: 'word' is neither [section] nor key = value", "3:s/a=1|"},
        {"[s]\n\n  --more\n", "f.conf:3: '--more' is neither", ""},
        {"[s]\ncommand: x\n", "f.conf:2: command: ':' after the key; use '=': command = ...", ""},
        {"[s]\na: b = c\n", "f.conf:2: a: ':' after the key", ""},
        {"[s]\n= 1\n", "f.conf:2: no key before '='", ""},
        {"[s]\n: 1\n", "f.conf:2: KEY: ':' after the key", ""},
        {"a = 1\nb = 2\n[s]\nc=3", "f.conf:1: a: stands before any [section]", "4:s/c=3|"},
        {"[s\na=1\n[t]\nb=2", "f.conf:1: '[s' has no ']'", "4:t/b=2|"},
        {"[s] x\na=1\n", "f.conf:1: ' x' follows the section's name", ""},
        {"[s] # c\n", "a comment needs a line of its own", ""},
        {"[s]\na=\x1b[31mred\nb=1", "f.conf:2: control character 0x1b in column 3", "3:s/b=1|"},
        {"[s]\na=1\rb=2\n", "f.conf:2: control character 0x0d in column 4", ""},
        {std::string("[s]\na=\0b\nc=1", 12), "f.conf:2: control character 0x00", "3:s/c=1|"},
        {"[s]\n# \xff\n", "f.conf:2: byte 0xff in column 3 is not UTF-8", ""},
        {std::string("\xff\xfe[\0s\0]\0", 8), "f.conf:1: byte 0xff in column 1 is not UTF-8", ""},
    };
    for (const auto& row : rows) {
        Read read(row.text);
        EXPECT_EQ(read.entries(), row.entries) << row.text;
        EXPECT_TRUE(has(read.complaints, row.complaint)) << row.text;
        EXPECT_EQ(read.complaints.size(), 1U) << all(read.complaints);
    }
}

TEST(IniLines, ByteOrderMarkIsAWarningAndHidesNothing) {
    Read read("\xEF\xBB\xBF[s]\na=1\n");
    EXPECT_EQ(read.entries(), "2:s/a=1|");
    EXPECT_TRUE(has(read.complaints, "f.conf:1: warning: the file begins with a byte order mark"));
}

TEST(IniLines, LongLinesAreWholeOrAnError) {
    for (std::size_t length : {1, 199, 200, 201, 4095, 4096, 4097, 5000, 8192, 100'000}) {
        for (std::string end : {"", "\n", "\r\n"}) {
            std::string value(length > 2 ? length - 2 : 1, 'x');
            Read read("[s]\na=" + value + end + (end.empty() ? "" : "b=1\n"));
            if (length <= kMaxConfigLine) {
                ASSERT_FALSE(read.ini.entries.empty()) << length;
                EXPECT_EQ(read.ini.entries[0].value, value) << length;
                EXPECT_EQ(all(read.complaints), "");
            } else {
                EXPECT_TRUE(has(read.complaints, fmt::format("f.conf:2: the line has {} bytes; "
                                                             "allowed: 4096", length)));
                EXPECT_EQ(read.complaints.size(), 1U);
            }
            if (!end.empty()) {
                EXPECT_EQ(read.ini.entries.back().key, "b");
                EXPECT_EQ(read.ini.entries.back().line, 3);
            }
        }
    }
}

TEST(IniLines, LongCommentAndLongSection) {
    Read comment("# " + std::string(5000, 'x') + "\n[s]\na=1");
    EXPECT_EQ(comment.complaints.size(), 1U);
    EXPECT_EQ(comment.entries(), "3:s/a=1|");
}

// PID 1 parses: the slowest file that fits must not hold up its loop. The limit is far above what it
// takes even under sanitizers, and far below what hints for every line would cost.
TEST(IniLines, UnknownKeysAreCheap) {
    std::string lines;
    while (lines.size() < kMaxConfigFileSize) lines += "abcdefghij=\n";
    auto before = std::chrono::steady_clock::now();
    auto catalog = load_service(lines);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(1500));
    EXPECT_TRUE(has(catalog.complaints, "more faults, not shown"));
}

TEST(IniLines, RubbishIsBounded) {
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += "x\n";
    Read read(text);
    EXPECT_EQ(read.complaints.size(), static_cast<std::size_t>(FileComplaints::kMaxPerFile) + 1);
    EXPECT_TRUE(has(read.complaints, "29950 more faults, not shown"));
}
