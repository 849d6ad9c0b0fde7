// SPDX-License-Identifier: MIT
// The spool and the disk: nothing is lost, nothing is there twice, and it stays small.
#include "records/store.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace leash;
using namespace leash::records;

namespace {

class Store : public testing::Test {
  protected:
    Store() {
        char name[] = "/tmp/leash-records-XXXXXX";
        folder = mkdtemp(name);
    }
    ~Store() override { std::filesystem::remove_all(folder); }

    static std::string line(std::uint64_t number, const std::string& boot = "b",
                            const std::string& evidence = "e") {
        Record record;
        record.event = "trouble";
        record.evidence = evidence;
        return encode(record, {boot, number}, 0, Ms{0});
    }
    static std::string lines(std::uint64_t from, std::uint64_t to, const std::string& boot = "b") {
        std::string text;
        for (auto i = from; i <= to; ++i) text += line(i, boot) + "\n";
        return text;
    }
    std::vector<std::string> found() {
        std::vector<std::string> keys;
        for (const auto& each : read_records(folder, folder + "/none").lines) {
            auto key = key_of(each);
            keys.push_back(key->boot + std::to_string(key->number));
        }
        return keys;
    }
    void append(const std::string& text) {
        std::ofstream(folder + "/troubles", std::ios::app | std::ios::binary) << text;
    }
    std::string folder;
    StoreLimits limits;
};

using Names = std::vector<std::string>;

} // namespace

TEST_F(Store, WhatIsNew) {
    EXPECT_EQ(store(folder, "", limits), 0u);
    EXPECT_EQ(store(folder, lines(1, 2), limits), 2u);
    EXPECT_EQ(store(folder, lines(1, 2), limits), 2u) << "once more";
    EXPECT_EQ(store(folder, lines(2, 4), limits), 4u);
    EXPECT_EQ(store(folder, lines(1, 1, "c"), limits), 1u) << "the next boot counts anew";
    EXPECT_EQ(found(), (Names{"b1", "b2", "b3", "b4", "c1"}));
}

TEST_F(Store, BehindWhatIsTorn) {
    ASSERT_TRUE(store(folder, lines(1, 2), limits));
    append(line(3).substr(0, 40)); // the power went
    EXPECT_EQ(found(), (Names{"b1", "b2"}));
    EXPECT_EQ(store(folder, lines(2, 4), limits), 4u);
    EXPECT_EQ(found(), (Names{"b1", "b2", "b3", "b4"}));
    EXPECT_EQ(read_records(folder, "").damaged, 1u);
}

