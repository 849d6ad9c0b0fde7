// SPDX-License-Identifier: MIT
#include "init/fd_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace leash;

namespace {

class Stores : public testing::Test {
  protected:
    ~Stores() override {
        while (wait(nullptr) > 0) {} // the closer's children
    }
    static int file() { return memfd_create("kept", MFD_CLOEXEC); }
    FdStores::Outcome add(const std::string& service, const std::string& name, std::vector<int> fds,
                          int most = 8, bool poll = true) {
        std::vector<UniqueFd> list;
        for (int fd : fds) list.emplace_back(fd);
        auto outcome = stores_.add(service, name, poll, list, most);
        left_ = list.size();
        return outcome;
    }
    void run(Ms time) {
        Timer end(loop_, [this] { loop_.stop(); });
        end.in(time);
        loop_.run();
    }

    EventLoop loop_;
    std::unique_ptr<Recovery> recovery_ = Recovery::fresh();
    Closer closer_;
    FdStores stores_{loop_, *recovery_, closer_};
    std::size_t left_ = 0;
};

using Names = std::vector<std::string>;

} // namespace

TEST_F(Stores, KeptInOrderUpToTheLimit) {
    EXPECT_EQ(add("a", "one", {file(), file()}, 3).kept, 2);
    auto outcome = add("a", "two", {file(), file()}, 3);
    EXPECT_EQ(outcome.kept, 1);
    EXPECT_EQ(outcome.refused, 1);
    EXPECT_EQ(left_, 1u);
    EXPECT_EQ(add("b", "x", {file()}, 0).refused, 1);
    EXPECT_EQ(stores_.names("a"), (Names{"one", "one", "two"}));
    EXPECT_TRUE(stores_.names("b").empty());
    EXPECT_EQ(stores_.of("a").size(), 3u);
}

TEST_F(Stores, TheSameOpenFileIsKeptOnce) {
    int fd = file();
    UniqueFd copy(dup(fd));
    EXPECT_EQ(add("a", "one", {fd}).kept, 1);
    auto outcome = add("a", "again", {dup(copy.get())});
    if (outcome.kept == 1) GTEST_SKIP() << "no kcmp here";
    EXPECT_EQ(outcome.known, 1);
    EXPECT_EQ(left_, 1u);
    EXPECT_EQ(add("b", "its own", {dup(copy.get())}).kept, 1);
}

TEST_F(Stores, RemovedByNameAndDropped) {
    add("a", "one", {file(), file()});
    add("a", "two", {file()});
    EXPECT_EQ(stores_.remove("a", "none"), 0);
    EXPECT_EQ(stores_.remove("b", "one"), 0);
    EXPECT_EQ(stores_.remove("a", "one"), 2);
    EXPECT_EQ(stores_.names("a"), Names{"two"});
    stores_.drop("a");
    EXPECT_TRUE(stores_.names("a").empty());
    EXPECT_TRUE(recovery_->kept_descriptors().empty());
}

TEST_F(Stores, LetGoOnceHungUpUnlessItIsNotToBe) {
    int first[2], second[2], third[2];
    for (auto* pair : {first, second, third})
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    add("a", "hung up", {first[0]});
    add("a", "kept", {second[0]}, 8, false);
    add("a", "half open", {third[0]});
    add("a", "file", {file()});
    close(first[1]);
    close(second[1]);
    shutdown(third[1], SHUT_WR); // its reader may go on to write
    run(Ms{50});
    EXPECT_EQ(stores_.names("a"), (Names{"kept", "half open", "file"}));
    EXPECT_EQ(recovery_->kept_descriptors().size(), 3u);
    close(second[1]);
    close(third[1]);
}

TEST_F(Stores, ANextLifeFindsThem) {
    std::string longest(255, 'n');
    add("a", longest, {file()});
    add("b", "two", {file(), file()}, 8, false);
    add("a", "three", {file(), file(), file(), file(), file()});
    stores_.remove("b", "none");

    auto page = Recovery::adopt(UniqueFd(dup(recovery_->fd())));
    ASSERT_TRUE(page);
    auto kept = (*page)->kept_descriptors();
    ASSERT_EQ(kept.size(), 8u);
    EXPECT_EQ(kept[0].name, longest);
    EXPECT_TRUE(kept[0].poll);
    EXPECT_EQ(kept[1].service, "b");
    EXPECT_FALSE(kept[1].poll);

    // As after an exec: the numbers are the same, and nobody else closes them.
    for (const auto& each : kept) ASSERT_GE(dup3(each.fd, each.fd + 200, O_CLOEXEC), 0);
    auto moved = Recovery::fresh();
    for (const auto& each : kept)
        ASSERT_GE(moved->keep_descriptor(each.service, each.name, each.fd + 200, each.poll), 0);
    Closer closer;
    FdStores next(loop_, *moved, closer);
    next.adopt([](const std::string& service) { return service == "a"; });
    EXPECT_EQ(next.names("a").size(), 6u);
    EXPECT_TRUE(next.names("b").empty());
    EXPECT_EQ(moved->kept_descriptors().size(), 6u);
}

// A machine-wide bound: beyond it nothing is kept, and a place that is free again is found again.
TEST_F(Stores, ThePageHasABound) {
    int most = static_cast<int>(Recovery::kStored) * StoredRecord::kEntries;
    for (int i = 0; i < most; ++i) ASSERT_EQ(recovery_->keep_descriptor("x", "y", 1000 + i, true), i);
    EXPECT_EQ(add("a", "one", {file()}).refused, 1);
    recovery_->release_descriptor(7);
    EXPECT_EQ(add("a", "one", {file()}).kept, 1);
    EXPECT_EQ(recovery_->kept_descriptors().size(), static_cast<std::size_t>(most));
}
