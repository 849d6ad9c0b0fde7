// SPDX-License-Identifier: MIT
// A folder that looks like a service's cgroup, with what remains of earlier starts below it.
#include "finder/group_figures.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "lineage/cgroup_folder.h"

namespace leash::finder {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

struct GroupFiguresTest : testing::Test {
    GroupFiguresTest() {
        char name[] = "/tmp/leash-group-XXXXXX";
        top = mkdtemp(name);
    }
    ~GroupFiguresTest() override { std::filesystem::remove_all(top); }
    // Figures of a group hold those of its subgroups.
    void group(const std::string& name, std::uint64_t cpu_us, std::uint64_t shmem) const {
        auto folder = name.empty() ? top : top + "/" + name;
        std::filesystem::create_directories(folder);
        std::ofstream(folder + "/cpu.stat") << "usage_usec " << cpu_us << "\nuser_usec 1\n";
        std::ofstream(folder + "/memory.stat") << "anon 5\nshmem " << shmem << "\n";
    }
    std::string top;
    GroupFigures figures;
};

TEST_F(GroupFiguresTest, AllOfAGroupWithoutRemainsIsItsOwn) {
    group("", 7'000, 3 * kMiB);
    group("main", 5'000, 2 * kMiB);
    EXPECT_EQ(figures.cpu_ns(top, 1), 7'000'000U);
    EXPECT_EQ(figures.shmem(top, 1, 0), 3 * kMiB);
    EXPECT_EQ(figures.cpu_ns(top + "/nothing", 1), std::nullopt);
    EXPECT_EQ(figures.shmem(top + "/nothing", 1, 0), std::nullopt);
}

TEST_F(GroupFiguresTest, RemainsCountForNobody) {
    auto remains = remains_name(0x1234);
    group("", 10'000, 9 * kMiB);
    group(remains, 8'000, 4 * kMiB);
    EXPECT_EQ(figures.cpu_ns(top, 2), 2'000'000U);
    // 1 MiB is mapped by the start, 4 were there before it.
    EXPECT_EQ(figures.shmem(top, 2, kMiB), kMiB);
    figures.end_look();

    group("", 1'010'000, 25 * kMiB); // they spin and take memory
    group(remains, 1'008'000, 12 * kMiB);
    EXPECT_EQ(figures.cpu_ns(top, 2), 2'000'000U);
    EXPECT_EQ(figures.shmem(top, 2, kMiB), 9 * kMiB);
    figures.end_look();

    std::filesystem::remove_all(top + "/" + remains); // gone, but what they used stays counted above
    group("", 1'011'000, 3 * kMiB);
    EXPECT_EQ(figures.cpu_ns(top, 2), 3'000'000U);
    EXPECT_EQ(figures.shmem(top, 2, kMiB), 0U);
    figures.end_look();
    EXPECT_EQ(figures.cpu_ns(top, 3), 1'011'000'000U); // another start begins with what there is
}

} // namespace
} // namespace leash::finder
