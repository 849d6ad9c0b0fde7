// SPDX-License-Identifier: MIT
#include "base/signal_name.h"

#include <csignal>

#include <gtest/gtest.h>

using namespace leash;

TEST(SignalName, NamesAndNumbers) {
    struct Case {
        const char* name;
        int number;
    };
    for (auto [name, number] : {Case{"TERM", SIGTERM}, {"SIGTERM", SIGTERM}, {"sigterm", SIGTERM},
                                {" hup ", SIGHUP}, {"15", 15}, {"1", 1}, {"64", 64},
                                {"RTMIN", SIGRTMIN}, {"SIGRTMIN+3", SIGRTMIN + 3},
                                {"RTMAX-1", SIGRTMAX - 1}, {"RTMIN+30", SIGRTMAX}})
        EXPECT_EQ(signal_number(name).value_or(-1), number) << name;
}

TEST(SignalName, Refused) {
    for (auto name : {"", "0", "65", "-1", "TERMINATE", "SIG", "RTMIN-1", "RTMIN+31", "RTMAX+1",
                      "RTMIN+", "999999999999999999999", "TERM 3"})
        EXPECT_FALSE(signal_number(name)) << name;
    EXPECT_EQ(signal_number("SIGTREM").error().text,
              "unknown signal 'SIGTREM': did you mean TERM?");
}

TEST(SignalName, EveryNumberRoundTrips) {
    EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
    EXPECT_EQ(signal_name(SIGABRT), "SIGABRT");
    EXPECT_EQ(signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
    for (int number = 1; number <= 64; ++number)
        EXPECT_EQ(signal_number(signal_name(number)).value_or(-1), number);
}