// After a time without a disk there is more to store than one file may have.
TEST_F(Store, ManyAtOnceAreSeveralFiles) {
    limits = {4'000, 3};
    ASSERT_EQ(store(folder, lines(1, 3), limits), 3u);
    ASSERT_EQ(store(folder, lines(1, 200), limits), 200u);
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        EXPECT_LE(entry.file_size(), 4'000u) << entry.path();
    auto keys = found();
    EXPECT_GT(keys.size(), 30u);
    for (std::size_t i = 1; i < keys.size(); ++i)
        EXPECT_EQ(std::stoi(keys[i].substr(1)), std::stoi(keys[i - 1].substr(1)) + 1) << "no gap";
    EXPECT_EQ(keys.back(), "b200");
}

TEST_F(Store, Rotation) {
    limits = {4'000, 3};
    for (std::uint64_t i = 1; i <= 200; ++i) ASSERT_EQ(store(folder, lines(i, i), limits), i);
    auto keys = found();
    EXPECT_GT(keys.size(), 30u);
    EXPECT_LT(keys.size(), 200u) << "the oldest are gone";
    EXPECT_EQ(keys.back(), "b200");
    for (std::size_t i = 1; i < keys.size(); ++i)
        EXPECT_EQ(std::stoi(keys[i].substr(1)), std::stoi(keys[i - 1].substr(1)) + 1) << "no gap";
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        ++files;
        EXPECT_LE(entry.file_size(), 4'000u) << entry.path();
    }
    EXPECT_EQ(files, 3u);
    limits.files = 1;
    ASSERT_TRUE(store(folder, lines(201, 260), limits));
    EXPECT_FALSE(std::filesystem::exists(folder + "/troubles.1")) << "fewer files are wanted now";
    EXPECT_FALSE(std::filesystem::exists(folder + "/troubles.2"));
    EXPECT_EQ(found().back(), "b260");
}

// Half of a record that had no room does not stay.
TEST_F(Store, FullDisk) {
    ASSERT_TRUE(store(folder, lines(1, 3), limits));
    auto size = std::filesystem::file_size(folder + "/troubles");
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        rlimit most{size + 100, size + 100};
        setrlimit(RLIMIT_FSIZE, &most);
        _exit(store(folder, lines(1, 9), limits) ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "it was to fail";
    EXPECT_EQ(std::filesystem::file_size(folder + "/troubles"), size);
    EXPECT_EQ(store(folder, lines(1, 9), limits), 9u) << "there is room again";
    EXPECT_EQ(found().size(), 9u);
}

TEST_F(Store, OneAtATime) {
    UniqueFd other(open(folder.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_EQ(flock(other.get(), LOCK_EX), 0);
    auto refused = store(folder, lines(1, 1), limits);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EAGAIN);
}

TEST_F(Store, NoFolder) {
    EXPECT_FALSE(store(folder + "/not/there", lines(1, 1), limits));
    EXPECT_FALSE(store("/proc/leash", lines(1, 1), limits));
    std::filesystem::create_symlink("/etc/passwd", folder + "/troubles");
    EXPECT_FALSE(store(folder, lines(1, 1), limits)) << "no link is followed";
}

TEST_F(Store, Spool) {
    auto spool = Spool::open(folder + "/spool"); // /tmp may be a disk: then it has no name
    ASSERT_TRUE(spool);
    EXPECT_EQ(spool->last_number(), 0u);
    for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_EQ(spool->append(line(i), 0), 0u);
    EXPECT_EQ(spool->last_number(), 5u);
    EXPECT_EQ(lines_of(read_all(spool->fd(), 1 << 20)).whole.size(), 5u);

    // A next life finds where it was, though the earlier one died in the middle of a line.
    int copy = dup(spool->fd());
    ASSERT_GT(pwrite(copy, "{\"seq\":6", 8, static_cast<off_t>(lines(1, 5).size())), 0);
    auto next = Spool::adopt(UniqueFd(copy));
    EXPECT_EQ(next.last_number(), 5u);
    ASSERT_EQ(next.append(line(6), 0), 0u);
    EXPECT_EQ(lines_of(read_all(next.fd(), 1 << 20)).whole.size(), 6u);
}

TEST_F(Store, SpoolIsBounded) {
    auto spool = Spool::open(folder + "/spool");
    ASSERT_TRUE(spool);
    std::size_t lost = 0, spared = 0;
    const std::string evidence(400, 'x');
    for (std::uint64_t i = 1; i <= 1000; ++i) {
        auto gone = spool->append(line(i, "b", evidence), i <= 500 ? 0 : i);
        ASSERT_TRUE(gone);
        (i <= 500 ? lost : spared) += *gone;
    }
    auto text = read_all(spool->fd(), 1 << 20);
    EXPECT_LE(text.size(), Spool::kBytes);
    auto left = lines_of(text);
    EXPECT_EQ(left.damaged, 0u);
    EXPECT_EQ(key_of(left.whole.back())->number, 1000u);
    EXPECT_GT(lost, 200u) << "the disk did not have them";
    EXPECT_EQ(spared, 0u) << "the disk had them";
    EXPECT_EQ(Spool::adopt(UniqueFd(dup(spool->fd()))).last_number(), 1000u);
}

TEST_F(Store, OneProcessClaimsTheSpool) {
    auto spool = Spool::open(folder + "/spool");
    ASSERT_TRUE(spool);
    int ready[2], end[2];
    ASSERT_EQ(pipe(ready), 0);
    ASSERT_EQ(pipe(end), 0);
    pid_t child = fork();
    char byte = 'x';
    if (child == 0) {
        if (spool->claim()) byte = 'c';
        (void)!write(ready[1], &byte, 1);
        close(end[1]);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'c');
    EXPECT_FALSE(spool->claim()) << "it holds on to it";
    close(end[1]);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(spool->claim());
}

TEST_F(Store, ReadsSpoolAndDiskOnce) {
    ASSERT_TRUE(store(folder, lines(1, 3), limits));
    std::ofstream(folder + "/spool") << lines(2, 5);
    auto all = read_records(folder, folder + "/spool");
    EXPECT_EQ(all.lines.size(), 5u);
    EXPECT_EQ(all.error, 0);
    EXPECT_TRUE(read_records(folder + "/none", folder + "/none").lines.empty());
}
