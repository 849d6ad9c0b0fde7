// SPDX-License-Identifier: MIT
// Every command and every error of watchdogd's protocol, by hand-made messages of 44, 76 and 204
// bytes, against the helper as it is run.
#include "clients/support.h"

namespace leash_clients {
namespace {

using namespace test;

struct HelperTest : testing::Test {
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root, to be other users";
    }
    int subscribe(const Layout& layout = k204, int timeout = 3000, const std::string& label = "me") {
        auto reply = machine.say(layout, 1, {.timeout = timeout, .label = label});
        EXPECT_EQ(reply.error, 0);
        ack = reply.next_ack;
        return reply.error == 0 ? reply.id : -reply.error;
    }
    Machine machine;
    std::uint32_t ack = 0;
};

TEST_F(HelperTest, SubscribeKickUnsubscribeInEachGeneration) {
    for (const auto& layout : {k44, k76, k204}) {
        SCOPED_TRACE(layout.size);
        bool old = layout.size != 204;
        auto reply = machine.say(layout, 1, {.timeout = 3000, .label = "engine"}, old);
        ASSERT_TRUE(reply.came);
        ASSERT_EQ(reply.command, 1);
        ASSERT_EQ(reply.id, 1);
        ASSERT_EQ(reply.next_ack, 42U);
        int as_subscribed = layout.size == 44 ? -1 : 0;
        auto kick = machine.say(layout, 3, {.id = 1, .timeout = as_subscribed, .ack = 42}, old);
        EXPECT_EQ(kick.error, 0);
        EXPECT_EQ(kick.next_ack, 44U);
        EXPECT_EQ(machine.say(layout, 2, {.id = 1, .ack = 44}, old).error, 0);
        EXPECT_EQ(machine.say(layout, 3, {.id = 1, .ack = 44}, old).error, EIDRM);
    }
    auto asked = machine.told(Kind::whose);
    ASSERT_GE(asked.size(), 3U);
    EXPECT_EQ(asked[0].pid, getpid());
    EXPECT_STREQ(asked[0].label, "engine");
    EXPECT_TRUE(machine.told(Kind::verdict).empty());
}

TEST_F(HelperTest, ErrorsInEachGeneration) {
    for (const auto& layout : {k44, k76, k204}) {
        SCOPED_TRACE(layout.size);
        EXPECT_EQ(machine.say(layout, 1, {.timeout = 999, .label = "x"}).error, EINVAL);
        EXPECT_EQ(machine.say(layout, 3, {.id = 256}).error, EINVAL);
        EXPECT_EQ(machine.say(layout, 3, {.id = -1}).error, EINVAL);
        EXPECT_EQ(machine.say(layout, 3, {.id = 200}).error, EIDRM);
        EXPECT_EQ(machine.say(layout, 2, {.id = 0}).error, EIDRM);
        EXPECT_EQ(machine.say(layout, 99, {}).error, EBADMSG);
        EXPECT_EQ(machine.say(layout, 0, {}).error, EBADMSG);
        EXPECT_EQ(machine.say(layout, -1, {}).error, EBADMSG);
    }
    EXPECT_EQ(machine.say(k44, 13, {}).error, EBADMSG) << "2.x has no reasons";
    EXPECT_EQ(machine.say(k76, 25, {}).error, EBADMSG) << "nor has 3.0 failures";
    EXPECT_EQ(machine.say(k76, 31, {}).error, EBADMSG);
    int id = subscribe(k76);
    EXPECT_EQ(machine.say(k76, 3, {.id = id, .ack = 1}).error, EBADRQC);
    Child other([&] {
        return machine.say(k76, 3, {.id = id, .ack = 42}).error == EBADE &&
               machine.say(k44, 2, {.id = id, .ack = 42}).error == EBADE;
    });
    EXPECT_TRUE(other.ok);
    std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(machine.told(Kind::verdict).empty()) << "before 3.1 nothing came of it";
    EXPECT_EQ(machine.say(k76, 3, {.id = id, .ack = 42}).error, 0);
}

TEST_F(HelperTest, AMissedDeadlineIsToldOnceWithWhoseItIs) {
    int id = subscribe(k44, 1000, "slow");
    auto began = now_ms();
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
    auto took = now_ms() - began;
    EXPECT_GE(took, 1400);
    EXPECT_LE(took, 3000);
    auto verdict = machine.told(Kind::verdict)[0];
    EXPECT_EQ(verdict.what, static_cast<int>(Verdict::deadline));
    EXPECT_EQ(verdict.code, 5U);
    EXPECT_EQ(verdict.start, 7U);
    EXPECT_STREQ(verdict.service, "web");
    EXPECT_STREQ(verdict.label, "slow");
    EXPECT_EQ(verdict.id, id);
    std::this_thread::sleep_for(700ms);
    EXPECT_EQ(machine.told(Kind::verdict).size(), 1U);
    EXPECT_EQ(machine.say(k44, 3, {.id = id, .timeout = -1, .ack = 42}).error, 0);
    EXPECT_TRUE(machine.wait_for(Kind::over, 1)) << "it kicks again";
}

TEST_F(HelperTest, WhatInitHasNotTakenIsToldAgain) {
    subscribe(k204, 1000);
    machine.be_deaf();
    std::this_thread::sleep_for(2500ms);
    EXPECT_TRUE(machine.told(Kind::verdict).empty());
    machine.deaf = false;
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
}

TEST_F(HelperTest, TheDeathOfAClientIsToldAtOnce) {
    Child client([&] { return machine.say(k204, 1, {.timeout = 60'000, .label = "killed"}).id == 1; });
    ASSERT_TRUE(client.ok);
    auto began = now_ms();
    client.end();
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
    EXPECT_LT(now_ms() - began, 1000);
    auto verdict = machine.told(Kind::verdict)[0];
    EXPECT_EQ(verdict.what, static_cast<int>(Verdict::died));
    EXPECT_EQ(verdict.start, 7U);
    EXPECT_TRUE(Machine::wait([&] { return machine.exchange(question(k204, 31, {})).empty(); }))
        << "its slot is free";
}

// Who steps out of line from 3.1 on is in trouble (watchdogd: codes 3 and 4).
TEST_F(HelperTest, WrongAcksAreVerdicts) {
    subscribe();
    EXPECT_EQ(machine.say(k204, 3, {.id = 1, .ack = 1}).error, EBADRQC);
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
    EXPECT_EQ(machine.told(Kind::verdict)[0].code, 3U);
    EXPECT_EQ(machine.say(k204, 3, {.id = 1, .ack = 42}).error, 0);
    EXPECT_EQ(machine.say(k204, 2, {.id = 1, .ack = 1}).error, EBADRQC);
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 2));
    EXPECT_EQ(machine.told(Kind::verdict)[1].code, 4U);
    Child stranger([&] { return machine.say(k204, 3, {.id = 77, .ack = 1}).error == EIDRM; });
    EXPECT_TRUE(stranger.ok);
    EXPECT_EQ(machine.told(Kind::verdict).size(), 2U) << "of no client";
}

TEST_F(HelperTest, AWholeProcessMayHaveSeveralIds) {
    EXPECT_EQ(subscribe(), 1);
    EXPECT_EQ(subscribe(k44), 2);
    EXPECT_EQ(machine.say(k204, 3, {.id = 1, .ack = 42}).error, 0);
    EXPECT_EQ(machine.say(k204, 3, {.id = 2, .ack = 42}).error, 0);
}

TEST_F(HelperTest, QuestionsForInitGoThere) {
    std::atomic<int> enabled = 1;
    machine.on_ask = [&](const LinkMessage& asked, LinkMessage& reply) {
        if (asked.command == kEnable) enabled = asked.id;
        if (asked.command == kStatus) reply.value = static_cast<std::uint32_t>(enabled.load());
        if (asked.command == kGetLoglevel) reply.value = 5;
        if (asked.command == kSetLoglevel && asked.id > 7) reply.error = EINVAL;
        if (asked.command == kCounter) reply.value = 12;
        if (asked.command == kReason || asked.command == kReasonRaw) {
            reply.value = 3;
            reply.code = 5;
            reply.wid = 9;
            reply.time = 951782400;
            std::strcpy(reply.label, asked.command == kReason ? "engine" : "prepared");
        }
        if (asked.command == kClear) reply.error = EOPNOTSUPP;
    };
    for (const auto& layout : {k44, k76, k204}) {
        EXPECT_EQ(machine.say(layout, 10, {.id = 0}).error, 0);
        EXPECT_EQ(machine.say(layout, 11, {}).next_ack, 0U);
        EXPECT_EQ(machine.say(layout, 10, {.id = 1}).error, 0);
        EXPECT_EQ(machine.say(layout, 11, {}).next_ack, 1U);
    }
    for (const auto& layout : {k76, k204}) {
        EXPECT_EQ(machine.say(layout, 17, {}).next_ack, 5U);
        EXPECT_EQ(machine.say(layout, 16, {.id = 7}).error, 0);
        EXPECT_EQ(machine.say(layout, 16, {.id = 77}).error, EINVAL);
        EXPECT_EQ(machine.say(layout, 4, {.id = 1}).error, 0);
        EXPECT_EQ(machine.say(layout, 5, {}).error, 0);
        EXPECT_EQ(machine.say(layout, 18, {}).next_ack, 12U);
        EXPECT_EQ(machine.say(layout, 15, {}).error, EOPNOTSUPP);
        EXPECT_EQ(machine.say(layout, 19, {}).error, 0);
        for (int command : {13, 14}) {
            auto bytes = machine.exchange(question(layout, command, {}));
            ASSERT_EQ(bytes.size(), layout.size);
            EXPECT_EQ(get(bytes, 0), 3) << "the counter lies over the command";
            EXPECT_EQ(get(bytes, 4), 9);
            EXPECT_EQ(get(bytes, 8), 5);
            EXPECT_STREQ(reinterpret_cast<char*>(bytes.data()) + 16,
                         command == 13 ? "engine" : "prepared");
            if (layout.size == 204) { EXPECT_EQ(get(bytes, 64 + 20), 100) << "tm_year"; }
        }
    }
}

// Defect 3 at this end: what init refuses, the client sees, and nothing is off.
TEST_F(HelperTest, ARefusedDisableIsSeenByTheClient) {
    machine.on_ask = [](const LinkMessage&, LinkMessage& reply) { reply.error = EPERM; };
    subscribe(k204, 1000);
    auto reply = machine.say(k204, 10, {.id = 0});
    EXPECT_EQ(reply.command, -1);
    EXPECT_EQ(reply.error, EPERM);
    EXPECT_TRUE(machine.wait_for(Kind::verdict, 1)) << "deadlines go on";
}

TEST_F(HelperTest, WhileItIsOffNobodyIsLate) {
    subscribe(k204, 1000);
    LinkMessage off;
    off.kind = Kind::enabled;
    machine.tell(off);
    std::this_thread::sleep_for(2s);
    EXPECT_TRUE(machine.told(Kind::verdict).empty());
    EXPECT_EQ(machine.say(k204, 3, {.id = 1, .ack = 42}).next_ack, 44U) << "kicks in the air count";
    off.value = 1;
    machine.tell(off);
    auto began = now_ms();
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
    EXPECT_GE(now_ms() - began, 1400);
}

TEST_F(HelperTest, ResetsOfTheMachine) {
    EXPECT_EQ(machine.say(k76, 12, {.id = getpid(), .label = "*RESET*"}).error, 0);
    ASSERT_TRUE(machine.wait_for(Kind::reset, 1));
    EXPECT_EQ(machine.told(Kind::reset)[0].code, 6U) << "of nobody's client: forced";
    EXPECT_STREQ(machine.told(Kind::reset)[0].label, "*RESET*");
    subscribe();
    Fields later{.id = getpid(), .timeout = 300, .label = "Terminal failure"};
    EXPECT_EQ(machine.say(k204, 12, later).error, 0);
    auto began = now_ms();
    ASSERT_TRUE(machine.wait_for(Kind::reset, 2));
    EXPECT_GE(now_ms() - began, 250);
    EXPECT_EQ(machine.told(Kind::reset)[1].code, 5U) << "of a client: its deadline";
    EXPECT_STREQ(machine.told(Kind::reset)[1].label, "Terminal failure");
}

// Defect 9: the code that was asked for is the one that is kept, whoever is subscribed.
TEST_F(HelperTest, FailuresKeepTheirCode) {
    EXPECT_EQ(machine.say(k204, 29, {.id = getpid(), .label = "leak"}).error, 0);
    auto asked = machine.told(Kind::ask);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].command, 29);
    EXPECT_EQ(asked[0].pid, getpid());
    EXPECT_STREQ(asked[0].label, "leak");
    std::this_thread::sleep_for(100ms);
    EXPECT_TRUE(machine.told(Kind::reset).empty()) << "0 ms: only recorded";
    EXPECT_EQ(machine.say(k204, 29, {.id = getpid(), .timeout = 50, .label = "leak"}).error, 0);
    ASSERT_TRUE(machine.wait_for(Kind::reset, 1));
    EXPECT_EQ(machine.told(Kind::reset)[0].code, 9U);
}

// Defect 10: who asks is what the kernel says, not what the message says.
TEST_F(HelperTest, NobodyCanBeSomebodyElse) {
    pid_t victim = getpid();
    int id = subscribe();
    Child thief([&] {
        Fields as_victim{.pid = victim, .timeout = 5000, .label = "thief"};
        return machine.say(k204, 1, as_victim).id == 2 &&
               machine.say(k204, 3, {.id = id, .pid = victim, .ack = 42}).error == EBADE &&
               machine.say(k204, 2, {.id = id, .pid = victim, .ack = 42}).error == EBADE &&
               machine.say(k204, 12, {.id = victim, .pid = victim, .label = "x"}).error == 0;
    }, 65533);
    EXPECT_TRUE(thief.ok);
    auto asked = machine.told(Kind::whose);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[1].pid, thief.pid);
    EXPECT_EQ(asked[1].uid, 65533U);
    ASSERT_TRUE(machine.wait_for(Kind::verdict, 1));
    for (const auto& verdict : machine.told(Kind::verdict))
        EXPECT_EQ(verdict.pid, thief.pid) << "on itself alone";
    EXPECT_TRUE(machine.told(Kind::reset).empty());
}

