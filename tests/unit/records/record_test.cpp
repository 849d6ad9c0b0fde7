// SPDX-License-Identifier: MIT
// What a record looks like, and that whatever is not whole is seen.
#include "records/record.h"

#include <gtest/gtest.h>

using namespace leash::records;
using leash::Ms;

namespace {

std::string line_of(std::uint64_t number, const std::string& evidence = "no sign of life for 10s") {
    Record record;
    record.event = "trouble";
    record.service = "httpd";
    record.kind = "missed-heartbeat";
    record.evidence = evidence;
    return encode(record, {"b00t", number}, 1'795'354'800, Ms{61'000});
}

std::string without_check(const std::string& line) { return line.substr(0, line.rfind(",\"check\"")); }

} // namespace

TEST(Record, Text) {
    EXPECT_EQ(without_check(line_of(7)),
              R"({"seq":7,"boot":"b00t","date":"2026-11-22T13:40:00Z","uptime_ms":61000,)"
              R"("event":"trouble","service":"httpd","kind":"missed-heartbeat",)"
              R"("evidence":"no sign of life for 10s")");
    Record all;
    all.event = "step";
    all.source = "monitor memory";
    all.start = 0x1234;
    all.kind = "memory";
    all.level = 60;
    all.evidence = "e";
    all.answer = "report; then reboot in 5m";
    all.next = "reboot";
    all.due = Ms{300'000};
    all.state = "running";
    all.main_pid = 12;
    all.restarts = 0;
    all.result = "done";
    all.file = "/f";
    all.facts = R"({"tasks":[]})";
    all.dropped = 3;
    EXPECT_EQ(without_check(encode(all, {"b", 1}, 0, Ms{0})),
              R"({"seq":1,"boot":"b","date":"1970-01-01T00:00:00Z","uptime_ms":0,"event":"step",)"
              R"("source":"monitor memory","start_id":"0000000000001234","kind":"memory","level":60,)"
              R"("evidence":"e","answer":"report; then reboot in 5m","next":"reboot","due_ms":300000,)"
              R"("state":"running","main_pid":12,"restarts":0,"result":"done","file":"/f",)"
              R"("dropped":3,"facts":{"tasks":[]})");
}

TEST(Record, AnyTextFits) {
    for (const std::string& text : {std::string("two\nlines \"and\" \\ more"), std::string(100'000, 'x'),
                                    std::string("\xff\xfe\0z", 4), std::string(511, 'a') + "\xc3\xa4"}) {
        auto line = line_of(3, text);
        EXPECT_EQ(line.find('\n'), std::string::npos);
        EXPECT_LE(line.size(), kMostLine);
        EXPECT_EQ(key_of(line), (Key{"b00t", 3}));
    }
    Record record;
    record.facts = "{\"a\":\"" + std::string(kMostLine, 'x') + "\"}";
    EXPECT_TRUE(key_of(encode(record, {"b", 1}, 0, Ms{0}))) << "facts too long: left out";
    record.facts = "{\n}";
    EXPECT_EQ(encode(record, {"b", 1}, 0, Ms{0}).find("facts"), std::string::npos);
}

// A new life goes on with the boot of the last record, and its records are of the same one.
TEST(Record, TheBootStaysTheSameHoweverOftenItIsTakenUp) {
    for (const std::string& boot : {std::string("0b1c-2D"), std::string("0b1c\n"), std::string("\"\\x"),
                                    std::string(100, '-'), std::string()}) {
        auto first = key_of(encode({}, {boot, 1}, 0, Ms{0}));
        ASSERT_TRUE(first);
        if (boot == "0b1c-2D") { EXPECT_EQ(first->boot, boot); }
        EXPECT_EQ(key_of(encode({}, {first->boot, 2}, 0, Ms{0})), (Key{first->boot, 2}));
    }
}

TEST(Record, EveryBitCounts) {
    const auto line = line_of(42);
    ASSERT_TRUE(key_of(line));
    for (std::size_t i = 0; i < line.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            auto flipped = line;
            flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
            EXPECT_FALSE(key_of(flipped)) << "bit " << bit << " of byte " << i;
        }
    for (std::size_t length = 0; length < line.size(); ++length)
        EXPECT_FALSE(key_of(line.substr(0, length))) << length;
}

TEST(Record, Lines) {
    const auto a = line_of(1), b = line_of(2), c = line_of(3);
    struct {
        std::string text;
        std::size_t whole, damaged;
        bool torn;
    } const rows[] = {
        {"", 0, 0, false},
        {"\n\n", 0, 0, false},
        {a + "\n" + b + "\n" + c + "\n", 3, 0, false},
        {a + "\n" + b.substr(0, 50), 1, 1, true}, // a power cut
        {a + "\n" + b, 2, 0, true},               // ... right before the end of the line
        {a + "\n" + b.substr(0, 50) + "\n" + c + "\n", 2, 1, false},
        {a + "\n" + a + "\n" + b + "\n", 2, 0, false}, // in two places
        {std::string(4096, '\0') + "\n" + c + "\n", 1, 1, false}, // never came to the disk
        {"no record\n{}\n" + c + "\n", 1, 2, false},
        {std::string(2 * kMostLine, 'x') + "\n" + c + "\n", 1, 1, false},
    };
    for (const auto& row : rows) {
        auto lines = lines_of(row.text);
        EXPECT_EQ(lines.whole.size(), row.whole) << row.text;
        EXPECT_EQ(lines.damaged, row.damaged) << row.text;
        EXPECT_EQ(lines.torn, row.torn) << row.text;
    }
}
