// SPDX-License-Identifier: MIT
// What the kernel tells, and what it never would.
#include "monitor/proc_text.h"

#include <gtest/gtest.h>

using namespace leash_monitor;

TEST(ProcText, Meminfo) {
    auto memory = parse_meminfo("MemTotal:        2000 kB\nMemFree:          100 kB\n"
                                "MemAvailable:     500 kB\nSwapCached:         7 kB\n"
                                "SwapTotal:          0 kB\n");
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->total_kb, 2000u);
    EXPECT_EQ(memory->available_kb, 500u);
    EXPECT_EQ(memory->swap_total_kb, 0u) << "SwapTotal, not SwapCached";
    for (auto text :
         {"", "MemTotal: 1 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\nSwapTotal: 0 kB\n",
          "MemTotal: x kB\nMemAvailable: 5 kB\nSwapTotal: 0 kB\n"})
        EXPECT_FALSE(parse_meminfo(text)) << text;
}

TEST(ProcText, Loadavg) {
    auto load = parse_loadavg("0.42 1.50 12.07 3/456 789\n");
    ASSERT_TRUE(load);
    EXPECT_DOUBLE_EQ(load->one, 0.42);
    EXPECT_DOUBLE_EQ(load->five, 1.5);
    EXPECT_EQ(load->tasks, 456u);
    for (auto text :
         {"", "0.42", "a b c 1/2 3", "0.42 1.50 12.07 3 4", "-1.0 1 1 1/2 3", "1. 1 1 1/2 3"})
        EXPECT_FALSE(parse_loadavg(text)) << text;
}

// The third number is 2^63 - 1 on a kernel of today.
TEST(ProcText, FileNr) {
    auto table = parse_file_nr("1024\t24\t9223372036854775807\n");
    ASSERT_TRUE(table);
    EXPECT_EQ(table->used, 1000u);
    EXPECT_EQ(table->most, 9223372036854775807u);
    for (auto text : {"", "1 2 3", "10 0 0", "10 0 99999999999999999999", "x 0 1"})
        EXPECT_FALSE(parse_file_nr(text)) << text;
}

TEST(ProcText, Pressure) {
    auto text = "some avg10=12.34 avg60=1.00 avg300=0.00 total=5\n"
                "full avg10=0.50 avg60=0.00 avg300=0.00 total=1\n";
    EXPECT_DOUBLE_EQ(parse_pressure(text, "some").value_or(-1), 12.34);
    EXPECT_DOUBLE_EQ(parse_pressure(text, "full").value_or(-1), 0.5);
    EXPECT_FALSE(parse_pressure("some avg10=0.00 total=0\n", "full")) << "cpu of an older kernel";
    EXPECT_FALSE(parse_pressure("", "some"));
    EXPECT_FALSE(parse_pressure("some avg60=1\n", "some"));
}

TEST(ProcText, Received) {
    auto text = "Inter-|   Receive\n face |bytes    packets\n    lo:  120 1 0\n  eth0:98765 3 0\n";
    EXPECT_EQ(parse_received(text, "lo"), 120u);
    EXPECT_EQ(parse_received(text, "eth0"), 98765u) << "no blank behind the colon";
    EXPECT_FALSE(parse_received(text, "eth"));
    EXPECT_FALSE(parse_received(text, "face"));
}

TEST(ProcText, Limits) {
    auto text = "Limit                     Soft Limit           Hard Limit           Units\n"
                "Max open files            1024                 4096                 files\n";
    EXPECT_EQ(parse_open_files_limit(text), 1024u);
    EXPECT_EQ(parse_open_files_limit("Max open files  unlimited unlimited files\n"), UINT64_MAX);
    EXPECT_FALSE(parse_open_files_limit("Max open files\n"));
    EXPECT_FALSE(parse_open_files_limit(""));
}

TEST(ProcText, Mountinfo) {
    auto text = "22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
                "23 22 8:2 / /var rw - ext4 /dev/sda2 ro\n"
                "24 22 8:3 / /opt ro,nosuid - ext4 /dev/sda3 rw\n"
                "25 22 8:4 / /a\\040b rw - ext4 /dev/sda4 rw\n"
                "26 22 8:5 / /var rw - ext4 /dev/sda5 rw\n";
    EXPECT_EQ(parse_read_only(text, "/"), false) << "errors=remount-ro is no ro";
    EXPECT_EQ(parse_read_only(text, "/opt"), true);
    EXPECT_EQ(parse_read_only(text, "/a b"), false);
    EXPECT_EQ(parse_read_only(text, "/var"), false) << "the last one lies on top";
    EXPECT_EQ(parse_read_only("23 22 8:2 / /var rw - ext4 /dev/sda2 ro\n", "/var"), true);
    EXPECT_EQ(parse_read_only(text, "/home"), std::nullopt);
    EXPECT_EQ(parse_read_only("1 2\n\n", "/"), std::nullopt);
}

TEST(ProcText, Numbers) {
    EXPECT_EQ(parse_number("45000\n"), 45000);
    EXPECT_EQ(parse_number("-5\n"), -5);
    for (auto text : {"", "x", "4 5", "99999999999999999999"})
        EXPECT_FALSE(parse_number(text)) << text;
    EXPECT_DOUBLE_EQ(parse_uptime("123.45 99.00\n").value_or(0), 123.45);
}
