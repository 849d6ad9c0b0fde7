// SPDX-License-Identifier: MIT
#include "lineage/session_rule.h"

#include <gtest/gtest.h>

using namespace leash;

namespace {

constexpr int kPty = 34816, kSerial = 1088;

// An ssh server with a login, its own helper, and somebody who is just authenticating.
const Kin kServer = {
    {1, {0, 1, 0}},
    {10, {1, 10, 0}},       // the server
    {11, {10, 10, 0}},      // its helper
    {20, {10, 20, 0}},      // per connection
    {21, {20, 21, kPty}},   // login shell
    {22, {21, 21, kPty}},   // a command in it
    {23, {22, 23, 0}},      // which made a session of its own
    {30, {10, 30, 0}},      // a connection without terminal
};
const PidSet kCovered = {10, 11, 20, 21, 22, 23, 30};

} // namespace

TEST(SessionRule, SparesTheTreeOfALogin) {
    auto answer = apply_session_rule({kServer, kCovered, {}, 10, 0});
    EXPECT_EQ(answer.spared, (PidSet{20, 21, 22, 23}));
    EXPECT_EQ(answer.sessions, (PidSet{21}));
    // What keeps the login's connection is spared, but not what else it may have made.
    EXPECT_EQ(answer.bridges, (PidSet{20}));
}

TEST(SessionRule, NothingToSpareWithoutLogin) {
    Kin kin = kServer;
    for (auto& [pid, one] : kin) one.tty = 0;
    EXPECT_TRUE(apply_session_rule({kin, kCovered, {}, 10, 0}).spared.empty());
}

TEST(SessionRule, TheOwnTerminalIsNoLogin) {
    EXPECT_TRUE(apply_session_rule({kServer, kCovered, {}, 10, kPty}).spared.empty());
}

TEST(SessionRule, TheMainProcessDoesNotSpareItselfByATerminal) {
    Kin kin = kServer;
    kin[10].tty = kin[11].tty = kSerial; // opened without O_NOCTTY
    EXPECT_EQ(apply_session_rule({kin, kCovered, {}, 10, 0}).spared, (PidSet{20, 21, 22, 23}));
}

TEST(SessionRule, MainGone) {
    Kin kin = kServer;
    kin.erase(10);
    kin[20].parent = kin[11].parent = kin[30].parent = 1;
    EXPECT_EQ(apply_session_rule({kin, kCovered, {}, 0, 0}).spared, (PidSet{20, 21, 22, 23}));
}

TEST(SessionRule, ChildrenOfRemainsAreSpared) {
    Kin kin = kServer;
    kin[24] = {21, 24, 0}; // forked while its parent was being moved
    EXPECT_EQ(apply_session_rule({kin, {10, 11, 24, 30}, {20, 21, 22, 23}, 10, 0}).spared,
              (PidSet{24}));
}

TEST(SessionRule, OtherPeoplesLoginsAreNotCovered) {
    Kin kin = kServer;
    kin[90] = {1, 90, kSerial};
    EXPECT_EQ(apply_session_rule({kin, kCovered, {}, 10, 0}).spared, (PidSet{20, 21, 22, 23}));
}
