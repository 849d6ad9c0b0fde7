// SPDX-License-Identifier: MIT
#include "init/unmount.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(Unmount, WhatLiesUponAnotherComesFirst) {
    auto mounts = mounts_newest_first("/dev/vda / ext4 rw 0 0\n"
                                      "/dev/vdb /srv ext4 rw,relatime 0 0\n"
                                      "tmpfs /srv/my\\040data tmpfs rw 0 0\n"
                                      "broken\n");
    ASSERT_EQ(mounts.size(), 3u);
    EXPECT_EQ(mounts[0].target, "/srv/my data");
    EXPECT_EQ(mounts[0].type, "tmpfs");
    EXPECT_EQ(mounts[1].source, "/dev/vdb");
    EXPECT_EQ(mounts[2].target, "/");
}

TEST(Unmount, WhatInitNeedsStays) {
    for (const char* target : {"/", "/proc", "/sys/fs/cgroup", "/dev/pts", "/run"})
        EXPECT_TRUE(stays_mounted({"x", target, "tmpfs"})) << target;
    for (const char* target : {"/tmp", "/runner", "/devices", "/var/lib", "/home/dev"})
        EXPECT_FALSE(stays_mounted({"x", target, "ext4"})) << target;
}
