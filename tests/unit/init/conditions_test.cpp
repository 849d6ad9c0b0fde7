// SPDX-License-Identifier: MIT
#include "init/conditions.h"

#include <cstring>

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <unistd.h>

using namespace leash;

namespace {

std::vector<std::byte> link_message(std::uint16_t type, int index, const char* name, unsigned flags,
                                    unsigned char family = AF_UNSPEC) {
    struct {
        nlmsghdr header;
        ifinfomsg info;
        rtattr first;
        std::uint32_t mtu;
        rtattr attribute;
        char name[16];
    } message{};
    static_assert(sizeof message == 16 + 16 + 8 + 20);
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = type;
    message.info.ifi_family = family;
    message.info.ifi_index = index;
    message.info.ifi_flags = flags;
    message.first = {RTA_LENGTH(4), IFLA_MTU};
    message.attribute = {RTA_LENGTH(sizeof message.name), IFLA_IFNAME};
    std::strncpy(message.name, name, sizeof message.name - 1);
    std::vector<std::byte> bytes(sizeof message);
    std::memcpy(bytes.data(), &message, sizeof message);
    return bytes;
}

} // namespace

TEST(Links, ComeGoAndAreRenamed) {
    Links links;
    EXPECT_FALSE(links.up("eth0"));
    auto both = link_message(RTM_NEWLINK, 1, "lo", IFF_UP | IFF_RUNNING);
    auto second = link_message(RTM_NEWLINK, 2, "eth0", IFF_UP); // no carrier
    both.insert(both.end(), second.begin(), second.end());
    EXPECT_TRUE(links.take(both));
    EXPECT_TRUE(links.up("lo"));
    EXPECT_FALSE(links.up("eth0"));
    EXPECT_TRUE(links.take(link_message(RTM_NEWLINK, 2, "eth0", IFF_UP | IFF_RUNNING)));
    EXPECT_TRUE(links.up("eth0"));
    EXPECT_TRUE(links.take(link_message(RTM_NEWLINK, 2, "wan", IFF_UP | IFF_RUNNING)));
    EXPECT_FALSE(links.up("eth0"));
    EXPECT_TRUE(links.up("wan"));
    EXPECT_TRUE(links.take(link_message(RTM_DELLINK, 2, "wan", IFF_UP | IFF_RUNNING, AF_BRIDGE)));
    EXPECT_TRUE(links.up("wan")); // it has left a bridge
    EXPECT_TRUE(links.take(link_message(RTM_DELLINK, 2, "wan", 0)));
    EXPECT_FALSE(links.up("wan"));
}

TEST(Links, NonsenseIsNotBelieved) {
    auto good = link_message(RTM_NEWLINK, 1, "lo", IFF_UP | IFF_RUNNING);
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        Links links;
        bool whole = links.take(std::span(good).first(cut));
        EXPECT_EQ(whole, cut < sizeof(nlmsghdr)) << cut; // shorter than a header: nothing is there
        EXPECT_FALSE(links.up("lo"));
    }
    Links links;
    for (std::size_t i = 0; i < good.size(); ++i) { // no read beyond the end, whatever a byte says
        for (int value : {0, 1, 0x7f, 0xff}) {
            auto bad = good;
            bad[i] = static_cast<std::byte>(value);
            (void)links.take(bad);
        }
    }
}

