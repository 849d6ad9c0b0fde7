// SPDX-License-Identifier: MIT
// A record as text: whole or nothing.
#include "watchdog/causes/record.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace leash_watchdog {
namespace {

Record full() {
    Record r;
    put(r.cause, "missed-heartbeat");
    put(r.end, "reboot");
    put(r.service, "httpd");
    put(r.client, "main loop");
    r.task = 123;
    put(r.task_name, "httpd worker");
    put(r.evidence, "no heartbeat for 3.0 s = \"too long\"; ä");
    r.date = 1'795'000'000;
    r.uptime_ms = 61'005;
    r.resets = 3;
    r.boots = 7;
    r.failed = 1;
    r.inferred = r.counts = true;
    put(r.life, "0e3c1f0a-0000-4000-8000-000000000000");
    put(r.wdt, "CARDRESET");
    r.pstore = 1'794'000'000;
    return r;
}

std::string text_of(const Record& record) {
    char text[kRecordText];
    return {text, encode(record, text, sizeof text)};
}

TEST(Record, reads_what_it_writes) {
    for (const Record& record : {Record{}, full()}) {
        Record again;
        ASSERT_TRUE(decode(text_of(record), again)) << text_of(record);
        EXPECT_EQ(text_of(again), text_of(record));
    }
}

TEST(Record, people_can_read_it) {
    auto text = text_of(full());
    for (const char* line : {"cause        = missed-heartbeat\n", "service      = httpd\n",
                             "task         = 123\n", "date         = 2026-11-18T11:06:40Z\n",
                             "uptime       = 61.005\n", "inferred     = yes\n", "resets       = 3\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(Record, the_longest_one_has_room) {
    Record r;
    std::string longest(1000, 'x');
    put(r.cause, longest), put(r.end, longest), put(r.service, longest), put(r.client, longest);
    put(r.task_name, longest), put(r.evidence, longest), put(r.life, longest), put(r.wdt, longest);
    r.task = INT32_MAX;
    r.date = r.pstore = 253'402'300'799;
    r.uptime_ms = 999'999'999'999;
    r.resets = r.boots = r.failed = UINT32_MAX;
    auto text = text_of(r);
    Record again;
    ASSERT_TRUE(decode(text, again)) << text.size();
    EXPECT_EQ(text_of(again), text);
}

TEST(Record, every_change_of_a_byte_is_seen) {
    auto text = text_of(full());
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto damaged = text;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        Record record;
        EXPECT_FALSE(decode(damaged, record)) << i;
        EXPECT_FALSE(decode(text.substr(0, i), record)) << i; // torn
    }
    Record record;
    EXPECT_FALSE(decode(text + "x", record));
    EXPECT_FALSE(decode("", record));
}

TEST(Record, control_characters_become_blanks_and_cuts_keep_characters_whole) {
    char place[8];
    put(place, " a\nb\x7f" "c ");
    EXPECT_STREQ(place, "a b c");
    put(place, "\x7f a"); // a blank in front would be lost when it is read
    EXPECT_STREQ(place, "a");
    put(place, "123456ä7"); // ä would be cut in the middle
    EXPECT_STREQ(place, "123456");
    put(place, "12345ä7");
    EXPECT_STREQ(place, "12345ä");
}

TEST(Record, codes_are_those_of_watchdogd) {
    for (int code = 2; code <= 10; ++code) EXPECT_EQ(code_of(cause_of_code(code)), code);
    EXPECT_EQ(cause_of_code(11), nullptr);
    EXPECT_EQ(cause_of_code(-1), nullptr);
    EXPECT_EQ(code_of("missed-heartbeat"), 5);
    EXPECT_EQ(code_of("panic"), 7);
    EXPECT_EQ(code_of("deadlock"), 6);
    EXPECT_TRUE(is_planned("requested"));
    EXPECT_FALSE(is_planned("crash-loop"));
}

TEST(History, keeps_the_newest) {
    auto history = std::make_unique<History>();
    std::string text;
    for (unsigned i = 0; i < kRing + 5; ++i) {
        Record r = full();
        r.boots = i;
        text += text_of(r);
    }
    decode_history(text, *history);
    EXPECT_EQ(history->count, kRing);
    EXPECT_EQ(history->ring[0].boots, 5u);
    EXPECT_EQ(history->ring[kRing - 1].boots, kRing + 4);
    EXPECT_EQ(history->damaged, 0u);
}

TEST(History, a_damaged_record_takes_no_other_with_it) {
    auto one = text_of(full());
    auto torn = one.substr(0, one.size() / 2);
    auto damaged = one;
    damaged[40] ^= 1;
    const struct {
        std::string text;
        std::size_t records;
        unsigned damaged;
    } table[] = {
        {"", 0, 0},           {one + one, 2, 0},   {one + torn, 1, 1},      {torn + one, 0, 1},
        {one + damaged + one, 2, 1}, {"rubbish", 0, 1},   {one + "x\ny\n" + one, 2, 1},
        {torn + "\n" + one + one, 2, 1},
    };
    for (const auto& row : table) {
        auto history = std::make_unique<History>();
        decode_history(row.text, *history);
        EXPECT_EQ(history->count, row.records) << row.text;
        EXPECT_EQ(history->damaged, row.damaged) << row.text;
    }
}

} // namespace
} // namespace leash_watchdog
