// SPDX-License-Identifier: MIT
#include "service/life_record.h"

#include <cstring>

#include <gtest/gtest.h>

#include "core_harness.h"
#include "service/manager.h"

using namespace leash;
using leash::test::loops;

namespace {

ServiceSettings daemon(std::string name) {
    ServiceSettings settings;
    settings.name = std::move(name);
    settings.command = {"/bin/true"};
    return settings;
}

template <class A> const A* find(const Actions& actions) {
    for (const auto& action : actions)
        if (auto* found = std::get_if<A>(&action)) return found;
    return nullptr;
}

} // namespace

// A command beside the main process runs on while init does not: its end leads on in the new one.
TEST(LifeRecord, ACommandThatRunsIsNotLost) {
    StartId next = 100;
    auto define = [](Manager& manager) {
        auto settings = daemon("a");
        settings.control.edit()[static_cast<std::size_t>(ControlKind::pre)] = {{{"/bin/one"}, false},
                                                                        {{"/bin/two"}, false}};
        settings.runtime_limit = Ms{60'000};
        manager.define(settings);
    };
    Manager before([&] { return next++; });
    define(before);
    (void)before.handle(event::StartRequested{"a"}, Ms{1'000});
    (void)before.handle(event::ControlExited{100, 1, 0}, Ms{1'100});
    (void)before.handle(event::ControlSpawned{100, 2, 77}, Ms{1'101});

    Manager after([&] { return next++; });
    define(after);
    after.resume("a", unpack(pack(*before.life("a"))));
    (void)after.handle(event::Tick{}, Ms{1'200}); // what define() has left to settle
    EXPECT_EQ(after.life("a")->control.pid, 77);
    EXPECT_EQ(after.next_deadline(), Ms{31'100}); // its time limit goes on as well
    EXPECT_TRUE(after.handle(event::ControlExited{100, 1, 0}, Ms{2'000}).empty()); // an earlier one
    auto actions = after.handle(event::ControlExited{100, 2, 0}, Ms{2'000});
    ASSERT_TRUE(find<action::Spawn>(actions));
    (void)after.handle(event::Spawned{100, 78}, Ms{2'001});
    (void)after.handle(event::Executed{100}, Ms{2'002});
    EXPECT_EQ(after.next_deadline(), Ms{62'002});
    Manager third([&] { return next++; });
    define(third);
    third.resume("a", unpack(pack(*after.life("a"))));
    (void)third.handle(event::Tick{}, Ms{2'100});
    EXPECT_EQ(third.next_deadline(), Ms{62'002});
}

// A second manager that is given only the bytes must go on as the first one would have.
TEST(LifeRecord, AServiceGoesOnInANewManager) {
    StartId next = 100;
    Manager before([&] { return next++; });
    before.define(daemon("a"));
    (void)before.handle(event::StartRequested{"a"}, Ms{1'000});
    (void)before.handle(event::Spawned{100, 42}, Ms{1'001});
    (void)before.handle(event::Executed{100}, Ms{1'002});
    ASSERT_EQ(before.view("a")->state, State::running);

    unsigned char bytes[sizeof(LifeRecord)];
    auto packed = pack(*before.life("a"));
    std::memcpy(bytes, &packed, sizeof bytes);

    Manager after([&] { return next++; });
    after.define(daemon("a"));
    LifeRecord read;
    std::memcpy(&read, bytes, sizeof read);
    after.resume("a", unpack(read));
    EXPECT_EQ(after.view("a")->state, State::running);
    EXPECT_EQ(after.view("a")->main_pid, 42);
    EXPECT_EQ(after.service_of(100), "a");

    auto actions = after.handle(event::MainExited{100, 1 << 8}, Ms{2'000});
    ASSERT_TRUE(find<action::EndStart>(actions));
    actions = after.handle(event::Emptied{100, 0}, Ms{2'010});
    EXPECT_EQ(after.view("a")->state, State::backoff);
    actions = after.handle(event::Tick{}, Ms{2'200});
    ASSERT_TRUE(find<action::Spawn>(actions));
    EXPECT_EQ(after.view("a")->restarts, 1);
}

TEST(LifeRecord, DeadlinesOutliveTheFirstLife) {
    Manager before([] { return StartId{7}; });
    before.define(daemon("a"));
    (void)before.handle(event::StartRequested{"a"}, Ms{0});
    (void)before.handle(event::Spawned{7, 42}, Ms{0});
    (void)before.handle(event::Executed{7}, Ms{0});
    (void)before.handle(event::StopRequested{"a"}, Ms{1'000});
    Manager after([] { return StartId{8}; });
    after.define(daemon("a"));
    after.resume("a", unpack(pack(*before.life("a"))));
    (void)after.handle(event::Tick{}, Ms{1'001}); // what resume() left to be looked at
    EXPECT_EQ(after.next_deadline(), before.next_deadline());
    auto actions = after.handle(event::Tick{}, Ms{6'001});
    EXPECT_TRUE(find<action::EndStart>(actions)) << "the stop-timeout still counts";
}

TEST(LifeRecord, NonsenseBecomesAStoppedService) {
    LifeRecord record{};
    record.state = 77;
    record.main_pid = 1;
    EXPECT_EQ(unpack(record).state, State::stopped);
    EXPECT_EQ(unpack(record).main_pid, 0);
}

// restart 1/10m, stop: the restart is used up, and must be so in the next life.
TEST(LifeRecord, ABudgetThatIsUsedUpStaysUsedUp) {
    auto settings = daemon("a");
    settings.on_trouble = *parse_policy("restart 1/10m, stop");
    auto trouble = [](Manager& manager, StartId start, Ms now) {
        return manager.handle(
            event::TroubleSeen{start, TroubleKind::missed_heartbeat, "no heartbeat"}, now);
    };
    auto bring_up = [](Manager& manager, StartId start, Ms now) {
        (void)manager.handle(event::Spawned{start, 42}, now);
        (void)manager.handle(event::Executed{start}, now);
    };
    StartId next = 100;
    Manager before([&] { return next++; });
    before.define(settings);
    (void)before.handle(event::StartRequested{"a"}, Ms{0});
    bring_up(before, 100, Ms{1});
    (void)trouble(before, 100, Ms{1'000});
    (void)before.handle(event::MainExited{100, 0}, Ms{1'010});
    (void)before.handle(event::Emptied{100, 0}, Ms{1'020});
    (void)before.handle(event::Tick{}, Ms{10'000});
    ASSERT_EQ(before.view("a")->start, 101u) << "the restart that the policy allows";
    bring_up(before, 101, Ms{10'001});

    Manager after([&] { return next++; });
    after.define(settings);
    after.resume("a", unpack(pack(*before.life("a"))));
    (void)trouble(after, 101, Ms{20'000});
    (void)after.handle(event::MainExited{101, 0}, Ms{20'010});
    (void)after.handle(event::Emptied{101, 0}, Ms{20'020});
    EXPECT_EQ(after.view("a")->state, State::failed) << "not a second restart within 10 minutes";
}

// Three failures, a new life of init in between: they are still three, and the loop is a slow one.
TEST(LifeRecord, ASlowCrashLoopIsNotForgotten) {
    auto settings = daemon("a");
    settings.restart_limit_long = {2, Ms{600'000}};
    settings.on_trouble = *parse_policy("report");
    StartId next = 100;
    auto crash = [](Manager& manager, StartId start, Ms now) {
        (void)manager.handle(event::Spawned{start, 42}, now);
        (void)manager.handle(event::Executed{start}, now);
        (void)manager.handle(event::MainExited{start, 1 << 8}, now + Ms{20'000});
        (void)manager.handle(event::Emptied{start, 0}, now + Ms{20'000});
        (void)manager.handle(event::Tick{}, now + Ms{59'000});
    };
    Manager before([&] { return next++; });
    before.define(settings);
    (void)before.handle(event::StartRequested{"a"}, Ms{0});
    crash(before, 100, Ms{0});
    crash(before, 101, Ms{60'000});
    EXPECT_FALSE(loops(before));

    Manager after([&] { return next++; });
    after.define(settings);
    after.resume("a", unpack(pack(*before.life("a"))));
    crash(after, 102, Ms{120'000});
    EXPECT_TRUE(loops(after)) << "3 exits in 10m";
    EXPECT_TRUE(after.life("a")->slow_loop);
    EXPECT_TRUE(unpack(pack(*after.life("a"))).slow_loop) << "it calms down by the long window";
}

TEST(LifeRecord, AStepThatWaitsGoesOnWaiting) {
    auto settings = daemon("a");
    settings.on_trouble = *parse_policy("report, stop after 5s");
    Manager before([] { return StartId{7}; });
    before.define(settings);
    (void)before.handle(event::StartRequested{"a"}, Ms{0});
    (void)before.handle(event::Spawned{7, 42}, Ms{0});
    (void)before.handle(event::Executed{7}, Ms{0});
    (void)before.handle(event::TroubleSeen{7, TroubleKind::missed_heartbeat, "silent"}, Ms{1'000});
    Manager after([] { return StartId{8}; });
    after.define(settings);
    after.resume("a", unpack(pack(*before.life("a"))));
    (void)after.handle(event::Tick{}, Ms{5'999});
    EXPECT_EQ(after.view("a")->state, State::running);
    (void)after.handle(event::Tick{}, Ms{6'000});
    EXPECT_EQ(after.view("a")->state, State::stopping);
}