TEST(Conditions, WhereALookCannotHang) {
    auto mounts = mounts_newest_first("/dev/vda / ext4 rw 0 0\n"
                                      "proc /proc proc rw 0 0\n"
                                      "tmpfs /run tmpfs rw 0 0\n"
                                      "server:/x /run/net nfs rw 0 0\n"
                                      "tmpfs /run/net/ram tmpfs rw 0 0\n"
                                      "tmpfs /tmp tmpfs rw 0 0\n"
                                      "/dev/vdb /tmp ext4 rw 0 0\n"
                                      "/dev/vdc /data ext4 rw 0 0\n"
                                      "tmpfs /data/ram tmpfs rw 0 0\n");
    struct {
        const char* path;
        bool in_memory;
    } const rows[] = {{"/run/x", true},        {"/run", true},          {"/runner", false},
                      {"/proc/1", true},       {"/etc/x", false},       {"/", false},
                      {"/run/net/x", false},   {"/run/net/ram/x", false}, {"/run/network", true},
                      {"/tmp/x", false},       {"/data/x", false},      {"/data/ram/x", false}};
    for (const auto& row : rows) EXPECT_EQ(lies_in_memory(row.path, mounts), row.in_memory) << row.path;
    EXPECT_FALSE(lies_in_memory("/run/x", {}));
    EXPECT_TRUE(lies_in_memory("/x", mounts_newest_first("rootfs / rootfs rw 0 0\n")));
}

TEST(Conditions, WordsOfTheKernel) {
    constexpr const char* line = "root=/dev/vda ro mode=test quiet\n";
    for (const char* word : {"root", "root=/dev/vda", "ro", "mode=test", "quiet"})
        EXPECT_TRUE(has_word(line, word)) << word;
    for (const char* word : {"r", "root=/dev", "roo", "mode=", "mode=testing", "test", "quie", "quiet="})
        EXPECT_FALSE(has_word(line, word)) << word;
}

namespace {

struct ConditionsTest : testing::Test {
    ConditionsTest() {
        core.set_actor([](const Action&) {});
    }
    void wait_for(const char* condition) {
        ServiceSettings settings;
        settings.name = "x";
        settings.command = {"/bin/x"};
        settings.conditions = {*parse_condition(condition)};
        manager.define(settings);
    }
    EventLoop loop;
    StartId last = 0;
    Manager manager{[this] { return ++last; }};
    CoreLoop core{loop, manager};
    Workers workers{loop};
    std::unique_ptr<Recovery> recovery = Recovery::fresh();
};

} // namespace

TEST_F(ConditionsTest, WhatUsersSetOutlivesACrash) {
    wait_for("user:go");
    Conditions conditions(loop, manager, core, workers, *recovery, "quiet");
    conditions.update();
    EXPECT_EQ(manager.holds("user:go"), false);
    EXPECT_TRUE(conditions.set_user("go", true));
    EXPECT_EQ(manager.holds("user:go"), true);
    EXPECT_FALSE(conditions.set_user("a b", true));
    for (std::size_t i = 1; i < UserConditions::kMost; ++i)
        EXPECT_TRUE(conditions.set_user("n" + std::to_string(i), true));
    auto full = conditions.set_user("one-more", true);
    ASSERT_FALSE(full);
    EXPECT_NE(full.error().text.find("clear some first"), std::string::npos);
    EXPECT_TRUE(conditions.set_user("n1", true)); // set already
    EXPECT_TRUE(conditions.set_user("n1", false));

    auto next = Recovery::adopt(UniqueFd(dup(recovery->fd())));
    ASSERT_TRUE(next);
    Conditions later(loop, manager, core, workers, **next, "");
    EXPECT_EQ(later.user(), conditions.user());
    EXPECT_TRUE(later.user().contains("go"));
}

TEST_F(ConditionsTest, SeesWhatIsThereAtOnce) {
    struct {
        const char* condition;
        bool holds;
    } const rows[] = {{"mount:/proc", true},       {"mount:/nonsense", false}, {"path:/proc/self", true},
                      {"path:/proc/nothing", false}, {"cmdline:quiet", true},    {"cmdline:loud", false},
                      {"net:nonsense0", false}};
    for (const auto& row : rows) {
        wait_for(row.condition);
        Conditions conditions(loop, manager, core, workers, *recovery, "quiet");
        conditions.update();
        if (std::string(row.condition) == "path:/proc/self") continue; // a symbolic link: asks a worker
        EXPECT_EQ(manager.holds(row.condition), row.holds) << row.condition;
    }
}
