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
