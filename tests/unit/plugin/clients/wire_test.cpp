// SPDX-License-Identifier: MIT
// Messages of all generations, by watchdogd's own offsets.
#include "clients/support.h"

namespace leash_clients {
namespace {

using namespace test;

TEST(Wire, EachGenerationIsReadByItsLength) {
    for (const auto& layout : {k44, k76, k204}) {
        SCOPED_TRACE(layout.size);
        auto bytes = question(layout, 3, {.id = 4, .pid = 5, .timeout = -1, .ack = 42, .label = "abc"});
        Message message;
        ASSERT_TRUE(decode(bytes.data(), bytes.size(), message));
        EXPECT_EQ(size_of(message.generation), layout.size);
        EXPECT_EQ(message.command, kKick);
        EXPECT_EQ(message.id, 4);
        EXPECT_EQ(message.pid, 5);
        EXPECT_EQ(message.timeout, -1);
        EXPECT_EQ(message.ack, 42U);
        EXPECT_STREQ(message.label, "abc");
        message.error = EBADRQC;
        message.next_ack = 44;
        Bytes out(kMaxMessage);
        ASSERT_EQ(encode(message, out.data()), layout.size);
        EXPECT_EQ(get(out, 0), layout.error_mark);
        EXPECT_EQ(get(out, 4), EBADRQC);
        EXPECT_EQ(get(out, layout.next_ack), 44);
        message.error = 0;
        encode(message, out.data());
        EXPECT_EQ(get(out, 0), kKick);
    }
}

TEST(Wire, OtherLengthsAreNoMessages) {
    Message message;
    Bytes bytes(512);
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_EQ(decode(bytes.data(), length, message), length == 44 || length == 76 || length == 204);
}

TEST(Wire, LabelsAreEndedAndShownAsText) {
    for (const auto& layout : {k44, k76, k204}) {
        auto bytes = question(layout, 1, {.label = std::string(100, 'x')});
        Message message;
        ASSERT_TRUE(decode(bytes.data(), bytes.size(), message));
        EXPECT_EQ(std::strlen(message.label), layout.label_size - 1);
    }
    char text[kLabelSize];
    printable_label("a\nb\x1b[0m\xff", text);
    EXPECT_STREQ(text, "a?b?[0m?");
    printable_label("", text);
    EXPECT_STREQ(text, "(no label)");
}

TEST(Wire, WhichCommandsAGenerationKnows) {
    auto list = [](Generation generation) {
        std::string known;
        for (int command = -1; command < 40; ++command)
            if (knows(generation, command)) known += std::to_string(command) + " ";
        return known;
    };
    EXPECT_EQ(list(Generation::v2), "1 2 3 10 11 ");
    EXPECT_EQ(list(Generation::v3), "1 2 3 4 5 10 11 12 13 14 15 16 17 18 19 ");
    EXPECT_EQ(list(Generation::v4), list(Generation::v3) + "21 22 23 24 25 26 27 28 29 30 31 ");
}

TEST(Wire, AReasonLiesOverTheAnswer) {
    Message question;
    Reason reason{3, 9, 5, "engine", 951782400}; // 2000-02-29 00:00:00 UTC
    Bytes out(kMaxMessage);
    question.generation = Generation::v4;
    ASSERT_EQ(encode(question, reason, out.data()), 204U);
    EXPECT_EQ(get(out, 0), 3);
    EXPECT_EQ(get(out, 4), 9);
    EXPECT_EQ(get(out, 8), 5);
    EXPECT_STREQ(reinterpret_cast<char*>(out.data()) + 16, "engine");
    struct tm date{};
    std::memcpy(&date, out.data() + 64, sizeof date);
    EXPECT_EQ(date.tm_year, 100);
    EXPECT_EQ(date.tm_mon, 1);
    EXPECT_EQ(date.tm_mday, 29);
    EXPECT_EQ(date.tm_zone, nullptr);
    question.generation = Generation::v3;
    std::fill(out.begin(), out.end(), 0);
    ASSERT_EQ(encode(question, reason, out.data()), 76U);
    EXPECT_EQ(get(out, 64), 0) << "3.0's has no date";
    EXPECT_EQ(get(out, 76), 0);
}

TEST(Link, OnlyWholeMessagesOfOursAreTaken) {
    LinkMessage message;
    LinkMessage taken;
    EXPECT_TRUE(take_link(&message, sizeof message, taken));
    EXPECT_FALSE(take_link(&message, sizeof message - 1, taken));
    auto broken = message;
    broken.magic = 1;
    EXPECT_FALSE(take_link(&broken, sizeof broken, taken));
    broken = message;
    broken.kind = static_cast<Kind>(99);
    EXPECT_FALSE(take_link(&broken, sizeof broken, taken));
    broken = message;
    std::memset(broken.service, 'x', sizeof broken.service);
    EXPECT_FALSE(take_link(&broken, sizeof broken, taken));
    broken = message;
    std::memset(broken.label, 'x', sizeof broken.label);
    EXPECT_FALSE(take_link(&broken, sizeof broken, taken));
}

} // namespace
} // namespace leash_clients
