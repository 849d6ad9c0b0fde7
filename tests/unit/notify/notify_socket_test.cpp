// SPDX-License-Identifier: MIT
#include "notify/notify_socket.h"

#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

using namespace leash;

namespace {

class Notify : public testing::Test {
  protected:
    Notify() {
        char folder[] = "/tmp/leash-notify-XXXXXX";
        folder_ = mkdtemp(folder);
        path_ = folder_ + "/httpd";
        socket_ = std::make_unique<NotifySocket>(
            loop_,
            [this](const NotifyMessage& message, const NotifySender& sender,
                   std::vector<UniqueFd>& descriptors) {
                messages_.push_back(message);
                pid_ = sender.pid;
                uid_of_sender_ = sender.uid;
                if (keep_descriptors_) kept_ = std::move(descriptors);
                if (on_message_) on_message_();
            });
        auto opened = socket_->open(path_);
        EXPECT_TRUE(opened) << opened.error().text;
    }
    ~Notify() override {
        socket_.reset();
        std::filesystem::remove_all(folder_);
    }

    UniqueFd client() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, path_.size());
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return fd;
    }

    static bool send(int fd, std::string_view text, const std::vector<int>& passed = {}) {
        iovec data{const_cast<char*>(text.data()), text.size()};
        std::vector<char> control(CMSG_SPACE(sizeof(int) * passed.size()));
        msghdr header{};
        header.msg_iov = &data;
        header.msg_iovlen = 1;
        if (!passed.empty()) {
            header.msg_control = control.data();
            header.msg_controllen = control.size();
            cmsghdr* part = CMSG_FIRSTHDR(&header);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(sizeof(int) * passed.size());
            std::memcpy(CMSG_DATA(part), passed.data(), sizeof(int) * passed.size());
        }
        return ::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    }

    void run(Ms time) {
        Timer end(loop_, [this] { loop_.stop(); });
        end.in(time);
        loop_.run();
    }

    static std::size_t open_descriptors() {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator("/proc/self/fd"))
            ++count;
        return count;
    }

    EventLoop loop_;
    std::string folder_, path_;
    std::vector<NotifyMessage> messages_;
    pid_t pid_ = 0;
    uid_t uid_of_sender_ = 99;
    bool keep_descriptors_ = false;
    std::vector<UniqueFd> kept_;
    std::function<void()> on_message_;
    std::unique_ptr<NotifySocket> socket_;
};

} // namespace

TEST_F(Notify, TellsTheSender) {
    struct stat info{};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0666U);
    auto sender = client();
    ASSERT_TRUE(send(sender.get(), "READY=1\nSTATUS=up\n"));
    run(Ms{5});
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_TRUE(messages_[0].ready);
    EXPECT_EQ(pid_, ::getpid());
    EXPECT_EQ(uid_of_sender_, ::getuid());
}

