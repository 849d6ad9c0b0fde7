// SPDX-License-Identifier: MIT
#include "base/event_loop.h"

#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/unique_fd.h"

using namespace leash;

// To go round without hearing anybody would look alive from outside.
TEST(EventLoopDeathTest, WithoutItsDescriptorItAborts) {
    EXPECT_DEATH(
        {
            EventLoop loop;
            Timer timer(loop, [] {});
            timer.in(Ms{10});
            close(loop.descriptors().front());
            Timer end(loop, [] { _exit(0); });
            end.in(Ms{200});
            loop.run();
        },
        "");
}

TEST(EventLoop, TimersFireInOrder) {
    EventLoop loop;
    std::string order;
    Timer a(loop, [&] { order += 'a'; });
    Timer b(loop, [&] { order += 'b'; loop.stop(); });
    Timer c(loop, [&] { order += 'c'; });
    b.in(Ms{20});
    a.in(Ms{5});
    c.in(Ms{10});
    c.cancel();
    loop.run();
    EXPECT_EQ(order, "ab");
}

TEST(EventLoop, AWatchMayDestroyItselfAndItsNeighbour) {
    EventLoop loop;
    int one[2], two[2];
    ASSERT_EQ(pipe(one), 0);
    ASSERT_EQ(pipe(two), 0);
    UniqueFd r1(one[0]), w1(one[1]), r2(two[0]), w2(two[1]);
    int calls = 0;
    std::unique_ptr<IoWatch> first, second;
    auto both_gone = [&](int) {
        ++calls;
        first.reset();
        second.reset();
    };
    first = std::make_unique<IoWatch>(loop, r1.get(), UEV_READ, both_gone);
    second = std::make_unique<IoWatch>(loop, r2.get(), UEV_READ, both_gone);
    ASSERT_EQ(write(w1.get(), "x", 1), 1);
    ASSERT_EQ(write(w2.get(), "x", 1), 1);
    Timer end(loop, [&] { loop.stop(); });
    end.in(Ms{10});
    loop.run();
    EXPECT_EQ(calls, 1);
}
