// SPDX-License-Identifier: MIT
#include "init/closer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace leash;

namespace {

std::vector<UniqueFd> list(int fd) {
    std::vector<UniqueFd> all;
    all.emplace_back(fd);
    return all;
}

} // namespace

TEST(Closer, APipeIsClosedAtOnce) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]);
    Closer closer;
    closer.close(list(ends[1]));
    char byte;
    EXPECT_EQ(read(read_end.get(), &byte, 1), 0);
    EXPECT_EQ(closer.running(), 0u);
}

TEST(Closer, WhatMayWaitIsClosedByAChild) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd other(ends[1]);
    Closer closer;
    closer.close(list(ends[0]));
    EXPECT_EQ(closer.running(), 1u);
    char byte;
    EXPECT_EQ(read(other.get(), &byte, 1), 0);
    int status = -1;
    pid_t child = wait(&status);
    EXPECT_EQ(status, 0);
    EXPECT_FALSE(closer.child_exited(child + 1));
    EXPECT_TRUE(closer.child_exited(child));
    EXPECT_EQ(closer.running(), 0u);
    EXPECT_EQ(fcntl(ends[0], F_GETFD), -1); // closed in this process, too
}