TEST_F(Notify, TheSenderMayBeGone) {
    pid_t child = ::fork();
    if (child == 0) {
        auto sender = client();
        _exit(send(sender.get(), "READY=1") ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    socket_->drain();
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_EQ(pid_, child);
}

TEST_F(Notify, ABarrierEndsWhenItIsProcessed) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    auto sender = client();
    ASSERT_TRUE(send(sender.get(), "READY=1"));
    ASSERT_TRUE(send(sender.get(), "BARRIER=1", {write_end.get()}));
    write_end.reset();
    char byte = 0;
    EXPECT_EQ(::read(read_end.get(), &byte, 1), -1); // still open
    run(Ms{5});
    EXPECT_EQ(::read(read_end.get(), &byte, 1), 0);
    ASSERT_EQ(messages_.size(), 2U);
    EXPECT_TRUE(messages_[1].barrier);
}

TEST_F(Notify, PassedDescriptorsAreNeverKept) {
    auto sender = client();
    auto before = open_descriptors();
    ASSERT_TRUE(send(sender.get(), "FDSTORE=1", {0, 1, 2}));
    ASSERT_TRUE(send(sender.get(), "BARRIER=1", {0, 1}));
    ASSERT_TRUE(send(sender.get(), "BARRIER=1"));
    ASSERT_TRUE(send(sender.get(), std::string(5000, 'x'), {0}));
    ASSERT_TRUE(send(sender.get(), "READY=1", std::vector<int>(253, 0)));
    run(Ms{5});
    EXPECT_EQ(open_descriptors(), before);
    ASSERT_EQ(messages_.size(), 2U); // FDSTORE and READY
    EXPECT_TRUE(messages_[0].store);
    EXPECT_TRUE(messages_[1].ready);
    EXPECT_EQ(socket_->counts().dropped, 3U);
}

TEST_F(Notify, WhatTheCallbackTakesIsItsOwn) {
    keep_descriptors_ = true;
    auto sender = client();
    ASSERT_TRUE(send(sender.get(), "FDSTORE=1\nFDNAME=two", {1, 2}));
    run(Ms{5});
    ASSERT_EQ(kept_.size(), 2U);
    for (const auto& fd : kept_) EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(Notify, TheRestIsDiscardedAsAskedFor) {
    std::size_t discarded = 0;
    NotifySocket other(
        loop_, [](const NotifyMessage&, const NotifySender&, std::vector<UniqueFd>&) {},
        [&](std::vector<UniqueFd> descriptors) { discarded += descriptors.size(); });
    ASSERT_TRUE(other.open(path_));
    auto sender = client();
    ASSERT_TRUE(send(sender.get(), "READY=1", {0, 1}));
    ASSERT_TRUE(send(sender.get(), std::string(5000, 'x'), {0}));
    other.drain();
    EXPECT_EQ(discarded, 3U);
}

// What lies unread in it may hold descriptors that take long to close.
TEST_F(Notify, SoIsASocketThatWasNotReadToItsEnd) {
    for (bool unread : {false, true}) {
        std::size_t discarded = 0;
        {
            NotifySocket other(
                loop_, [](const NotifyMessage&, const NotifySender&, std::vector<UniqueFd>&) {},
                [&](std::vector<UniqueFd> descriptors) { discarded += descriptors.size(); });
            ASSERT_TRUE(other.open(path_));
            auto sender = client();
            if (unread) { ASSERT_TRUE(send(sender.get(), "READY=1", {0})); }
        }
        EXPECT_EQ(discarded, unread ? 1U : 0U);
    }
}

TEST_F(Notify, MalformedIsCountedOnly) {
    auto sender = client();
    ASSERT_TRUE(send(sender.get(), ""));
    ASSERT_TRUE(send(sender.get(), std::string("READY=1\0X", 9)));
    ASSERT_TRUE(send(sender.get(), std::string(4097, 'x')));
    run(Ms{5});
    EXPECT_TRUE(messages_.empty());
    EXPECT_EQ(socket_->counts().dropped, 3U);
}

TEST_F(Notify, DrainIsBounded) {
    auto sender = client();
    int sent = 0;
    while (sent < 200 && send(sender.get(), "WATCHDOG=1")) ++sent;
    socket_->drain();
    EXPECT_EQ(messages_.size(), static_cast<std::size_t>(std::min(sent, 64)));
}

TEST_F(Notify, ASpammerIsPausedAndItIsToldOnce) {
    int told = 0;
    socket_->set_flooded([&] { ++told; });
    auto sender = client();
    on_message_ = [&] { // each message begets two
        send(sender.get(), "WATCHDOG=1");
        send(sender.get(), "WATCHDOG=1");
    };
    ASSERT_TRUE(send(sender.get(), "WATCHDOG=1"));
    bool timely = false;
    Timer other(loop_, [&] { timely = true; });
    other.in(Ms{50});
    Ms begin = monotonic_now();
    run(Ms{1800});
    auto elapsed = (monotonic_now() - begin).count();
    EXPECT_TRUE(timely);
    EXPECT_GE(socket_->counts().pauses, 2U);
    EXPECT_EQ(told, 1);
    // A round's share over, for each pause.
    auto most = NotifySocket::kBurst + (elapsed / NotifySocket::kPause.count() + 2) * 64;
    EXPECT_LT(messages_.size(), static_cast<std::size_t>(most));
    EXPECT_GT(messages_.size(), static_cast<std::size_t>(NotifySocket::kBurst));
}

// Whoever asks before it calls a silence trouble hears the beats that wait in a paused socket.
TEST_F(Notify, APausedSocketCanBeDrained) {
    auto sender = client();
    on_message_ = [&] { send(sender.get(), "STATUS=x"); };
    ASSERT_TRUE(send(sender.get(), "STATUS=x"));
    while (socket_->counts().pauses == 0) run(Ms{20});
    on_message_ = {};
    socket_->drain();
    messages_.clear();
    ASSERT_TRUE(send(sender.get(), "WATCHDOG=1"));
    socket_->drain();
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_TRUE(messages_[0].watchdog);
}

TEST_F(Notify, TheCallbackMayDestroyTheSocket) {
    auto sender = client();
    on_message_ = [&] { socket_.reset(); };
    ASSERT_TRUE(send(sender.get(), "READY=1"));
    ASSERT_TRUE(send(sender.get(), "READY=1"));
    run(Ms{5});
    EXPECT_EQ(messages_.size(), 1U);
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Notify, TheCallbackMayDestroyTheSocketInADrain) {
    auto sender = client();
    on_message_ = [&] { socket_.reset(); };
    ASSERT_TRUE(send(sender.get(), "READY=1"));
    ASSERT_TRUE(send(sender.get(), "READY=1"));
    socket_->drain();
    EXPECT_EQ(messages_.size(), 1U);
}

TEST_F(Notify, ASuccessorKeepsItsPath) {
    NotifySocket next(loop_, [](const NotifyMessage&, const NotifySender&, std::vector<UniqueFd>&) {});
    ASSERT_TRUE(next.open(path_));
    socket_.reset();
    EXPECT_TRUE(std::filesystem::exists(path_));
}
