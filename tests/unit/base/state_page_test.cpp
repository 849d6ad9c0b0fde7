// SPDX-License-Identifier: MIT
#include "base/state_page.h"

#include <string>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace leash;

namespace {

void put(StatePage& page, std::uint32_t index, std::string_view text) {
    page.write(index, std::as_bytes(std::span(text)));
}
std::string get(const StatePage& page, std::uint32_t index) {
    auto bytes = page.read(index);
    return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "-";
}

} // namespace

TEST(StatePage, OutlivesItsMapping) {
    auto page = StatePage::create(3, 4);
    ASSERT_TRUE(page);
    put(*page, 0, "first");
    put(*page, 3, "last");
    put(*page, 0, "second");
    put(*page, 2, "gone");
    page->clear(2);
    put(*page, 4, "out of range");
    auto again = StatePage::adopt(UniqueFd(dup(page->fd())), 3);
    ASSERT_TRUE(again);
    EXPECT_EQ(get(*again, 0), "second");
    EXPECT_EQ(get(*again, 1), "-");
    EXPECT_EQ(get(*again, 2), "-");
    EXPECT_EQ(get(*again, 3), "last");
    EXPECT_EQ(get(*again, 4), "-");
}

// On a small machine the page must not cost what it could hold, only what it does.
TEST(StatePage, WhoReadsWhatWasNeverWrittenTakesNoMemory) {
    auto page = StatePage::create(1, 2000);
    ASSERT_TRUE(page);
    put(*page, 0, "first");
    put(*page, 1234, "far");
    auto blocks = [&] {
        struct stat facts {};
        fstat(page->fd(), &facts);
        return facts.st_blocks;
    };
    auto before = blocks();
    auto again = StatePage::adopt(UniqueFd(dup(page->fd())), 1);
    ASSERT_TRUE(again);
    int found = 0;
    for (std::uint32_t i = 0; i < 2000; ++i) found += again->read(i).has_value();
    EXPECT_EQ(found, 2);
    EXPECT_EQ(again->damaged(), 0U);
    EXPECT_EQ(get(*again, 1234), "far");
    EXPECT_EQ(blocks(), before);
    put(*again, 1500, "new");
    EXPECT_EQ(get(*again, 1500), "new");
}

TEST(StatePage, ATornWriteLeavesTheOlderCopy) {
    auto page = StatePage::create(1, 1);
    ASSERT_TRUE(page);
    put(*page, 0, "older");
    put(*page, 0, "newer");
    // Damage every place where "newer" stands: the reader must fall back to "older".
    std::size_t size = static_cast<std::size_t>(lseek(page->fd(), 0, SEEK_END));
    auto* map = static_cast<char*>(
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, page->fd(), 0));
    ASSERT_NE(map, MAP_FAILED);
    auto at = std::string_view(map, size).find("newer");
    ASSERT_NE(at, std::string_view::npos);
    map[at] = 'X';
    EXPECT_EQ(get(*page, 0), "older");
    munmap(map, size);
}

TEST(StatePage, RefusesWhatIsNotOne) {
    auto page = StatePage::create(1, 1);
    EXPECT_FALSE(StatePage::adopt(UniqueFd(dup(page->fd())), 2));
    UniqueFd empty(memfd_create("x", 0));
    EXPECT_FALSE(StatePage::adopt(std::move(empty), 1));
    UniqueFd zeroes(memfd_create("x", 0));
    ASSERT_EQ(ftruncate(zeroes.get(), 1 << 16), 0);
    EXPECT_FALSE(StatePage::adopt(std::move(zeroes), 1));
    EXPECT_FALSE(StatePage::adopt(UniqueFd(), 1));
}

TEST(StatePage, CountsWhatIsBeyondRepair) {
    auto page = StatePage::create(1, 3);
    ASSERT_TRUE(page);
    put(*page, 0, "whole");
    put(*page, 1, "broken");
    EXPECT_EQ(page->damaged(), 0u);
    std::size_t size = static_cast<std::size_t>(lseek(page->fd(), 0, SEEK_END));
    auto* map = static_cast<char*>(
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, page->fd(), 0));
    ASSERT_NE(map, MAP_FAILED);
    map[std::string_view(map, size).find("broken")] = 'X';
    EXPECT_EQ(page->damaged(), 1u) << "its only copy";
    put(*page, 1, "anew");
    EXPECT_EQ(page->damaged(), 0u);
    EXPECT_EQ(get(*page, 1), "anew");
    munmap(map, size);
}

TEST(StatePage, TheStampIsThereForWhoeverAdopts) {
    auto page = StatePage::create(1, 1);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->stamped(), 0);
    page->stamp(123'456'789'012);
    auto again = StatePage::adopt(UniqueFd(dup(page->fd())), 1);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->stamped(), 123'456'789'012);
}
