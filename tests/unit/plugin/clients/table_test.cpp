// SPDX-License-Identifier: MIT
// Ids, acks, errors and deadlines, at times of our own.
#include "clients/support.h"

namespace leash_clients {
namespace {

struct TableTest : testing::Test {
    int subscribe(int pid, int timeout = 3000, unsigned uid = 0) {
        Message message;
        message.timeout = timeout;
        error = table.subscribe(pid, uid, message, now, id);
        if (error == 0) table.at(id).owned = true;
        return error == 0 ? id : -error;
    }
    int kick(int pid, int which, std::uint32_t ack, int timeout = 0,
             Generation generation = Generation::v4) {
        Message message;
        message.id = which;
        message.ack = ack;
        message.timeout = timeout;
        message.generation = generation;
        return table.kick(pid, message, now, next_ack);
    }
    // When it is late, as the table sees it; -1: never within an hour.
    std::int64_t late_at(int which) {
        for (std::int64_t at = now; at < now + 3'600'000; at += 50) {
            table.tick(at);
            if (table.at(which).verdict == Verdict::deadline) return at;
        }
        return -1;
    }

    ClientTable table{false};
    std::int64_t now = 1'000'000;
    std::int32_t id = 0;
    std::uint32_t next_ack = 0;
    int error = 0;
};

TEST_F(TableTest, AcksBeginWith42AndGrowBy2) {
    ASSERT_EQ(subscribe(100), 1);
    EXPECT_EQ(table.at(1).ack, 42U);
    EXPECT_EQ(kick(100, 1, 42), 0);
    EXPECT_EQ(next_ack, 44U);
    EXPECT_EQ(kick(100, 1, 42), EBADRQC);
    EXPECT_EQ(kick(100, 1, 44), 0);
    EXPECT_EQ(next_ack, 46U);
}

TEST_F(TableTest, Errors) {
    EXPECT_EQ(subscribe(100, 999), -EINVAL);
    EXPECT_EQ(subscribe(100, 1000), 1);
    EXPECT_EQ(kick(100, -1, 42), EINVAL);
    EXPECT_EQ(kick(100, 256, 42), EINVAL);
    EXPECT_EQ(kick(100, 255, 42), EIDRM);
    EXPECT_EQ(kick(100, 0, 42), EIDRM);
    EXPECT_EQ(kick(101, 1, 42), EBADE);
    EXPECT_EQ(kick(100, 1, 43), EBADRQC);
    table.forget(1);
    EXPECT_EQ(kick(100, 1, 42), EIDRM);
}

TEST_F(TableTest, ATableThatTakesOverKnowsNobodyButRefusesNoId) {
    ClientTable later(true);
    Message message;
    for (int which : {0, 1, 255, 256, kMaxClients}) {
        message.id = which;
        EXPECT_EQ(later.kick(100, message, now, next_ack), EIDRM) << which;
    }
    message.id = kMaxClients + 1;
    EXPECT_EQ(later.kick(100, message, now, next_ack), EINVAL);
}

TEST_F(TableTest, IdsBeyond255AreGivenAndKnown) {
    for (int i = 1; i <= 1000; ++i) ASSERT_EQ(subscribe(1000 + i, 3000, 33), i);
    EXPECT_EQ(table.count(), 1000);
    EXPECT_EQ(kick(2000, 1000, 42), 0);
    EXPECT_EQ(kick(2000, 1001, 42), EINVAL) << "never given";
    table.forget(900);
    EXPECT_EQ(kick(1900, 900, 42), EIDRM) << "given, and free again";
    EXPECT_EQ(subscribe(5000), 900) << "the lowest that is free";
}

TEST_F(TableTest, FullTablesAndGreedyUsers) {
    for (int i = 1; i <= kMaxOfUser; ++i) ASSERT_EQ(subscribe(i, 3000, 1000), i);
    EXPECT_EQ(subscribe(9999, 3000, 1000), -ENOMEM) << "room is left for others";
    for (int i = kMaxOfUser + 1; i <= kMaxClients; ++i) ASSERT_EQ(subscribe(i), i);
    EXPECT_EQ(subscribe(9999), -ENOMEM);
    table.forget(17);
    EXPECT_EQ(subscribe(9999), 17);
}

TEST_F(TableTest, EveryDeadlineHasItsSlack) { // defect 12: only the first had
    ASSERT_EQ(subscribe(100, 3000), 1);
    now += 3000;
    EXPECT_EQ(kick(100, 1, 42), 0);
    EXPECT_EQ(table.deadline(1), now + 3500);
    table.set_enabled(false, now);
    table.set_enabled(true, now);
    EXPECT_EQ(table.deadline(1), now + 3500) << "and after it was off";
    auto at = late_at(1);
    EXPECT_GE(at, now + 3500);
    EXPECT_LE(at, now + 3550);
}

TEST_F(TableTest, ExtensionsHoldOnce) {
    ASSERT_EQ(subscribe(100, 2000), 1);
    EXPECT_EQ(kick(100, 1, 42, 10'000), 0);
    EXPECT_EQ(table.deadline(1), now + 10'500);
    EXPECT_EQ(kick(100, 1, 44, 0), 0);
    EXPECT_EQ(table.deadline(1), now + 2500);
    EXPECT_EQ(kick(100, 1, 46, -1), 0);
    EXPECT_EQ(table.deadline(1), now + 2500);
    EXPECT_EQ(kick(100, 1, 48, 9000, Generation::v2), 0);
    EXPECT_EQ(table.deadline(1), now + 2500) << "2.x knows no extension";
}

TEST_F(TableTest, LateOnceUntilItKicksAgain) {
    ASSERT_EQ(subscribe(100, 1000), 1);
    EXPECT_EQ(table.tick(now + 1499), 0);
    EXPECT_EQ(table.tick(now + 1500), 1);
    EXPECT_EQ(table.at(1).verdict, Verdict::deadline);
    EXPECT_EQ(table.tick(now + 100'000), 0);
    EXPECT_EQ(table.next(), kNever);
    now += 200'000;
    EXPECT_EQ(kick(100, 1, 42), 0);
    EXPECT_EQ(table.at(1).verdict, Verdict::none);
    EXPECT_TRUE(table.at(1).over);
    EXPECT_EQ(table.tick(now + 1500), 1);
}

TEST_F(TableTest, WhileItIsOffKicksCountAndNobodyIsLate) {
    ASSERT_EQ(subscribe(100, 1000), 1);
    table.set_enabled(false, now);
    EXPECT_EQ(late_at(1), -1);
    EXPECT_EQ(kick(100, 1, 42), 0);
    EXPECT_EQ(next_ack, 44U);
    EXPECT_EQ(late_at(1), -1);
    now += 50'000;
    table.set_enabled(true, now);
    EXPECT_EQ(table.deadline(1), now + 1500);
}

TEST_F(TableTest, AStallMovesAll) {
    ASSERT_EQ(subscribe(100, 1000), 1);
    table.shift(5000);
    EXPECT_EQ(table.tick(now + 6499), 0);
    EXPECT_EQ(table.tick(now + 6500), 1);
}

TEST_F(TableTest, TheDeathOfAClientIsAVerdict) {
    ASSERT_EQ(subscribe(100), 1);
    EXPECT_TRUE(table.died(1));
    EXPECT_EQ(table.at(1).verdict, Verdict::died);
    EXPECT_EQ(kick(100, 1, 42), EBADE) << "whoever has its pid now";
    ASSERT_EQ(subscribe(101), 2);
    table.at(2).owned = false;
    EXPECT_FALSE(table.died(2)) << "never confirmed, never watched";
    ASSERT_EQ(subscribe(102), 3);
    table.set_enabled(false, now);
    EXPECT_FALSE(table.died(3)) << "while it is off";
}

} // namespace
} // namespace leash_clients
