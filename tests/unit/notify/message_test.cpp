// SPDX-License-Identifier: MIT
#include "notify/message.h"

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

TEST(NotifyMessage, EveryKey) {
    auto message = parsed("READY=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=1\nWATCHDOG=trigger\n"
                          "BARRIER=1\nSTATUS=a=b\nMAINPID=2\nERRNO=28\nWATCHDOG_USEC=1000000\n"
                          "EXTEND_TIMEOUT_USEC=18446744073709551615\nMONOTONIC_USEC=7\nX_MINE=1\n"
                          "FDSTORE=1\n");
    EXPECT_TRUE(message.ready && message.reloading && message.stopping && message.watchdog);
    EXPECT_TRUE(message.watchdog_trigger && message.barrier);
    EXPECT_EQ(message.status, "a=b");
    EXPECT_EQ(message.main_pid, 2);
    EXPECT_EQ(message.error_number, 28);
    EXPECT_EQ(message.watchdog_usec, 1'000'000U);
    EXPECT_EQ(message.extend_timeout_usec, UINT64_MAX);
    EXPECT_EQ(message.monotonic_usec, 7U);
    EXPECT_EQ(message.unknown, 2);
}

TEST(NotifyMessage, WhatIsIgnored) {
    for (const char* line :
         {"READY=0", "READY=", "READY", "ready=1", "READY=1 ", " READY=1", "WATCHDOG=0",
          "MAINPID=0", "MAINPID=1", "MAINPID=-5", "MAINPID=2147483648", "MAINPID=12x", "MAINPID=",
          "ERRNO=-1", "WATCHDOG_USEC=18446744073709551616", "WATCHDOG_USEC=1s", "=", "=1",
          "BARRIER=2", "\r"}) {
        NotifyMessage nothing;
        nothing.unknown = 1;
        EXPECT_EQ(parsed(line), nothing) << line;
    }
    EXPECT_EQ(parsed("\n\n\n"), NotifyMessage{});
    EXPECT_EQ(parsed("MAINPID=7\nMAINPID=x\n").main_pid, 7);
    EXPECT_EQ(parsed("MAINPID=7\nMAINPID=8\n").main_pid, 8);
    EXPECT_EQ(parsed("STATUS=").status, "");
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
    EXPECT_TRUE(parse_notify("READY=1\n" + std::string(4088, 'x')));
    EXPECT_FALSE(parse_notify("READY=1\n" + std::string(4089, 'x')));
}
