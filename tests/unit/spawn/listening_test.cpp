// SPDX-License-Identifier: MIT
#include "spawn/listening.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/endpoint.h"

using namespace leash;

namespace {

class Listening : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/leash-unit.XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        folder = name;
        owner = {::geteuid(), ::getegid()};
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    Result<Opened> open(ListenKind kind, const std::string& address) {
        return open_listening(listen, {"", kind, address}, owner);
    }
    static bool connects(ListenKind kind, const std::string& address) {
        auto endpoint = parse_endpoint(address);
        int type = kind == ListenKind::dgram    ? SOCK_DGRAM
                   : kind == ListenKind::stream ? SOCK_STREAM
                                                : SOCK_SEQPACKET;
        UniqueFd fd(::socket(endpoint->family(), type, 0));
        return ::connect(fd.get(), endpoint->get(), endpoint->length) == 0;
    }
    static mode_t mode(const std::string& path) {
        struct stat info{};
        return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
    }
    static std::string free_port() {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
        return std::to_string(ntohs(address.sin_port));
    }

    std::string folder;
    Listen listen;
    SocketOwner owner;
};

constexpr ListenKind kLocal[] = {ListenKind::stream, ListenKind::dgram, ListenKind::seqpacket};

} // namespace

TEST_F(Listening, LocalSocketsAndWhatIsLeftOfThem) {
    for (auto kind : kLocal) {
        SCOPED_TRACE(to_string(kind));
        auto path = folder + "/socket";
        listen.mode = 0600;
        auto mask = ::umask(0777); // is not looked at
        auto opened = open(kind, path);
        ::umask(mask);
        ASSERT_TRUE(opened) << opened.error().text;
        EXPECT_EQ(mode(path), 0600U);
        EXPECT_TRUE(connects(kind, path));
        EXPECT_EQ(::fcntl(opened->fd.get(), F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(::fcntl(opened->fd.get(), F_GETFL) & O_NONBLOCK, 0);

        auto second = open(kind, path);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().text, "cannot listen on " + std::string(to_string(kind)) + ":" + path +
                                           ": another process has it already");
        opened->fd.reset(); // as after a crash: the path is there still
        auto again = open(kind, path);
        ASSERT_TRUE(again) << again.error().text;
        EXPECT_TRUE(connects(kind, path));

        remove_socket(path, opened->file); // the earlier one's
        bool another = opened->file.inode != again->file.inode;
        if (another) { EXPECT_TRUE(std::filesystem::exists(path)); }
        remove_socket(path, again->file);
        EXPECT_FALSE(std::filesystem::exists(path));
    }
}

TEST_F(Listening, ThePathOfSomethingElseIsLeftAlone) {
    auto path = folder + "/file";
    std::ofstream(path) << "precious";
    for (auto kind : {ListenKind::stream, ListenKind::fifo}) EXPECT_FALSE(open(kind, path));
    remove_socket(path, {});
    EXPECT_EQ(std::filesystem::file_size(path), 8U);
    auto lost = open(ListenKind::stream, folder + "/none/x");
    ASSERT_FALSE(lost);
    EXPECT_TRUE(lost.error().text.ends_with("its folder is not there; make it, or let the path lie "
                                            "below /run")) << lost.error().text;
    std::filesystem::create_symlink(path, folder + "/link");
    EXPECT_FALSE(open(ListenKind::fifo, folder + "/link"));
}

TEST_F(Listening, Fifo) {
    auto path = folder + "/fifo";
    listen.mode = 0620;
    auto opened = open(ListenKind::fifo, path);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_EQ(mode(path), 0620U);
    EXPECT_EQ(::fcntl(opened->fd.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    auto again = open(ListenKind::fifo, path); // one that is there is taken
    ASSERT_TRUE(again);
    EXPECT_EQ(again->file.inode, opened->file.inode);
    remove_socket(path, opened->file);
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Listening, AbstractNames) {
    auto name = "@leash-unit-" + std::to_string(::getpid());
    auto opened = open(ListenKind::stream, name);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_TRUE(connects(ListenKind::stream, name));
    EXPECT_FALSE(open(ListenKind::stream, name));
}

TEST_F(Listening, Ports) {
    auto port = free_port();
    for (auto kind : {ListenKind::stream, ListenKind::dgram}) {
        SCOPED_TRACE(to_string(kind));
        auto four = open(kind, "127.0.0.1:" + port);
        ASSERT_TRUE(four) << four.error().text;
        EXPECT_TRUE(connects(kind, "127.0.0.1:" + port));
        auto taken = open(kind, "127.0.0.1:" + port);
        ASSERT_FALSE(taken);
        EXPECT_TRUE(taken.error().text.ends_with("another process has it already"));
        // Not there yet, or never.
        auto later = open(kind, "10.99.98.97:" + port);
        EXPECT_TRUE(later) << later.error().text;
    }
    auto all = open(ListenKind::stream, free_port());
    ASSERT_TRUE(all) << all.error().text;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(all->fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    auto number = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port); // at the same place in both
    EXPECT_TRUE(connects(ListenKind::stream, "127.0.0.1:" + std::to_string(number)));
    if (address.ss_family != AF_INET6) GTEST_SKIP() << "no IPv6 here";
    // Side by side, as they are written.
    port = free_port();
    auto one = open(ListenKind::stream, "0.0.0.0:" + port);
    auto other = open(ListenKind::stream, "[::]:" + port);
    EXPECT_TRUE(one && other);
}

TEST_F(Listening, Owner) {
    listen.user = "nobody-of-that-name";
    auto account = socket_owner(listen);
    ASSERT_FALSE(account);
    auto begin = "listen-user or listen-group: user 'nobody-of-that-name'";
    EXPECT_TRUE(account.error().text.starts_with(begin)) << account.error().text;
    listen.user = "12", listen.group = "34";
    ASSERT_TRUE(socket_owner(listen));
    EXPECT_EQ(socket_owner(listen)->uid, 12U);
    EXPECT_EQ(socket_owner(listen)->gid, 34U);
}
