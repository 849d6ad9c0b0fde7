// SPDX-License-Identifier: MIT
#include "lineage/end_start.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_module.h"
#include "lineage/process_table.h"
#include "lineage/start_lineage.h"

using namespace leash;
using namespace leash::test;

namespace {

constexpr StartId kStart = 0x5'0000'0001, kOther = 0x5'0000'0002;

// A process that says by its environment that it is of kStart of service `web`.
class Tagged {
  public:
    Tagged() {
        auto tag = "LEASH_TAG=web@" + format_start_id(kStart);
        pid = fork();
        if (pid == 0) {
            char name[] = "sleep", time[] = "100";
            char* argv[] = {name, time, nullptr};
            char* envp[] = {tag.data(), nullptr};
            execve("/bin/sleep", argv, envp);
            _exit(127);
        }
        for (int bound = 0; bound < 5000 && comm() != "sleep"; ++bound) usleep(1000);
    }
    ~Tagged() {
        if (!lives()) return;
        kill(pid, SIGKILL);
        (void)waitpid(pid, nullptr, 0);
    }
    Tagged(const Tagged&) = delete;
    Tagged& operator=(const Tagged&) = delete;
    bool lives() {
        reaped_ = reaped_ || waitpid(pid, nullptr, WNOHANG) != 0;
        return !reaped_;
    }
    pid_t pid = 0;

  private:
    bool reaped_ = false;
    [[nodiscard]] std::string comm() const {
        auto stat = read_stat(pid);
        return stat ? stat->comm : "";
    }
};

struct EndStartTest : testing::Test {
    EndResult end(EndJob job, Ms limit = Ms{3'000}) {
        job.service = "web";
        job.start = kStart;
        EndResult result;
        end_starts({job}, nullptr, &device, monotonic_now() + limit,
                   [&](const EndResult& told) { result = told; });
        return result;
    }
    Tagged process;
    FakeModule module;
    KernelLineage device = module.device();
};

} // namespace

TEST_F(EndStartTest, TheModuleKillsBeforeAnybodyElseIsLookedAt) {
    module.add(1'000'000'000, kStart);
    EXPECT_TRUE(end({}).empty);
    ASSERT_FALSE(module.kills.empty());
    EXPECT_EQ(module.kills.front().signo, SIGKILL);
    EXPECT_EQ(module.asked_before_kill, 0);
}

TEST_F(EndStartTest, ButNotWhereSomethingMayHaveToBeSparedOrIsNotCovered) {
    EndJob sessions, leave, narrow;
    sessions.keep_sessions = true;
    leave.leave = true;
    narrow.scope = EndScope::cgroup;
    for (const auto& job : {sessions, leave, narrow}) {
        module.tasks.clear();
        module.kills.clear();
        module.asked_before_kill = 0;
        module.add(1'000'000'000, kStart);
        end(job, Ms{300});
        for (const auto& asked : module.kills)
            EXPECT_TRUE(asked.signo != SIGKILL || module.asked_before_kill > 0);
    }
}

TEST_F(EndStartTest, ATagIsReadOnlyWhereItCouldTellSomething) {
    ProcessTable table([&](pid_t pid) { return !is_proven(&device, pid); });
    auto tag = [&] {
        table.scan(true);
        const auto* entry = table.find(process.pid);
        return entry ? entry->reading.tag : std::nullopt;
    };
    EXPECT_TRUE(tag());
    module.add(process.pid, kOther, LEASH_VIA_TAG);
    EXPECT_TRUE(tag());
    module.add(process.pid, kOther);
    EXPECT_FALSE(tag());
}

TEST_F(EndStartTest, TheTagStillFindsWhatTheModuleKnowsNothingOf) {
    module.add(1'000'000'000, kStart);
    module.add(process.pid, kOther); // whatever its tag says
    EXPECT_TRUE(end({}).empty);
    EXPECT_TRUE(process.lives());
    module.tasks.erase(process.pid);
    EXPECT_TRUE(end({}).empty);
    EXPECT_FALSE(process.lives());
}
