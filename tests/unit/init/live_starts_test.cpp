// SPDX-License-Identifier: MIT
#include "init/live_starts.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(LiveStarts, TheFirstProcessIsKnownUntilItIsReaped) {
    LiveStarts starts;
    LiveStart daemon, other;
    daemon.start = 1;
    daemon.first_pid = 100;
    daemon.main_pid = 101; // it has forked, and its pid file told so
    other.start = 2;
    other.first_pid = other.main_pid = 200;
    starts.add(std::move(daemon));
    starts.add(std::move(other));

    EXPECT_EQ(starts.first_is_gone(101), nullptr);
    EXPECT_EQ(starts.first_is_gone(100), starts.find(1));
    EXPECT_EQ(starts.find(1)->first_pid, 0);
    EXPECT_EQ(starts.find(1)->main_pid, 101);
    EXPECT_EQ(starts.find(2)->first_pid, 200);
    EXPECT_EQ(starts.first_is_gone(100), nullptr); // the number is somebody else's now
    EXPECT_EQ(starts.first_is_gone(0), nullptr);   // not the one whose first process is gone
}
