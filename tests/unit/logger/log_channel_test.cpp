// SPDX-License-Identifier: MIT
#include "base/log_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace leash;

namespace {

void run(EventLoop& loop, Ms time) {
    Timer end(loop, [&] { loop.stop(); });
    end.in(time);
    loop.run();
}

template <class Message> Message expect(int socket) {
    auto received = receive_log_message(socket);
    EXPECT_EQ(received.what, LogReceived::What::message);
    if (!received.message || !std::holds_alternative<Message>(*received.message)) {
        ADD_FAILURE();
        return {};
    }
    return std::get<Message>(std::move(*received.message));
}

} // namespace

TEST(LogChannel, EveryMessageArrives) {
    EventLoop loop;
    auto pair = make_log_pair();
    ASSERT_TRUE(pair);
    LogChannel channel(loop, std::move(pair->init));
    int logger = pair->logger.get();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]), write_end(ends[1]);

    channel.stream("httpd", read_end.get());
    channel.line(log::Level::error, true, "it burns");
    channel.line(log::Level::info, false, "");
    channel.settings({1234, true});
    bool flushed = false;
    channel.flush([&] { flushed = true; });

    auto stream = expect<log_message::Stream>(logger);
    EXPECT_EQ(stream.name, "httpd");
    ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(stream.fd.get(), &byte, 1), 1);
    auto line = expect<log_message::Line>(logger);
    EXPECT_EQ(line.level, log::Level::error);
    EXPECT_TRUE(line.console);
    EXPECT_EQ(line.text, "it burns");
    auto quiet = expect<log_message::Line>(logger);
    EXPECT_FALSE(quiet.console);
    EXPECT_EQ(quiet.text, "");
    EXPECT_EQ(expect<log_message::Settings>(logger).settings, (LogSettings{1234, true}));
    auto flush = expect<log_message::Flush>(logger);
    run(loop, Ms{5});
    EXPECT_FALSE(flushed);
    send_flushed(logger, flush.id + 7); // not ours
    send_flushed(logger, flush.id);
    run(loop, Ms{5});
    EXPECT_TRUE(flushed);
    EXPECT_EQ(receive_log_message(logger).what, LogReceived::What::nothing);
}

TEST(LogChannel, WhatIsNoMessage) {
    EXPECT_FALSE(decode_log_message("", {}));
    EXPECT_FALSE(decode_log_message("Shttpd", {})); // without a descriptor
    EXPECT_FALSE(decode_log_message("X", {}));
    EXPECT_FALSE(decode_log_message("L", {}));
    EXPECT_FALSE(decode_log_message("L\x63\x01text", {}));
    EXPECT_FALSE(decode_log_message("C123", {}));
    EXPECT_FALSE(decode_log_message("F1", {}));
    auto pair = make_log_pair();
    ASSERT_TRUE(pair);
    ASSERT_EQ(::send(pair->init.get(), "X", 1, 0), 1);
    EXPECT_EQ(receive_log_message(pair->logger.get()).what, LogReceived::What::garbage);
    pair->init.reset();
    EXPECT_EQ(receive_log_message(pair->logger.get()).what, LogReceived::What::closed);
}

TEST(LogChannel, LongTextIsCut) {
    EventLoop loop;
    auto pair = make_log_pair();
    ASSERT_TRUE(pair);
    LogChannel channel(loop, std::move(pair->init));
    channel.line(log::Level::info, false, std::string(100'000, 'x'));
    EXPECT_EQ(expect<log_message::Line>(pair->logger.get()).text.size(), kMaxLogText);
}

TEST(LogChannel, AFullOneCountsWhatItLoses) {
    EventLoop loop;
    auto pair = make_log_pair();
    ASSERT_TRUE(pair);
    LogChannel channel(loop, std::move(pair->init));
    int logger = pair->logger.get();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]), write_end(ends[1]);

    constexpr int kLines = 5000;
    for (int i = 0; i < kLines; ++i)
        channel.line(log::Level::info, false, fmt::format("{} {}", i, std::string(100, 'x')));
    channel.stream("httpd", read_end.get()); // must never be lost
    auto lost = channel.lost();
    EXPECT_GT(lost, 0U);
    int lines = 0;
    bool stream = false, told = false;
    for (int round = 0; round < 2000; ++round) {
        run(loop, Ms{0});
        auto received = receive_log_message(logger);
        if (received.what != LogReceived::What::message) continue;
        if (std::holds_alternative<log_message::Stream>(*received.message)) stream = true;
        else if (auto* line = std::get_if<log_message::Line>(&*received.message)) {
            if (line->text == fmt::format("{} messages lost", lost)) told = true;
            else EXPECT_TRUE(line->text.starts_with(fmt::format("{} ", lines++)));
        }
    }
    EXPECT_TRUE(stream);
    EXPECT_TRUE(told);
    EXPECT_EQ(static_cast<std::uint64_t>(lines) + lost, static_cast<std::uint64_t>(kLines));
    channel.line(log::Level::info, false, "all is well again");
    EXPECT_EQ(expect<log_message::Line>(logger).text, "all is well again");
}

TEST(LogChannel, TheLoggerGoesAway) {
    EventLoop loop;
    auto pair = make_log_pair();
    ASSERT_TRUE(pair);
    LogChannel channel(loop, std::move(pair->init));
    channel.flush([] { ADD_FAILURE(); });
    pair->logger.reset();
    run(loop, Ms{5});
    EXPECT_TRUE(channel.broken());
    channel.line(log::Level::info, false, "lost");
    channel.stream("a", 0);
    channel.flush([] { ADD_FAILURE(); });
    EXPECT_EQ(channel.lost(), 1U);
    run(loop, Ms{5});
}
