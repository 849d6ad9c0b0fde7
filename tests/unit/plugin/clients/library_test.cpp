// SPDX-License-Identifier: MIT
// libwdog against the helper: what each call gives back, by its old and its new names.
#include "clients/support.h"

#include <cstdlib>

#include <wdog/wdog.h>

namespace leash_clients {
namespace {

using namespace test;

char* text(const char* literal) {
    return const_cast<char*>(literal); // as watchdogd's own header wants it
}

struct LibraryTest : testing::Test {
    LibraryTest() {
        __wdog_testmode = 1; // finds ./watchdogd.sock
        EXPECT_EQ(chdir(machine.folder().c_str()), 0);
    }
    ~LibraryTest() override { EXPECT_EQ(chdir("/"), 0); }
    Machine machine;
};

TEST_F(LibraryTest, TodaysCalls) {
    EXPECT_EQ(wdog_ping(), 0) << "0 is alive";
    unsigned int ack = 0;
    int id = wdog_subscribe(nullptr, 3000, &ack);
    ASSERT_EQ(id, 1);
    EXPECT_EQ(ack, 42U);
    EXPECT_STREQ(machine.told(Kind::whose)[0].label, program_invocation_short_name);
    EXPECT_EQ(wdog_kick2(id, &ack), 0);
    EXPECT_EQ(wdog_extend_kick(id, 10'000, &ack), 0);
    unsigned int next = 0;
    EXPECT_EQ(wdog_kick(id, 3000, ack, &next), 0);
    EXPECT_EQ(next, 48U);
    wdog_client_t* clients = nullptr;
    std::size_t count = 0;
    ASSERT_EQ(wdog_clients(&clients, &count), 0);
    ASSERT_EQ(count, 1U);
    EXPECT_EQ(clients[0].pid, getpid());
    EXPECT_EQ(clients[0].timeout, 3000U);
    EXPECT_LE(clients[0].time_left, 3000U);
    std::free(clients);
    EXPECT_EQ(wdog_unsubscribe(id, next), 0);
    ASSERT_EQ(wdog_clients(&clients, &count), 0);
    EXPECT_EQ(count, 0U);
}

TEST_F(LibraryTest, CallsOf2x) {
    int ack = 0;
    EXPECT_EQ(wdog_pmon_ping(), 0);
    int id = wdog_pmon_subscribe(text("old"), 3000, &ack);
    ASSERT_EQ(id, 1);
    EXPECT_EQ(wdog_pmon_kick(id, &ack), 0);
    EXPECT_EQ(wdog_pmon_extend_kick(id, 5000, &ack), 0);
    EXPECT_EQ(ack, 46);
    EXPECT_EQ(wdog_pmon_unsubscribe(id, ack), 0);
}

TEST_F(LibraryTest, ErrorsAreNegativeErrnos) {
    unsigned int ack = 0;
    EXPECT_EQ(wdog_subscribe(nullptr, 999, &ack), -EINVAL);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(wdog_kick2(12, &ack), -EIDRM);
    EXPECT_EQ(wdog_kick2(9999, &ack), -EINVAL);
    EXPECT_EQ(wdog_subscribe(nullptr, 3000, nullptr), -EINVAL);
    EXPECT_EQ(wdog_failed(static_cast<wdog_code_t>(11), 1, nullptr, 0), -EINVAL);
    EXPECT_EQ(wdog_set_loglevel(text("loud")), -EINVAL);
}

TEST_F(LibraryTest, TheRest) {
    std::atomic<int> last = 0;
    machine.on_ask = [&](const LinkMessage& asked, LinkMessage& reply) {
        last = asked.command;
        if (asked.command == kStatus || asked.command == kGetDebug) reply.value = 1;
        if (asked.command == kGetLoglevel) reply.value = 6;
        if (asked.command == kCounter) reply.value = 12;
        if (asked.command != kReason && asked.command != kReasonRaw) return;
        reply.value = 3;
        reply.code = 5;
        reply.time = 951782400;
        std::strcpy(reply.label, "engine");
    };
    int value = 0;
    EXPECT_EQ(wdog_status(&value), 0);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(wdog_is_enabled(), 1);
    EXPECT_EQ(wdog_enable(0), 0);
    EXPECT_EQ(wdog_get_debug(&value), 0);
    EXPECT_EQ(wdog_debug(1), 0);
    EXPECT_EQ(wdog_set_loglevel(text("info")), 0);
    EXPECT_STREQ(wdog_get_loglevel(), "info");
    unsigned int counter = 0;
    EXPECT_EQ(wdog_reset_counter(&counter), 0);
    EXPECT_EQ(counter, 12U);
    wdog_reason_t reason;
    EXPECT_EQ(wdog_reset_reason(&reason), 0);
    EXPECT_EQ(reason.code, WDOG_FAILED_TO_MEET_DEADLINE);
    EXPECT_EQ(reason.cause, reason.code) << "its name up to 3.3";
    EXPECT_EQ(reason.counter, 3U);
    EXPECT_STREQ(reason.label, "engine");
    EXPECT_EQ(reason.date.tm_year, 100);
    EXPECT_STREQ(wdog_get_reason_str(&reason), "Failed to meet deadline");
    EXPECT_STREQ(wdog_reset_reason_str(nullptr), "Unknown failure");
    EXPECT_EQ(wdog_reset_reason_raw(&reason), 0);
    EXPECT_EQ(wdog_clear_reason(), 0);
    EXPECT_EQ(wdog_failed(WDOG_MEMORY_LEAK, getpid(), text("leak"), 0), 0);
    EXPECT_EQ(last, 29);
    EXPECT_EQ(wdog_reload(), 0);
    EXPECT_EQ(wdog_reset_timeout(getpid(), text("later"), 100), 0);
    EXPECT_TRUE(machine.wait_for(Kind::reset, 1));
    wdog_forced_reset(nullptr);
    EXPECT_TRUE(machine.wait_for(Kind::reset, 2));
    EXPECT_STREQ(machine.told(Kind::reset).back().label, "XBAD_LABEL");
}

TEST(Library, WithoutAServer) {
    __wdog_testmode = 0;
    if (access("/run/watchdogd/sock", F_OK) == 0) GTEST_SKIP() << "there is one";
    unsigned int ack = 0;
    EXPECT_EQ(wdog_ping(), -EAGAIN);
    EXPECT_EQ(wdog_subscribe(nullptr, 3000, &ack), -EAGAIN);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(wdog_get_loglevel(), nullptr);
}

TEST(Library, AServerThatSaysNothing) {
    char folder[] = "/tmp/leash-clients-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    ASSERT_EQ(chdir(folder), 0);
    __wdog_testmode = 1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "watchdogd.sock");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(fd, 0), 0);
    auto began = now_ms();
    EXPECT_EQ(wdog_ping(), -ETIMEDOUT);
    EXPECT_EQ(wdog_ping(), -ETIMEDOUT) << "its queue is full now";
    auto took = now_ms() - began;
    EXPECT_GE(took, 1900);
    EXPECT_LT(took, 4000);
    close(fd);
    unlink("watchdogd.sock");
    ASSERT_EQ(chdir("/"), 0);
    rmdir(folder);
}

} // namespace
} // namespace leash_clients
