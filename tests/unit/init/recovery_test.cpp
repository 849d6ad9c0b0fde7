// SPDX-License-Identifier: MIT
#include "init/recovery.h"

#include <gtest/gtest.h>
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
