// SPDX-License-Identifier: MIT
// Whose tasks are the rogues?
#include <algorithm>

#include <signal.h>
#include <sys/stat.h>

#include "lineage/attribution.h"
#include "lineage/cgroup_folder.h"
#include "support/machine.h"

using namespace leash;
using namespace leash::test;

namespace {

class Survey : public Machine {
  protected:
    std::optional<TaskFacts> find(pid_t pid, bool threads = false) {
        for (auto& facts : survey(threads))
            if (facts.pid == pid && (!threads || facts.state != 'Z')) return facts;
        return std::nullopt;
    }
    // A rogue, and the process that it became.
    pid_t rogue(const std::string& name, std::vector<std::string> arguments = {}) {
        arguments.insert(arguments.begin(), std::string(ROGUES) + "/" + name);
        last = run("rogue", std::move(arguments));
        pid_t pid = wait_ready(last.output.get());
        EXPECT_NE(pid, 0) << read_outcome(last.process.outcome.get()).value_or("");
        return pid;
    }
    void expect(const std::optional<TaskFacts>& facts, Source source, bool stray, bool start) {
        ASSERT_TRUE(facts);
        ASSERT_TRUE(facts->attribution);
        EXPECT_EQ(facts->attribution->service, "rogue");
        EXPECT_EQ(facts->attribution->source, source);
        EXPECT_EQ(facts->attribution->stray, stray);
        EXPECT_EQ(facts->attribution->start, start ? last.start : 0);
    }
    Running last;
};

} // namespace

TEST_F(Survey, ByGroupHoweverItForks) {
    expect(find(rogue("double_fork")), Source::cgroup, false, true);
    expect(find(rogue("generations")), Source::cgroup, false, true);
}

TEST_F(Survey, ByGroupWithoutTag) {
    expect(find(rogue("empty_environment")), Source::cgroup, false, false);
    expect(find(rogue("overwritten_environment")), Source::cgroup, false, false);
}

TEST_F(Survey, ByTagOutsideOfTheGroup) {
    expect(find(rogue("other_cgroup", {outside()})), Source::tag, true, true);
}

TEST_F(Survey, TheTagOfTheLivingThreads) {
    pid_t pid = rogue("leaderless", {outside()});
    ASSERT_TRUE(eventually([&] { return find(pid)->state == 'Z'; }));
    expect(find(pid), Source::tag, true, true);
    expect(find(pid, true), Source::tag, true, true);
    EXPECT_NE(find(pid, true)->tid, pid);
}

TEST_F(Survey, RemainsBelongToTheirStart) {
    pid_t pid = rogue("empty_environment");
    auto group = tree->path_of("rogue") + "/" + remains_name(0x77);
    ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
    ASSERT_TRUE(write_group_file(group, "cgroup.procs", std::to_string(pid)));
    auto facts = find(pid);
    ASSERT_TRUE(facts && facts->attribution);
    EXPECT_EQ(facts->attribution->start, 0x77U);
}

TEST_F(Survey, AGroupIsStrongerThanATag) {
    auto thief = run("honest", {"/usr/bin/env", "LEASH_TAG=other@12", "/bin/sleep", "9"});
    ASSERT_TRUE(eventually([&] { return find(thief.process.pid)->command == "/bin/sleep 9"; }));
    auto facts = find(thief.process.pid);
    EXPECT_EQ(facts->attribution->service, "honest");
    EXPECT_EQ(facts->attribution->start, 0U); // not the other's
}

TEST_F(Survey, FactsOfEverybody) {
    auto running = run("a", {"/bin/sleep", "100"});
    ASSERT_TRUE(eventually([&] {
        auto facts = find(running.process.pid);
        return facts->command == "/bin/sleep 100" && facts->state == 'S';
    }));
    auto all = survey(false);
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &TaskFacts::pid));
    auto facts = find(running.process.pid);
    EXPECT_EQ(facts->tid, facts->pid);
    EXPECT_EQ(facts->parent, ::getpid());
    EXPECT_EQ(facts->session, facts->pid);
    EXPECT_EQ(facts->tty, 0);
    EXPECT_EQ(facts->start_ticks, running.process.start_ticks);
    EXPECT_FALSE(find(::getpid())->attribution);
    EXPECT_EQ(to_string(facts->attribution->source), "cgroup");
}
