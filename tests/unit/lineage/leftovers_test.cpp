// SPDX-License-Identifier: MIT
#include "lineage/leftovers.h"

#include <gtest/gtest.h>

#include "fake_module.h"

using namespace leash;
using namespace leash::test;

namespace {

constexpr StartId kEarlier = 0x5'0000'0001, kCurrent = 0x5'0000'0002;

struct LeftoversTest : testing::Test {
    FakeModule module;
    KernelLineage device = module.device();
    TakenOver take() { return take_over_leftovers(device, "web", kCurrent); }
};

} // namespace

TEST_F(LeftoversTest, OneCallTellsWhetherThereIsAny) {
    EXPECT_FALSE(has_leftovers(device, "web")); // its first start
    module.add(10, kEarlier).flags = LEASH_TASK_SPARED;
    module.add(11, kEarlier).flags = LEASH_TASK_DEAD;
    module.add(12, kEarlier, LEASH_VIA_TAG);
    EXPECT_FALSE(has_leftovers(device, "web"));
    module.add(13, kEarlier);
    EXPECT_TRUE(has_leftovers(device, "web"));
    for (const auto& asked : module.kills) {
        EXPECT_EQ(asked.id, group_of("web"));
        EXPECT_EQ(asked.signo, 0);
        EXPECT_EQ(asked.flags, LEASH_KILL_GROUP);
    }
    auto left = leftovers(device, "web", kCurrent);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left.front().pid, 13);
}

TEST_F(LeftoversTest, WhatIsForkedMeanwhileIsTakenOverToo) {
    module.add(10, kEarlier);
    module.before_adopt = [this](pid_t pid) {
        if (pid < 13) module.add(pid + 1, kEarlier);
    };
    auto taken = take();
    EXPECT_TRUE(taken.theirs.empty());
    EXPECT_EQ(taken.ours.size(), 4U);
    for (const auto& [pid, task] : module.tasks) EXPECT_EQ(task.start, kCurrent) << pid;
}

TEST_F(LeftoversTest, WhatForksForEverIsGivenUpOn) {
    module.add(10, kEarlier);
    int forks = 0;
    module.before_adopt = [&](pid_t pid) {
        if (++forks < 1000) module.add(pid + 1, kEarlier);
    };
    EXPECT_FALSE(take().theirs.empty());
    EXPECT_LT(forks, 100);
}

TEST_F(LeftoversTest, WhatCannotBeAdoptedIsTheirsWhatHasEndedIsNobodys) {
    module.add(10, kEarlier);
    module.add(11, kEarlier);
    module.add(12, kEarlier);
    module.adopt_errors[11] = ENOMEM;
    module.before_adopt = [this](pid_t) { module.tasks.erase(12); };
    auto taken = take();
    ASSERT_EQ(taken.theirs.size(), 1U);
    EXPECT_EQ(taken.theirs.front().pid, 11);
    ASSERT_EQ(taken.ours.size(), 1U);
    EXPECT_EQ(taken.ours.front().pid, 10);
}
