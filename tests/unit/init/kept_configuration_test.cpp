// SPDX-License-Identifier: MIT
#include "init/kept_configuration.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace leash {
namespace {

std::vector<SourceFile> files(const std::string& text) {
    return {{"init.conf", "[system]\n", ""}, {"services.d/a.conf", text, ""}};
}

std::string text_of(const KeptConfiguration::Edition& edition) {
    auto read = KeptConfiguration::read(edition);
    return read && read->size() == 2 ? (*read)[1].text : "unreadable";
}

std::vector<unsigned> numbers(const KeptConfiguration& kept) {
    std::vector<unsigned> all;
    for (const auto& each : kept.editions()) all.push_back(each.number);
    return all;
}

auto nobody = [](const std::string&) { return false; };
auto everybody = [](const std::string&) { return true; };

using Numbers = std::vector<unsigned>;

TEST(KeptConfiguration, IsReadBackAsItWas) {
    KeptConfiguration kept;
    EXPECT_EQ(kept.newest_whole(), nullptr);
    EXPECT_EQ(kept.describing("a"), 0U);
    ASSERT_TRUE(kept.add(files("one"), true));
    EXPECT_EQ(text_of(*kept.newest_whole()), "one");
    auto read = KeptConfiguration::read(*kept.newest_whole());
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, files("one"));
}

TEST(KeptConfiguration, WhatIsTheSameIsKeptOnce) {
    KeptConfiguration kept;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(kept.add(files("one"), true));
    EXPECT_EQ(numbers(kept), (Numbers{1}));
    ASSERT_TRUE(kept.add(files("two"), false));
    EXPECT_EQ(kept.newest_whole()->number, 1U);
    ASSERT_TRUE(kept.add(files("two"), true)); // the same, but now it counts for all
    EXPECT_EQ(numbers(kept), (Numbers{1, 2}));
    EXPECT_EQ(kept.newest_whole()->number, 2U);
}

TEST(KeptConfiguration, WhatNobodyNeedsIsLetGo) {
    KeptConfiguration kept;
    for (auto* text : {"one", "two", "three", "four"}) ASSERT_TRUE(kept.add(files(text), true));
    kept.prune(nobody);
    EXPECT_EQ(numbers(kept), (Numbers{1, 4})); // the boot's stays: [system]
}

TEST(KeptConfiguration, AStartIsUnderTheOneThatDescribedItThen) {
    KeptConfiguration kept;
    kept.add(files("one"), true);
    kept.add(files("two"), true);
    kept.hold("a"); // spawned under the second
    kept.add(files("three"), true);
    kept.hold("a"); // changes once more: the start stays where it was
    kept.add(files("four"), true);
    EXPECT_EQ(kept.held("a"), 2U);
    EXPECT_EQ(kept.describing("a"), 4U);
    kept.prune(everybody);
    EXPECT_EQ(numbers(kept), (Numbers{1, 2, 4}));
    kept.prune(nobody); // it was restarted
    EXPECT_EQ(kept.held("a"), 0U);
    EXPECT_EQ(numbers(kept), (Numbers{1, 4}));
}

TEST(KeptConfiguration, WhatIsLeftOutGoesOnUnderItsLastDescription) {
    KeptConfiguration kept;
    kept.add(files("one"), true);
    kept.add(files("two"), true);
    kept.describe("a", kept.describing("a")); // about to be refused
    kept.add(files("broken"), true);
    kept.describe("a", kept.describing("a")); // and again
    kept.add(files("broken, too"), true);
    kept.prune(nobody);
    EXPECT_EQ(kept.kept_description("a"), 2U);
    EXPECT_EQ(numbers(kept), (Numbers{1, 2, 4}));
    kept.hold("a"); // a good one comes
    kept.describe_by_newest("a");
    kept.add(files("good"), true);
    EXPECT_EQ(kept.held("a"), 2U);
    EXPECT_EQ(kept.kept_description("a"), 0U);
}

TEST(KeptConfiguration, NoMoreThanThePageHasRoomFor) {
    KeptConfiguration kept;
    for (int i = 1; i <= 40; ++i) {
        if (i > 1) kept.hold(fmt::format("s{}", i));
        kept.add(files(std::to_string(i)), true);
        kept.prune(everybody);
        ASSERT_LE(kept.editions().size(), EditionRecord::kMost);
        ASSERT_EQ(kept.editions().front().number, 1U);
        ASSERT_EQ(text_of(*kept.newest_whole()), std::to_string(i));
    }
    EXPECT_EQ(kept.held("s3"), 0U); // counts as under the newest
    EXPECT_EQ(kept.held("s40"), 39U);
}

TEST(KeptConfiguration, IsTakenOverByNumbers) {
    EditionRecords records{};
    std::vector<int> descriptors;
    {
        KeptConfiguration kept;
        kept.add(files("one"), true);
        kept.add(files("two"), false);
        records = kept.records();
        for (auto& each : records) // what an exec would leave
            if (each.number != 0) descriptors.push_back(each.fd = ::dup(each.fd));
    }
    KeptConfiguration next;
    next.adopt(records);
    next.adopt("a", 2, 1);
    ASSERT_EQ(numbers(next), (Numbers{1, 2}));
    EXPECT_EQ(text_of(next.editions()[1]), "two");
    EXPECT_EQ(next.newest_whole()->number, 1U);
    EXPECT_EQ(next.describing("a"), 2U);
    EXPECT_EQ(next.held("a"), 1U);
    next.add(files("three"), true);
    EXPECT_EQ(next.newest(), 3U);
    next.clear();
    for (int fd : descriptors) EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(KeptConfiguration, OfWhichOneIsLostIsNotBelieved) {
    KeptConfiguration kept;
    EditionRecords records{};
    records[0] = {1, ::open("/dev/null", O_RDONLY), 1};
    records[1] = {2, -1, 1};
    kept.adopt(records);
    EXPECT_TRUE(kept.editions().empty());
}

} // namespace
} // namespace leash
