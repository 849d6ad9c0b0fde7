// SPDX-License-Identifier: MIT
#include "lineage/attribution_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

using namespace leash;

TEST(Source, NamesAndBack) {
    for (auto source : {Source::lineage, Source::cgroup, Source::tag})
        EXPECT_EQ(source_named(to_string(source)), source);
    EXPECT_FALSE(source_named("hearsay"));
    EXPECT_FALSE(source_named(""));
}

TEST(Source, OfAnAnswerOfTheModule) {
    for (unsigned via : {LEASH_VIA_FORK, LEASH_VIA_ADOPT, LEASH_VIA_PARENT})
        EXPECT_EQ(source_named(source_of_via(via)), Source::lineage) << via;
    EXPECT_EQ(source_named(source_of_via(LEASH_VIA_CGROUP)), Source::cgroup);
    EXPECT_EQ(source_named(source_of_via(LEASH_VIA_TAG)), Source::tag);
    EXPECT_FALSE(source_named(source_of_via(LEASH_VIA_NONE)));
}

TEST(Source, TheModulesAnswerIsOfTheSameProcess) {
    auto tick = 1'000'000'000ULL / static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK));
    leash_whois whose{};
    whose.start_ns = 1234 * tick + tick - 1; // /proc cuts off what is less than a tick
    EXPECT_TRUE(same_process(whose, 1234));
    EXPECT_FALSE(same_process(whose, 1233));
    EXPECT_FALSE(same_process(whose, 1235));
    EXPECT_TRUE(same_process(whose, 0)); // it cannot be told
}
