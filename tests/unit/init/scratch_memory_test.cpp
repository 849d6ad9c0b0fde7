// SPDX-License-Identifier: MIT
#include "init/scratch_memory.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

using namespace leash;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

const std::string kLong(200, 'x'); // not within the string object itself

} // namespace

TEST(ScratchMemory, TakesWhatIsMadeWhileItIsOpenAndNothingElse) {
    auto before = std::make_unique<std::string>(kLong);
    ScratchMemory scratch;
    auto within = std::make_unique<std::string>(kLong);
    scratch.end();
    auto copy = std::make_unique<std::string>(*within);
    EXPECT_FALSE(ScratchMemory::holds(before->data()));
    EXPECT_TRUE(ScratchMemory::holds(within.get()));
    EXPECT_TRUE(ScratchMemory::holds(within->data()));
    EXPECT_FALSE(ScratchMemory::holds(copy.get()));
    EXPECT_FALSE(ScratchMemory::holds(copy->data()));
    EXPECT_EQ(*copy, kLong);
    within.reset();
    EXPECT_EQ(ScratchMemory::live(), 0u);
    EXPECT_FALSE(ScratchMemory::holds(nullptr));
}

TEST(ScratchMemory, PagesGoBackWithTheLastObjectInThem) {
    std::vector<std::unique_ptr<std::string>> objects;
    objects.reserve(10'000);
    auto scratch = std::make_unique<ScratchMemory>();
    for (int i = 0; i < 10'000; ++i) objects.push_back(std::make_unique<std::string>(kLong));
    auto* page = reinterpret_cast<void*>(
        reinterpret_cast<std::uintptr_t>(objects.front()->data()) / 4096 * 4096);
    scratch->end();
    unsigned char there = 0;
    ASSERT_EQ(mincore(page, 4096, &there), 0);
    auto last = std::move(objects.back());
    objects.clear();
    EXPECT_EQ(ScratchMemory::live(), 2u); // the string, and its text
    EXPECT_EQ(*last, kLong);              // it does not go with the others
    ASSERT_EQ(mincore(page, 4096, &there), 0);
    EXPECT_EQ(there & 1, 0);
    last.reset();
    EXPECT_LT(mincore(page, 4096, &there), 0); // nothing is mapped any more
    EXPECT_EQ(ScratchMemory::live(), 0u);
}

TEST(ScratchMemory, ManyThatAreOpenForAMomentShareASlab) {
    std::vector<std::unique_ptr<std::string>> objects;
    for (int i = 0; i < 100; ++i) {
        ScratchMemory scratch;
        auto object = std::make_unique<std::string>(kLong);
        scratch.end();
        objects.push_back(std::move(object));
    }
    auto place = [](const auto& object) { return reinterpret_cast<std::uintptr_t>(object->data()); };
    EXPECT_LT(place(objects.back()) - place(objects.front()), ScratchMemory::kSlab);
    for (const auto& object : objects) EXPECT_EQ(*object, kLong);
    objects.clear();
    EXPECT_EQ(ScratchMemory::live(), 0u);
}

TEST(ScratchMemory, SlabsAreUsedAgainAndNoneIsHandedOutTwice) {
    ScratchMemory scratch;
    std::vector<std::unique_ptr<int>> kept;
    for (std::size_t i = 0; i < 4 * ScratchMemory::kMost / ScratchMemory::kLargest; ++i) {
        auto big = std::make_unique<char[]>(ScratchMemory::kLargest);
        EXPECT_TRUE(ScratchMemory::holds(big.get()));
        if (i % 1000 == 0) kept.push_back(std::make_unique<int>(static_cast<int>(i)));
        big[0] = big[ScratchMemory::kLargest - 1] = 'x';
    }
    for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(*kept[i], static_cast<int>(i) * 1000);
}

TEST(ScratchMemory, BeyondItsBoundsTheCommonHeapHelpsOut) {
    ScratchMemory scratch;
    auto large = std::make_unique<char[]>(ScratchMemory::kLargest + 1);
    EXPECT_FALSE(ScratchMemory::holds(large.get()));
    std::vector<std::unique_ptr<char[]>> all;
    while (ScratchMemory::holds((all.emplace_back(new char[ScratchMemory::kLargest])).get()))
        ASSERT_LT(all.size(), 2 * ScratchMemory::kMost / ScratchMemory::kLargest);
    EXPECT_GE(all.size(), ScratchMemory::kMost / ScratchMemory::kLargest * 9 / 10);
}

#endif
