// SPDX-License-Identifier: MIT
#include <filesystem>

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "lineage/cgroup_folder.h"
#include "support/machine.h"

using namespace leash;
using namespace leash::test;

using Cgroups = Machine;

TEST_F(Cgroups, LeashRootIsBelowOurOwnGroup) {
    EXPECT_EQ(tree->root(), "/sys/fs/cgroup/leash");
    EXPECT_EQ(tree->path_of("httpd"), "/sys/fs/cgroup/leash/httpd");
}

TEST_F(Cgroups, FoundAgainFromWithinInit) {
    ASSERT_TRUE(tree->enter("init"));
    ASSERT_TRUE(tree->move(::getpid(), "init"));
    auto again = CgroupTree::open();
    EXPECT_FALSE(tree->place_of(::getpid())); // init is no service
    ASSERT_TRUE(write_group_file("/sys/fs/cgroup", "cgroup.procs", "0"));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->root(), tree->root());
    EXPECT_TRUE(tree->remove("init"));
}

TEST_F(Cgroups, LifeOfAGroup) {
    EXPECT_FALSE(tree->watch("a"));
    EXPECT_FALSE(tree->populated("a"));
    EXPECT_TRUE(tree->remove("a"));
    auto running = run("a", {"/bin/sleep", "100"});
    EXPECT_TRUE(tree->populated("a"));
    EXPECT_EQ(tree->processes("a"), std::vector<pid_t>{running.process.pid});
    auto place = tree->place_of(running.process.pid);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->service, "a");
    EXPECT_EQ(place->remains_of, 0U);
    auto busy = tree->remove("a");
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().code, EBUSY);

    auto events = tree->watch("a");
    ASSERT_TRUE(events);
    char text[64];
    ASSERT_GT(::read(events->get(), text, sizeof text), 0);
    ::kill(running.process.pid, SIGKILL);
    pollfd poll{events->get(), POLLPRI, 0};
    EXPECT_EQ(::poll(&poll, 1, 5000), 1);
    EXPECT_TRUE(eventually([&] { return !tree->populated("a"); }));
    // Empty groups below do not hinder.
    ::mkdir((tree->path_of("a") + "/sub").c_str(), 0755);
    ::mkdir((tree->path_of("a") + "/sub/deep").c_str(), 0755);
    EXPECT_TRUE(tree->remove("a"));
    EXPECT_FALSE(std::filesystem::exists(tree->path_of("a")));
}

TEST_F(Cgroups, AnyFolderAsRoot) {
    auto other = CgroupTree::open_at(outside() + "/mine");
    ASSERT_TRUE(other) << other.error().text;
    auto running = run("b", {"/bin/sleep", "100"});
    EXPECT_FALSE(other->place_of(running.process.pid));
    ASSERT_TRUE(other->move(running.process.pid, "c"));
    ASSERT_TRUE(other->place_of(running.process.pid));
    EXPECT_EQ(other->place_of(running.process.pid)->service, "c");
    EXPECT_FALSE(tree->place_of(running.process.pid));
    EXPECT_FALSE(CgroupTree::open_at("/tmp/leash-no-cgroup"));
    std::filesystem::remove("/tmp/leash-no-cgroup");
}
