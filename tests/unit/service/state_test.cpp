// SPDX-License-Identifier: MIT
#include "service/state.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(State, NamesAndProperties) {
    struct Case {
        State state;
        const char* name;
        bool up, alive;
    };
    for (auto [state, name, up, alive] :
         {Case{State::stopped, "stopped", false, false}, {State::waiting, "waiting", false, false},
          {State::starting, "starting", false, true}, {State::running, "running", true, true},
          {State::reloading, "reloading", true, true}, {State::stopping, "stopping", false, true},
          {State::backoff, "backoff", false, false}, {State::failed, "failed", false, false},
          {State::done, "done", true, false}}) {
        EXPECT_EQ(to_string(state), name);
        EXPECT_EQ(state_named(name), state);
        EXPECT_EQ(is_up(state), up) << name;
        EXPECT_EQ(is_alive(state), alive) << name;
    }
    EXPECT_FALSE(state_named("Running"));
}
