// SPDX-License-Identifier: MIT
#include "lineage/start_lineage.h"

#include <gtest/gtest.h>

#include "fake_module.h"

using namespace leash;
using namespace leash::test;
using Verdict = StartLineage::Verdict;

namespace {

constexpr StartId kStart = 0x5'0000'0001, kOther = 0x5'0000'0002;

struct StartLineageTest : testing::Test {
    FakeModule module;
    KernelLineage device = module.device();
};

} // namespace

TEST_F(StartLineageTest, ItsMembersLiveAndAreProven) {
    module.add(10, kStart);
    module.add(11, kStart).flags = LEASH_TASK_DEAD;
    module.add(12, kStart, LEASH_VIA_TAG);
    module.add(13, kStart, LEASH_VIA_ADOPT).flags = LEASH_TASK_SPARED;
    module.add(14, kOther);
    StartLineage lineage(&device, kStart);
    lineage.list();
    EXPECT_EQ(lineage.members(), (PidSet{10, 13}));
    EXPECT_EQ(lineage.marked(), (PidSet{13}));
}

TEST_F(StartLineageTest, WhoseAProcessIs) {
    module.add(10, kStart);
    module.add(11, kStart).flags = LEASH_TASK_SPARED;
    module.add(12, kStart, LEASH_VIA_TAG); // a claim proves nothing, for or against
    module.add(13, kOther);
    module.add(14, kOther, LEASH_VIA_TAG);
    module.add(15, 0, LEASH_VIA_NONE);
    StartLineage lineage(&device, kStart);
    EXPECT_EQ(lineage.judge(10), Verdict::ours);
    EXPECT_EQ(lineage.judge(11), Verdict::spared);
    EXPECT_EQ(lineage.judge(12), Verdict::unknown);
    EXPECT_EQ(lineage.judge(13), Verdict::elsewhere);
    EXPECT_EQ(lineage.judge(14), Verdict::unknown);
    EXPECT_EQ(lineage.judge(15), Verdict::unknown);
    EXPECT_EQ(lineage.judge(16), Verdict::unknown);
}

TEST_F(StartLineageTest, OverOnceAllButTheSparedAreDead) {
    module.add(10, kStart);
    module.add(11, kStart);
    StartLineage lineage(&device, kStart);
    EXPECT_FALSE(lineage.over(false));
    lineage.spare({11, 99}, {}); // 99 is in the cgroup only
    lineage.kill(false);
    EXPECT_EQ(lineage.killed(), 1);
    EXPECT_TRUE(lineage.over(false));
    EXPECT_TRUE(lineage.complete());
    EXPECT_FALSE(lineage.over(true)); // at shutdown that is not enough
    lineage.kill(true);
    EXPECT_TRUE(lineage.over(true));
}

TEST_F(StartLineageTest, WhatWillNotDieKeepsItFromBeingOver) {
    module.add(10, kStart).state = 'D';
    StartLineage lineage(&device, kStart);
    lineage.kill(false);
    EXPECT_FALSE(lineage.over(false));
}

TEST_F(StartLineageTest, ABridgeIsSparedWithoutItsDescendants) {
    module.add(10, kStart);
    module.add(11, kStart);
    StartLineage lineage(&device, kStart);
    lineage.spare({10, 11}, {10});
    ASSERT_EQ(module.spares.size(), 2U);
    for (const auto& asked : module.spares)
        EXPECT_EQ(asked.flags, asked.pid == 10 ? 0U : LEASH_SPARE_TREE) << asked.pid;
}

TEST_F(StartLineageTest, SearchesWhereTheModuleHasLostTrackButNotForEver) {
    module.add(10, kStart);
    StartLineage lineage(&device, kStart);
    lineage.kill(false);
    module.incomplete = 1;
    EXPECT_FALSE(lineage.over(false)); // what was found has to be looked at
    EXPECT_EQ(module.rescans, 1);
    EXPECT_TRUE(lineage.over(false));
    EXPECT_TRUE(lineage.complete());

    module.incomplete = 1000;
    int rounds = 1;
    while (!lineage.over(false) && rounds < 100) ++rounds;
    EXPECT_LT(rounds, 10);
    EXPECT_FALSE(lineage.complete());
}

TEST_F(StartLineageTest, NothingIsKnownOfAStartFromBeforeTheModule) {
    module.add(10, kOther);
    for (auto* kernel : {&device, static_cast<KernelLineage*>(nullptr)}) {
        StartLineage lineage(kernel, kStart);
        lineage.list();
        EXPECT_TRUE(lineage.members().empty());
        lineage.spare({10}, {});
        lineage.kill(true);
        EXPECT_TRUE(lineage.over(true));
        EXPECT_FALSE(lineage.complete());
    }
    EXPECT_TRUE(module.kills.empty());
    EXPECT_TRUE(module.spares.empty());
    EXPECT_EQ(StartLineage(nullptr, kStart).judge(10), Verdict::unknown);
    EXPECT_EQ(StartLineage(&device, kStart).judge(10), Verdict::elsewhere);
}
