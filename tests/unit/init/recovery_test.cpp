// SPDX-License-Identifier: MIT
#include "init/recovery.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace leash;

namespace {

ServiceRecord service(const char* name) {
    ServiceRecord record{};
    std::string(name).copy(record.name, sizeof record.name - 1);
    return record;
}

} // namespace

TEST(Recovery, ANextLifeFindsWhatWasRecorded) {
    auto before = Recovery::fresh();
    SystemRecord system{};
    system.end_kind = 2;
    system.limit_count = 7;
    before->record(system);
    before->record(service("a"));
    before->record(service("b"));
    before->forget("a");
    before->alive(Ms{5'000});
    EXPECT_TRUE(before->check());

    auto after = Recovery::adopt(UniqueFd(dup(before->fd())));
    ASSERT_TRUE(after);
    EXPECT_TRUE((*after)->check());
    EXPECT_EQ((*after)->system()->end_kind, 2);
    EXPECT_EQ((*after)->system()->limit_count, 7);
    ASSERT_EQ((*after)->services().size(), 1u);
    EXPECT_STREQ((*after)->services()[0].name, "b");
    EXPECT_EQ((*after)->last_alive(), Ms{5'000});
}

// A crash between the close of a descriptor and the note of it: the next life opens something of its own
// under that number, and must not take it for what the page says.
TEST(Recovery, NumbersThatAreClosedOrClaimedTwiceAreNotBelieved) {
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]);
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int closed = fcntl(reader.get(), F_DUPFD_CLOEXEC, 300);
    close(closed);

    auto before = Recovery::fresh();
    SystemRecord system{};
    system.log_fd = writer.get();
    system.control_fd = closed;
    system.module_fd = system.records_fd = -1;
    before->record(system);
    auto good = service("a"), bad = service("b");
    good.notify_fd = socket.get();
    good.output = reader.get();
    good.s6_fd = -1;
    bad.notify_fd = socket.get();    // "a" has it
    bad.output = before->fd();       // the page itself
    bad.s6_fd = 1;                   // nobody's
    auto worse = service("c");
    worse.notify_fd = worse.s6_fd = -1;
    worse.output = socket.get(); // no pipe
    before->record(good);
    before->record(bad);
    before->record(worse);
    ASSERT_GE(before->keep_descriptor("a", "kept", closed, false), 0);

    auto after = Recovery::adopt(UniqueFd(dup(before->fd())));
    ASSERT_TRUE(after);
    EXPECT_EQ((*after)->drop_stale_descriptors(), 6);
    EXPECT_EQ((*after)->system()->log_fd, writer.get());
    EXPECT_EQ((*after)->system()->control_fd, -1);
    auto services = (*after)->services();
    ASSERT_EQ(services.size(), 3u);
    EXPECT_EQ(services[0].notify_fd, socket.get());
    EXPECT_EQ(services[0].output, reader.get());
    EXPECT_EQ(services[1].notify_fd, -1);
    EXPECT_EQ(services[1].output, -1);
    EXPECT_EQ(services[2].output, -1);
    EXPECT_EQ(services[1].s6_fd, -1);
    EXPECT_TRUE((*after)->kept_descriptors().empty());
    EXPECT_EQ((*after)->drop_stale_descriptors(), 0) << "once is enough";
}

TEST(Recovery, ABinaryRefusesAPageThatItDoesNotKnow) {
    auto nothing = Recovery::fresh();
    EXPECT_FALSE(nothing->check()) << "no record of the system";

    auto other = StatePage::create(Recovery::kVersion + 1, 2);
    ASSERT_TRUE(other);
    auto adopted = Recovery::adopt(UniqueFd(dup(other->fd())));
    ASSERT_FALSE(adopted);
    EXPECT_NE(adopted.error().text.find("version"), std::string::npos) << adopted.error().text;

    // The same version, but records of another size: somebody forgot to raise it.
    auto page = StatePage::create(Recovery::kVersion, Recovery::kFirstService + 1);
    ASSERT_TRUE(page);
    SystemRecord system{};
    page->write(0, std::as_bytes(std::span(&system, 1)));
    page->write(Recovery::kFirstService, std::as_bytes(std::span("short")));
    auto odd = Recovery::adopt(UniqueFd(dup(page->fd())));
    ASSERT_TRUE(odd);
    auto good = (*odd)->check();
    ASSERT_FALSE(good);
    EXPECT_NE(good.error().text.find("bytes"), std::string::npos) << good.error().text;
}

TEST(Recovery, SocketsHaveAPlaceOfTheirOwn) {
    auto before = Recovery::fresh();
    before->record(SystemRecord{});
    auto sockets = [](const char* name, int fd) {
        SocketsRecord record{};
        std::string(name).copy(record.service, sizeof record.service - 1);
        for (auto& entry : record.sockets) entry.fd = -1;
        record.sockets[0] = {fd, 77};
        return record;
    };
    before->record(sockets("a", 5));
    before->record(sockets("b", 6));
    before->forget_sockets("a");
    before->record(sockets("c", 7)); // where a was
    before->record(sockets("b", 8)); // in its own place again
    before->forget("b");             // of the service, not of its sockets

    auto after = Recovery::adopt(UniqueFd(dup(before->fd())));
    ASSERT_TRUE(after);
    EXPECT_TRUE((*after)->check());
    EXPECT_TRUE((*after)->services().empty());
    auto found = (*after)->sockets();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_STREQ(found[0].service, "b");
    EXPECT_EQ(found[0].sockets[0].fd, 8);
    EXPECT_EQ(found[0].sockets[1].fd, -1);
    EXPECT_STREQ(found[1].service, "c");
    EXPECT_EQ(found[1].sockets[0].identity, 77U);

    for (std::uint32_t i = 0; i < Recovery::kSockets + 3; ++i) // more than there is room for
        before->record(sockets(fmt::format("s{}", i).c_str(), 9));
    EXPECT_EQ(before->sockets().size(), Recovery::kSockets);
    EXPECT_TRUE(before->check());
}
