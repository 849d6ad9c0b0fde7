// SPDX-License-Identifier: MIT
#include "notify/message.h"

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace leash;

namespace {

NotifyMessage parsed(std::string_view text) {
    auto message = parse_notify(text);
    EXPECT_TRUE(message) << text;
    return message.value_or(NotifyMessage{});
}

} // namespace

// What daemons of Debian 12 were seen to send.
TEST(NotifyMessage, RealDaemons) {
    auto smcroute = parsed("READY=1\nSTATUS=Ready for action\nMAINPID=812\n");
    EXPECT_TRUE(smcroute.ready);
    EXPECT_EQ(smcroute.status, "Ready for action");
    EXPECT_EQ(smcroute.main_pid, 812);
    EXPECT_EQ(smcroute.unknown, 0);
    auto smcroute_hup = parsed("RELOADING=1\nSTATUS=Reloading configuration, please wait ...");
    EXPECT_TRUE(smcroute_hup.reloading);
    EXPECT_FALSE(smcroute_hup.ready);
    EXPECT_FALSE(smcroute_hup.monotonic_usec);

    EXPECT_TRUE(parsed("READY=1").ready);             // dbus-daemon, lldpd, mosquitto, sshd
    EXPECT_TRUE(parsed("RELOADING=1").reloading);     // dbus-daemon, nsd, unbound
    EXPECT_TRUE(parsed("STOPPING=1").stopping);       // dbus-daemon, conntrackd
    EXPECT_TRUE(parsed("WATCHDOG=1").watchdog);       // conntrackd

    auto haproxy = parsed("READY=1\nMAINPID=4711\nSTATUS=Ready.\n");
    EXPECT_TRUE(haproxy.ready);
    EXPECT_EQ(haproxy.main_pid, 4711);

    auto redis = parsed("STATUS=Ready to accept connections\n");
    EXPECT_EQ(redis.status, "Ready to accept connections");
    EXPECT_TRUE(parsed("READY=1\n").ready);
    EXPECT_TRUE(parsed("STOPPING=1\n").stopping);

    auto php = parsed("READY=1\nWATCHDOG=1\nSTATUS=Processes active: 0, idle: 2, Requests: 0\n");
    EXPECT_TRUE(php.ready && php.watchdog);

    EXPECT_EQ(parsed("MAINPID=900\n").main_pid, 900); // tor
    EXPECT_EQ(parsed("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=Loading").extend_timeout_usec,
              30'000'000);
    EXPECT_TRUE(parsed("BARRIER=1").barrier);         // systemd-notify
}

namespace {

// Each field alone: what it says, and what it does not take.
struct Field {
    const char* line;
    std::function<void(NotifyMessage&)> says;
    std::vector<std::string> malformed; // values
};

const std::vector<Field>& fields() {
    using M = NotifyMessage;
    static const std::vector<std::string> flags{"0", "", "2", "yes", "1 ", " 1", "01", "1x"};
    static const std::vector<std::string> numbers{"", "-1", "+1", "1s", "0x1", " 1", "1 ", "1.5",
                                                  "18446744073709551616", "nan"};
    auto also = [](std::vector<std::string> list, std::initializer_list<const char*> more) {
        list.insert(list.end(), more.begin(), more.end());
        return list;
    };
    static const std::vector<Field> all{
        {"READY=1", [](M& m) { m.ready = true; }, flags},
        {"RELOADING=1", [](M& m) { m.reloading = true; }, flags},
        {"STOPPING=1", [](M& m) { m.stopping = true; }, flags},
        {"WATCHDOG=1", [](M& m) { m.watchdog = true; }, also(flags, {"Trigger", "trigger "})},
        {"WATCHDOG_TIMER=io-2_A", [](M& m) { m.watchdog_timer = "io-2_A"; },
         {"WATCHDOG_TIMER=", "WATCHDOG_TIMER=a b", "WATCHDOG_TIMER=0123456789abcdef",
          "WATCHDOG_TIMER=a:1"}},
        {"WATCHDOG=trigger", [](M& m) { m.watchdog_trigger = true; }, {}},
        {"RESTART_RESET=1", [](M& m) { m.restart_reset = true; }, flags},
        {"BARRIER=1", [](M& m) { m.barrier = true; }, flags},
        {"MAINPIDFD=1", [](M& m) { m.main_pidfd = true; }, flags},
        {"FDSTORE=1", [](M& m) { m.store = true; }, flags},
        {"FDSTOREREMOVE=1", [](M& m) { m.unstore = true; }, flags},
        {"FDPOLL=0", [](M& m) { m.poll_stored = false; }, {"1", "", "no", "00"}},
        {"FDNAME=a b=c", [](M& m) { m.stored_name = "a b=c"; },
         {"", "a:b", "\x01", "\xc3\xa9", "\x7f", std::string(256, 'x')}},
        {"STATUS=a=b", [](M& m) { m.status = "a=b"; }, {}},
        {"STATUS=", [](M& m) { m.status = ""; }, {}},
        {"MAINPID=2", [](M& m) { m.main_pid = 2; }, also(numbers, {"0", "1", "2147483648"})},
        {"MAINPIDFDID=18446744073709551615", [](M& m) { m.main_pidfd_id = UINT64_MAX; },
         also(numbers, {"0", "00"})},
        {"ERRNO=28", [](M& m) { m.error_number = 28; }, also(numbers, {"2147483648"})},
        {"ERRNO=0", [](M& m) { m.error_number = 0; }, {}},
        {"EXIT_STATUS=255", [](M& m) { m.exit_status = 255; }, also(numbers, {"256"})},
        {"BUSERROR=org.freedesktop.DBus.Error.TimedOut",
         [](M& m) { m.error = "org.freedesktop.DBus.Error.TimedOut"; }, {}},
        {"VARLINKERROR=io.systemd.Fault", [](M& m) { m.error = "io.systemd.Fault"; }, {}},
        {"NOTIFYACCESS=none", [](M& m) { m.access = NotifyAccess::none; },
         {"", "None", "nobody", "main "}},
        {"NOTIFYACCESS=main", [](M& m) { m.access = NotifyAccess::main; }, {}},
        {"NOTIFYACCESS=exec", [](M& m) { m.access = NotifyAccess::exec; }, {}},
        {"NOTIFYACCESS=all", [](M& m) { m.access = NotifyAccess::all; }, {}},
        {"WATCHDOG_USEC=1000000", [](M& m) { m.watchdog_usec = 1'000'000; }, numbers},
        {"EXTEND_TIMEOUT_USEC=18446744073709551615",
         [](M& m) { m.extend_timeout_usec = UINT64_MAX; }, numbers},
        {"MONOTONIC_USEC=7", [](M& m) { m.monotonic_usec = 7; }, numbers},
    };
    return all;
}

} // namespace

