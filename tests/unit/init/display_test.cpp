// SPDX-License-Identifier: MIT
#include "init/display.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(Display, OnlyWhatEndedBadlyIsMarked) {
    struct Case {
        State from, to;
        bool well;
        std::string shown;
        bool bad;
    };
    for (const auto& [from, to, well, shown, bad] : {
             Case{State::starting, State::running, false, "Started a: A thing", false},
             {State::reloading, State::running, false, "", false},
             {State::stopping, State::done, false, "Finished a: A thing", false},
             {State::stopping, State::failed, false, "Failed a: A thing (why)", true},
             {State::stopping, State::backoff, false, "Lost a: A thing (why), restarting it", true},
             {State::stopping, State::backoff, true, "Ended a: A thing (why)", false},
             {State::stopping, State::stopped, false, "Stopped a: A thing (why)", false},
             {State::waiting, State::stopped, false, "", false},
         }) {
        ServiceSettings settings;
        settings.description = "A thing";
        action::StateChanged change{"a", 1, from, to, "why", well};
        auto line = display_line(change, &settings, false);
        EXPECT_EQ(line ? line->text : "", shown);
        EXPECT_EQ(line && line->bad, bad) << shown;
    }
    action::StateChanged change{"a", 1, State::stopping, State::stopped, "shutdown"};
    EXPECT_EQ(display_line(change, nullptr, true)->text, "Stopped a");
}
