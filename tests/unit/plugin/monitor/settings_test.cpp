// SPDX-License-Identifier: MIT
// A section as values, on its way to the helper and back; reports.
#include "monitor/report.h"
#include "monitor/settings.h"

#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

using namespace leash_monitor;

namespace {

using Keys = std::map<std::string, std::string>;

Lookup of(const Keys& keys) {
    return [&keys](const char* key) {
        auto found = keys.find(key);
        return found == keys.end() ? nullptr : found->second.c_str();
    };
}

} // namespace

TEST(MonitorSettings, ReadAndHandedOn) {
    Keys disk{{"type", "filesystem"}, {"path", "/var"},          {"interval", "500ms"},
              {"warning", "70.5%"},   {"critical", "none"},      {"clear", "60"},
              {"after", "3"},         {"on-critical", "reboot"}, {"timeout", "2 s"}};
    Keys script{
        {"type", "script"}, {"command", "/bin/x 'a b'"}, {"after", "1m"}, {"min-free", "8 M"}};
    auto lines = lines_of("disk", of(disk)) + lines_of("a script", of(script));
    auto all = settings_of(lines);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].name, "disk");
    EXPECT_EQ(all[0].type, Type::filesystem);
    EXPECT_EQ(all[0].interval_ms, 500);
    EXPECT_EQ(all[0].timeout_ms, 2000);
    EXPECT_EQ(all[0].warning, 70.5);
    EXPECT_EQ(all[0].critical, std::nullopt);
    EXPECT_DOUBLE_EQ(all[0].margin(), 10.5);
    EXPECT_EQ(all[0].after_samples, 3);
    EXPECT_EQ(all[0].on_critical, "reboot");
    EXPECT_EQ(all[1].name, "a script");
    EXPECT_EQ(all[1].after_ms, 60'000);
    EXPECT_EQ(all[1].min_free, 8u << 20);
    EXPECT_EQ(all[1].warning, 1.0);
    EXPECT_EQ(all[1].critical, 2.0) << "two levels of its own: never one for both";
    EXPECT_EQ(all[1].margin(), 0);
}

TEST(MonitorSettings, WhatMakesNoSense) {
    Settings settings;
    struct {
        Keys keys;
        const char* fault;
    } const rows[] = {
        {{}, "type =  is none"},
        {{{"type", "lod"}}, "type = lod is none"},
        {{{"type", "script"}}, "it has no command"},
        {{{"type", "script"}, {"command", "'open"}}, "it has no command"},
        {{{"type", "filesystem"}}, "it has no path"},
        {{{"type", "network"}}, "it has neither interface nor ping"},
        {{{"type", "load"}, {"interval", "soon"}}, "interval = soon cannot be understood"},
        {{{"type", "load"}, {"warning", "1.2345"}}, "warning = 1.2345 cannot be understood"},
        {{{"type", "load"}, {"after", "0"}}, ""},
    };
    for (const auto& row : rows)
        EXPECT_EQ(read_settings("m", of(row.keys), settings), row.fault);
    auto all = settings_of("name=a\ntype=nothing\nname=b\ntype=load\ngarbage\n=\n");
    ASSERT_EQ(all.size(), 2u) << "it keeps its place";
    EXPECT_FALSE(all[0].enabled);
    EXPECT_TRUE(all[1].enabled);
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "name=m\ntype=load\n";
    EXPECT_EQ(settings_of(many).size(), kMostMonitors);
}

TEST(MonitorSettings, CommandsAsTheShellQuotesThem) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(split_command("/bin/x a  b"), (Words{"/bin/x", "a", "b"}));
    EXPECT_EQ(split_command("x 'a b' \"c \\\" $d\" e\\ f ''"),
              (Words{"x", "a b", "c \" $d", "e f", ""}));
    for (auto text : {"", "  ", "x 'a", "x \\", "'' a"})
        EXPECT_EQ(split_command(text), Words{}) << text;
}

TEST(MonitorReport, OnlyWhatAHelperWouldSend) {
    Report good, read;
    good.monitor = 1;
    good.value = 12.5;
    good.say("a\nb");
    EXPECT_TRUE(read_report(&good, sizeof good, 2, read));
    EXPECT_STREQ(read.text, "a?b");
    EXPECT_TRUE(read_report(&good, sizeof good, 2, read));
    EXPECT_FALSE(read_report(&good, sizeof good - 1, 2, read));
    EXPECT_FALSE(read_report(&good, sizeof good, 1, read)) << "there is no such monitor";
    auto refused = [&](auto change) {
        Report bad = good;
        change(bad);
        return !read_report(&bad, sizeof bad, 2, read);
    };
    EXPECT_TRUE(refused([](Report& r) { r.magic = 1; }));
    EXPECT_TRUE(refused([](Report& r) { r.fault = 3; }));
    EXPECT_TRUE(refused([](Report& r) { r.cap = 3; }));
    EXPECT_TRUE(refused([](Report& r) { r.measured = 2; }));
    EXPECT_TRUE(refused([](Report& r) { r.value = std::numeric_limits<double>::quiet_NaN(); }));
    EXPECT_TRUE(refused([](Report& r) { r.value = std::numeric_limits<double>::infinity(); }));
    EXPECT_TRUE(refused([](Report& r) { std::memset(r.text, 'x', sizeof r.text); }));
    EXPECT_FALSE(refused([](Report& r) { r.monitor = Report::kBeat; }));
}