TEST(NotifyMessage, EachFieldAlone) {
    for (const auto& field : fields()) {
        NotifyMessage wanted;
        field.says(wanted);
        EXPECT_EQ(parsed(field.line), wanted) << field.line;
        EXPECT_EQ(parsed(std::string(field.line) + "\n"), wanted) << field.line;
        std::string_view key(field.line);
        key = key.substr(0, key.find('='));
        for (const auto& value : field.malformed) {
            NotifyMessage nothing;
            nothing.unknown = 1;
            EXPECT_EQ(parsed(fmt::format("{}={}", key, value)), nothing) << key << "=" << value;
        }
    }
}

TEST(NotifyMessage, AllFieldsAtOnce) {
    NotifyMessage wanted;
    std::string text;
    for (const auto& field : fields()) {
        if (std::string_view(field.line) == "BARRIER=1") continue; // comes alone
        field.says(wanted);
        text += fmt::format("{}\n", field.line);
    }
    EXPECT_EQ(parsed(text), wanted);
}

TEST(NotifyMessage, WhatIsIgnored) {
    for (const char* line : {"READY", "ready=1", " READY=1", "=", "=1", "X_MINE=1", "\r"}) {
        NotifyMessage nothing;
        nothing.unknown = 1;
        EXPECT_EQ(parsed(line), nothing) << line;
    }
    EXPECT_EQ(parsed("\n\n\n"), NotifyMessage{});
    EXPECT_EQ(parsed("MAINPID=7\nMAINPID=x\n").main_pid, 7);
    EXPECT_EQ(parsed("MAINPID=7\nMAINPID=8\n").main_pid, 8);
}

TEST(NotifyMessage, HowManyDescriptors) {
    struct { const char* text; std::size_t count; bool good, pidfd, store; } cases[] = {
        {"BARRIER=1", 0, false, false, false}, {"BARRIER=1", 1, true, false, false},
        {"BARRIER=1", 2, false, false, false}, {"MAINPIDFD=1", 0, true, false, false},
        {"MAINPIDFD=1", 1, true, true, false}, {"MAINPIDFD=1", 2, true, false, false},
        {"FDSTORE=1", 0, true, false, false},  {"FDSTORE=1", 1, true, false, true},
        {"FDSTORE=1", 253, true, false, true}, {"FDSTORE=1\nMAINPIDFD=1", 1, true, false, true},
        {"READY=1", 5, true, false, false},
    };
    for (const auto& each : cases) {
        auto message = parsed(each.text);
        EXPECT_EQ(match_descriptors(message, each.count), each.good) << each.text << each.count;
        if (!each.good) continue;
        EXPECT_EQ(message.main_pidfd, each.pidfd) << each.text << each.count;
        EXPECT_EQ(message.store, each.store) << each.text << each.count;
    }
}

TEST(NotifyMessage, StatusIsHarmless) {
    EXPECT_EQ(parsed("STATUS=\x1b[2J\xff ok \xc3\xa9").status, "?[2J? ok \xc3\xa9");
}

TEST(NotifyMessage, WhatIsDroppedWhole) {
    using namespace std::string_view_literals;
    EXPECT_FALSE(parse_notify(""));
    EXPECT_FALSE(parse_notify("\0"sv));
    EXPECT_FALSE(parse_notify("READY=1\0STATUS=x"sv));
    EXPECT_FALSE(parse_notify("READY=1\0\0"sv));
    EXPECT_TRUE(parse_notify("READY=1\0"sv)->ready);
    EXPECT_FALSE(parse_notify("BARRIER=1\nREADY=1"));
    EXPECT_TRUE(parse_notify("BARRIER=1\n"));
    EXPECT_TRUE(parse_notify("READY=1\n" + std::string(4088, 'x')));
    EXPECT_FALSE(parse_notify("READY=1\n" + std::string(4089, 'x')));
}
