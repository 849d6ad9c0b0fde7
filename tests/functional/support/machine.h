// SPDX-License-Identifier: MIT
// The small machine that a functional test runs in.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "lineage/cgroup.h"
#include "spawn/spawn.h"

namespace leash::test {

// Empty: we are PID 1 of a namespace, with /proc and cgroup v2 of our own. Else why not.
extern std::string no_machine;

// Base of tests: skips without root, otherwise has a CgroupTree and cleans up.
class Machine : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    struct Running {
        Spawned process;
        UniqueFd output; // what it writes
        StartId start = 0;
        std::string service;
    };
    // Spawns a command as service `name`, with its group and its tag.
    Running run(const std::string& name, std::vector<std::string> command,
                const std::function<void(ServiceSettings&, SpawnRequest&)>& adjust = {});
    // A group outside of LEASH_ROOT.
    std::string outside();

    std::optional<CgroupTree> tree;

  private:
    StartId next_ = 0x1234'0000'0001;
};

std::string read_line(int fd, Ms limit = Ms{5'000}); // without the newline
std::string read_all(int fd, Ms limit = Ms{5'000});
pid_t wait_ready(int fd); // a rogue's "ready PID"; 0: it never came
bool eventually(const std::function<bool()>& condition, Ms limit = Ms{5'000});
void reap(); // all zombies
bool lives(pid_t pid);

} // namespace leash::test