TEST_F(HelperTest, RootMayActForAProcessThatLives) {
    Child other([] { return true; });
    EXPECT_EQ(machine.say(k204, 1, {.pid = other.pid, .timeout = 60'000, .label = "for it"}).error, 0);
    EXPECT_EQ(machine.told(Kind::whose)[0].pid, other.pid);
    EXPECT_EQ(machine.say(k204, 3, {.id = 1, .pid = other.pid, .ack = 42}).error, 0);
    other.end();
    EXPECT_TRUE(machine.wait_for(Kind::verdict, 1));
}

TEST_F(HelperTest, WhatOnlyRootMayDo) {
    Child user([&] {
        for (int command : {4, 10, 15, 16, 19, 12, 25})
            if (machine.say(k204, command, {.id = 1, .label = "x"}).error != EPERM) return false;
        for (int command : {5, 11, 17, 18})
            if (machine.say(k204, command, {}).error != 0) return false;
        return machine.say(k204, 1, {.timeout = 3000, .label = "user"}).id == 1;
    }, 65533);
    EXPECT_TRUE(user.ok);
    EXPECT_TRUE(machine.told(Kind::reset).empty());
}

TEST_F(HelperTest, ClientsAreListedWithTheirService) {
    EXPECT_TRUE(machine.exchange(question(k204, 31, {})).empty());
    subscribe(k44, 3000, "first");
    subscribe(k204, 5000, "second");
    auto bytes = machine.exchange(question(k204, 31, {}));
    ASSERT_EQ(bytes.size(), 2U * 204);
    EXPECT_EQ(get(bytes, 8), 1);
    EXPECT_EQ(get(bytes, 12), getpid());
    EXPECT_EQ(get(bytes, 16), 3000);
    EXPECT_GT(get(bytes, 24), 1000);
    EXPECT_LE(get(bytes, 24), 3000);
    EXPECT_STREQ(reinterpret_cast<char*>(bytes.data()) + 28, "first");
    EXPECT_STREQ(reinterpret_cast<char*>(bytes.data()) + 76, "web");
    EXPECT_STREQ(reinterpret_cast<char*>(bytes.data()) + 204 + 28, "second");
}

TEST_F(HelperTest, ARestartedHelperKnowsNobodyAndSaysSo) {
    int id = subscribe();
    machine.stop();
    machine.start(true);
    EXPECT_EQ(machine.say(k204, 3, {.id = id, .ack = 42}).error, EIDRM);
    EXPECT_EQ(machine.say(k204, 3, {.id = 1000, .ack = 42}).error, EIDRM);
    EXPECT_EQ(subscribe(), 1);
}

TEST_F(HelperTest, ASubscriptionWaitsForInitButNotForEver) {
    machine.start_id = 0;
    machine.be_deaf();
    auto began = now_ms();
    EXPECT_EQ(subscribe(), 1);
    EXPECT_GE(now_ms() - began, 400);
    EXPECT_LT(now_ms() - began, 950) << "clients give up after a second";
    machine.deaf = false;
    EXPECT_TRUE(machine.wait_for(Kind::whose, 2)) << "and asks again";
}

TEST_F(HelperTest, TheHelperHasGivenUpItsRights) {
    subscribe();
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/status", machine.helper);
    char text[4096] = "";
    int fd = open(path, O_RDONLY);
    ASSERT_GT(read(fd, text, sizeof text - 1), 0);
    close(fd);
    EXPECT_NE(std::strstr(text, "\nUid:\t65532\t65532\t65532\t65532\n"), nullptr);
    EXPECT_NE(std::strstr(text, "\nCapEff:\t0000000000000000\n"), nullptr);
    EXPECT_NE(std::strstr(text, "\nNoNewPrivs:\t1\n"), nullptr);
    const char* rss = std::strstr(text, "VmRSS:");
    ASSERT_NE(rss, nullptr);
    EXPECT_LT(std::atoi(rss + 6), 3000) << "kB: it is small";
}

} // namespace
} // namespace leash_clients
