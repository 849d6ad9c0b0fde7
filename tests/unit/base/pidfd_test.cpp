// SPDX-License-Identifier: MIT
#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

using namespace leash;

TEST(Pidfd, TellsItsProcess) {
    auto own = open_pidfd(getpid());
    ASSERT_TRUE(own);
    auto pid = pid_of_pidfd(own->get());
    ASSERT_TRUE(pid) << pid.error().text;
    EXPECT_EQ(*pid, getpid());
    EXPECT_EQ(pidfd_id(own->get()), pidfd_id(open_pidfd(getpid())->get()));
}

TEST(Pidfd, NotOfAProcessThatIsGone) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    auto pidfd = open_pidfd(child);
    ASSERT_TRUE(pidfd);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    EXPECT_FALSE(pid_of_pidfd(pidfd->get()));
}

TEST(Pidfd, NothingElseIsOne) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    UniqueFd a(ends[0]), b(ends[1]), proc(open("/proc/self", O_RDONLY | O_CLOEXEC));
    for (int fd : {a.get(), proc.get(), -1, 100'000}) {
        EXPECT_FALSE(pid_of_pidfd(fd)) << fd;
        EXPECT_FALSE(pidfd_id(fd)) << fd;
    }
}
