// SPDX-License-Identifier: MIT
#include "base/growing_pause.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(GrowingPause, DoublesUpToItsLimitUntilSomethingHelped) {
    GrowingPause pause(Ms{2}, Ms{5});
    Ms now{1'000};
    EXPECT_TRUE(pause.over(now));
    for (Ms expected : {Ms{2}, Ms{4}, Ms{5}, Ms{5}}) {
        pause.failed(now);
        EXPECT_FALSE(pause.over(now + expected - Ms{1}));
        EXPECT_TRUE(pause.over(now + expected));
        now += expected;
    }
    pause.helped();
    EXPECT_TRUE(pause.over(now));
    pause.failed(now);
    EXPECT_TRUE(pause.over(now + Ms{2}));
}
