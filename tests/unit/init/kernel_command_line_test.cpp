// SPDX-License-Identifier: MIT
#include "init/kernel_command_line.h"

#include <csignal>

#include <gtest/gtest.h>

#include "init/ender.h"
#include "init/signals.h"

using namespace leash;

TEST(KernelCommandLine, UnknownWordsAreIgnored) {
    auto asked =
        parse_kernel_command_line("BOOT_IMAGE=/vmlinuz root=/dev/vda ro quiet leash.colour=red\n");
    EXPECT_EQ(asked.target, "default");
    EXPECT_FALSE(asked.no_module || asked.no_wdt || asked.debug);
}

TEST(KernelCommandLine, EveryWord) {
    EXPECT_EQ(parse_kernel_command_line("quiet single").target, "rescue");
    EXPECT_EQ(parse_kernel_command_line("leash.target=factory-test").target, "factory-test");
    EXPECT_EQ(parse_kernel_command_line("leash.target=../x").target, "default");
    auto asked = parse_kernel_command_line("leash.nomodule leash.nowdt leash.debug");
    EXPECT_TRUE(asked.no_module && asked.no_wdt && asked.debug);
    // Not a prefix, not a suffix.
    asked = parse_kernel_command_line("leash.nomodules xleash.nowdt");
    EXPECT_FALSE(asked.no_module || asked.no_wdt);
}

TEST(Signals, OnAMachine) {
    EXPECT_EQ(meaning_of(SIGTERM, false), SignalMeaning::reboot);
    EXPECT_EQ(meaning_of(SIGINT, false), SignalMeaning::reboot);
    EXPECT_EQ(meaning_of(SIGUSR1, false), SignalMeaning::halt);
    EXPECT_EQ(meaning_of(SIGRTMIN + 3, false), SignalMeaning::halt);
    EXPECT_EQ(meaning_of(SIGUSR2, false), SignalMeaning::poweroff);
    EXPECT_EQ(meaning_of(SIGPWR, false), SignalMeaning::wdt_reset);
    EXPECT_EQ(meaning_of(SIGHUP, false), SignalMeaning::reload);
    EXPECT_FALSE(meaning_of(SIGWINCH, false));
}

TEST(Signals, InAContainerTheStopSignalsStopIt) {
    for (int number : {SIGTERM, SIGPWR, SIGRTMIN + 3})
        EXPECT_EQ(meaning_of(number, true), SignalMeaning::poweroff) << number;
}

TEST(EndResult, TravelsAsALine) {
    EndResult result{"", 0x12deadbeefULL, 3, 2, false, {17, 4711}};
    auto again = parse_end_result(format_end_result(result));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->start, result.start);
    EXPECT_EQ(again->killed, 3);
    EXPECT_EQ(again->remains, 2);
    EXPECT_FALSE(again->empty);
    EXPECT_EQ(again->stuck, result.stuck);
    for (auto text : {"", "1 2 3", "x 1 1 1", "1 -1 0 1", "0 0 0 1"})
        EXPECT_FALSE(parse_end_result(text)) << text;
}
