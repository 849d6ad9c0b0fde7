// SPDX-License-Identifier: MIT
// Each rogue is gone afterwards, and nobody else is.
#include "lineage/end_start.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/process.h"
#include "lineage/attribution.h"
#include "lineage/cgroup_folder.h"
#include "support/machine.h"

using namespace leash;
using namespace leash::test;

namespace {

class EndStart : public Machine {
  protected:
    void SetUp() override {
        Machine::SetUp();
        ::signal(SIGCHLD, SIG_IGN); // so that orphans are reaped at once, as by init
    }
    Running rogue(const std::string& name, std::vector<std::string> arguments = {}) {
        arguments.insert(arguments.begin(), std::string(ROGUES) + "/" + name);
        auto running = run("rogue", std::move(arguments));
        last = wait_ready(running.output.get());
        EXPECT_NE(last, 0) << read_outcome(running.process.outcome.get()).value_or("");
        return running;
    }
    static EndJob job(const Running& running) {
        EndJob job;
        job.service = running.service;
        job.start = running.start;
        job.main_pid = running.process.pid;
        job.main_ticks = running.process.start_ticks;
        return job;
    }
    EndResult end(const EndJob& one, Ms limit = Ms{5'000}, bool with_tree = true) {
        EndResult result;
        int calls = 0;
        end_starts({one}, with_tree ? &*tree : nullptr, nullptr, monotonic_now() + limit,
                   [&](const EndResult& told) {
                       result = told;
                       ++calls;
                   });
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(result.start, one.start);
        EXPECT_EQ(result.service, one.service);
        return result;
    }
    // How many living processes carry the tag or sit in the group.
    static std::size_t left_of(const Running& running) {
        std::size_t count = 0;
        for (const auto& facts : survey(false))
            if (facts.attribution && facts.attribution->service == running.service &&
                lives(facts.pid))
                ++count;
        return count;
    }
    void expect_gone(const Running& running, const EndResult& result) {
        EXPECT_TRUE(result.empty);
        EXPECT_TRUE(result.stuck.empty());
        EXPECT_EQ(result.remains, 0);
        EXPECT_EQ(left_of(running), 0U);
        EXPECT_FALSE(tree->populated(running.service));
        EXPECT_TRUE(tree->remove(running.service));
    }

    pid_t last = 0; // what the rogue became
};

// A terminal's two ends, and a process that holds a login on it: it opens a session there, tells
// its pid, and waits.
int login_child() {
    int master = -1;
    pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
    if (pid == 0) {
        while (true) ::pause();
    }
    return pid;
}

} // namespace

TEST_F(EndStart, NothingThere) {
    EndJob nothing;
    nothing.service = "nobody";
    nothing.start = 0x99;
    auto result = end(nothing);
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.killed, 0);
}

TEST_F(EndStart, DoubleFork) {
    auto running = rogue("double_fork");
    auto result = end(job(running));
    EXPECT_EQ(result.killed, 1);
    expect_gone(running, result);
}

TEST_F(EndStart, ZombiesAreGone) {
    ::signal(SIGCHLD, SIG_DFL);
    auto running = rogue("double_fork");
    auto result = end(job(running));
    EXPECT_EQ(result.killed, 1);
    EXPECT_EQ(read_stat(last)->state, 'Z');
    expect_gone(running, result);
}

TEST_F(EndStart, EmptyEnvironment) {
    auto running = rogue("empty_environment");
    expect_gone(running, end(job(running)));
}

TEST_F(EndStart, OverwrittenEnvironment) {
    auto running = rogue("overwritten_environment");
    expect_gone(running, end(job(running)));
}

TEST_F(EndStart, Generations) {
    auto running = rogue("generations");
    expect_gone(running, end(job(running)));
    EXPECT_FALSE(lives(last));
}

TEST_F(EndStart, DeafAndStopped) {
    auto running = rogue("deaf_and_stopped");
    expect_gone(running, end(job(running)));
}

TEST_F(EndStart, OtherCgroup) {
    auto running = rogue("other_cgroup", {outside()});
    EXPECT_FALSE(tree->populated("rogue"));
    auto result = end(job(running));
    EXPECT_EQ(result.killed, 1);
    expect_gone(running, result);
    EXPECT_FALSE(lives(last));
}

TEST_F(EndStart, OtherServicesGroup) {
    auto victim = run("victim", {"/bin/sleep", "100"});
    auto running = rogue("other_cgroup", {tree->path_of("victim")});
    expect_gone(running, end(job(running)));
    EXPECT_FALSE(lives(last));
    EXPECT_TRUE(lives(victim.process.pid));
}

TEST_F(EndStart, TagsOfOthersAreLeftAlone) {
    auto running = rogue("other_cgroup", {outside()});
    auto earlier = job(running);
    earlier.start += 1;
    earlier.main_pid = 0;
    EXPECT_TRUE(end(earlier).empty);
    EXPECT_TRUE(lives(last));
    auto scope = job(running);
    scope.scope = EndScope::cgroup;
    EXPECT_TRUE(end(scope).empty);
    EXPECT_TRUE(lives(last));
    scope.scope = EndScope::main;
    EXPECT_TRUE(end(scope).empty);
    EXPECT_TRUE(lives(last));
}

TEST_F(EndStart, Leaderless) {
    auto running = rogue("leaderless");
    ASSERT_TRUE(eventually([&] { return read_stat(last)->state == 'Z'; }));
    EXPECT_TRUE(lives(last));
    expect_gone(running, end(job(running)));
    EXPECT_FALSE(lives(last));
}

TEST_F(EndStart, LeaderlessStray) {
    auto running = rogue("leaderless", {outside()});
    ASSERT_TRUE(eventually([&] { return read_stat(last)->state == 'Z'; }));
    auto by_tag = job(running);
    by_tag.main_pid = 0;
    expect_gone(running, end(by_tag));
    EXPECT_FALSE(lives(last));
}

TEST_F(EndStart, Hydra) {
    for (auto micros : {"1000", "300", "100", "0"}) {
        auto running = rogue("hydra", {outside(), micros});
        auto result = end(job(running));
        EXPECT_GE(result.killed, 1) << micros;
        std::this_thread::sleep_for(Ms{20});
        expect_gone(running, result);
        EXPECT_TRUE(group_processes(outside()).empty()) << micros;
        reap();
    }
}

TEST_F(EndStart, ManyHydrasOfManyServices) {
    std::vector<Running> all;
    std::vector<EndJob> jobs;
    for (int i = 0; i < 5; ++i) {
        all.push_back(run("hydra" + std::to_string(i),
                          {std::string(ROGUES) + "/hydra", outside(), i % 2 ? "1000" : "200"}));
        jobs.push_back(job(all.back()));
    }
    for (auto& one : all) ASSERT_NE(wait_ready(one.output.get()), 0);
    int empty = 0;
    auto before = monotonic_now();
    end_starts(jobs, &*tree, nullptr, before + Ms{8'000},
               [&](const EndResult& told) { empty += told.empty; });
    RecordProperty("milliseconds", static_cast<int>((monotonic_now() - before).count()));
    EXPECT_EQ(empty, 5);
    std::this_thread::sleep_for(Ms{20});
    EXPECT_TRUE(group_processes(outside()).empty());
}

TEST_F(EndStart, HydraWithoutCgroups) {
    auto running = rogue("hydra", {outside()});
    auto result = end(job(running), Ms{5'000}, false);
    EXPECT_TRUE(result.empty);
    std::this_thread::sleep_for(Ms{20});
    EXPECT_TRUE(group_processes(outside()).empty());
}

TEST_F(EndStart, HydraUnderAKeptLogin) {
    auto running = rogue("hydra", {outside()});
    auto keep = job(running);
    keep.keep_sessions = true;
    expect_gone(running, end(keep));
    EXPECT_TRUE(group_processes(outside()).empty());
}

TEST_F(EndStart, Swarm) {
    auto running = rogue("swarm", {"16"});
    expect_gone(running, end(job(running)));
}

TEST_F(EndStart, SwarmBesideRemains) {
    // cgroup.kill would reach the remains, too.
    auto running = rogue("swarm", {"16"});
    auto login = run("rogue", {"/bin/sleep", "100"});
    auto group = tree->path_of("rogue") + "/" + remains_name(0x77);
    ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
    ASSERT_TRUE(write_group_file(group, "cgroup.procs", std::to_string(login.process.pid)));
    auto before = monotonic_now();
    auto result = end(job(running));
    RecordProperty("milliseconds", static_cast<int>((monotonic_now() - before).count()));
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.remains, 0); // none of this start
    EXPECT_TRUE(tree->processes("rogue").empty());
    EXPECT_TRUE(lives(login.process.pid));
    EXPECT_EQ(read_small_file(tree->path_of("rogue") + "/cgroup.freeze"), "0\n");
}

TEST_F(EndStart, SubGroups) {
    auto running = rogue("double_fork");
    auto group = tree->path_of("rogue") + "/sub";
    ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
    ASSERT_TRUE(write_group_file(group, "cgroup.procs", std::to_string(last)));
    expect_gone(running, end(job(running)));
}

TEST_F(EndStart, PolitelyOnceToAllAndAtOnce) {
    auto running = run("polite", {"/bin/sh", "-c",
                                  "trap 'echo main; exit' TERM; (trap 'echo child; exit' TERM; "
                                  "echo go; while :; do sleep 0.01; done) & wait"});
    ASSERT_EQ(read_line(running.output.get()), "go");
    auto polite = job(running);
    polite.signal = SIGTERM;
    auto before = monotonic_now();
    auto result = end(polite);
    EXPECT_LT(monotonic_now() - before, Ms{500});
    EXPECT_GE(result.killed, 2);
    EXPECT_FALSE(result.empty);
    auto text = read_all(running.output.get());
    EXPECT_NE(text.find("main"), std::string::npos);
    EXPECT_NE(text.find("child"), std::string::npos);
}

TEST_F(EndStart, PolitelyToWhatIsStoppedOrFrozen) {
    auto running = run("polite", {"/bin/sh", "-c", "trap 'echo bye; exit' TERM; echo go; "
                                                   "kill -STOP $$; while :; do sleep 0.01; done"});
    ASSERT_EQ(read_line(running.output.get()), "go");
    ASSERT_TRUE(eventually([&] { return read_stat(running.process.pid)->state == 'T'; }));
    ASSERT_TRUE(write_group_file(tree->path_of("polite"), "cgroup.freeze", "1"));
    auto polite = job(running);
    polite.signal = SIGTERM;
    end(polite);
    EXPECT_EQ(read_line(running.output.get()), "bye");
}

TEST_F(EndStart, ScopeMainMakesRemains) {
    auto running = run("jobs", {"/bin/sh", "-c", "sleep 100 & sleep 100 & echo go; wait"});
    ASSERT_EQ(read_line(running.output.get()), "go");
    ASSERT_TRUE(eventually([&] { return tree->processes("jobs").size() == 3; }));
    auto one = job(running);
    one.scope = EndScope::main;
    auto result = end(one);
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.killed, 1);
    EXPECT_EQ(result.remains, 2);
    EXPECT_FALSE(lives(running.process.pid));
    EXPECT_TRUE(tree->processes("jobs").empty());
    auto remains = group_processes(tree->path_of("jobs") + "/" + remains_name(running.start));
    ASSERT_EQ(remains.size(), 2U);
    EXPECT_EQ(tree->place_of(remains[0])->remains_of, running.start);

    // The next start lives and ends beside them.
    auto next = run("jobs", {"/bin/sleep", "100"});
    EXPECT_TRUE(end(job(next)).empty);
    EXPECT_FALSE(lives(next.process.pid));
    EXPECT_TRUE(lives(remains[0]));

    // At shutdown they go, too, and their folder with them.
    EndJob last_one;
    last_one.service = "jobs";
    last_one.include_remains = true;
    last_one.keep_sessions = true; // does not count then
    result = end(last_one);
    EXPECT_EQ(result.killed, 2);
    expect_gone(running, result);
}

TEST_F(EndStart, LeaveKeepsEverything) {
    auto running = run("starter", {"/bin/sh", "-c", "setsid sleep 100 & echo go"});
    ASSERT_EQ(read_line(running.output.get()), "go");
    ASSERT_TRUE(eventually([&] { return tree->processes("starter").size() == 1; }));
    auto one = job(running);
    one.leave = true;
    auto result = end(one);
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.killed, 0);
    EXPECT_EQ(result.remains, 1);
    EXPECT_TRUE(tree->processes("starter").empty());
    EXPECT_TRUE(tree->populated("starter"));
}

TEST_F(EndStart, ARecycledMainPidIsNotTouched) {
    auto other = run("other", {"/bin/sleep", "100"});
    EndJob stale;
    stale.service = "gone";
    stale.start = 0x98;
    stale.main_pid = other.process.pid; // the number has a new owner
    EXPECT_TRUE(end(stale).empty);
    stale.main_ticks = other.process.start_ticks + 1;
    EXPECT_TRUE(end(stale).empty);
    EXPECT_TRUE(lives(other.process.pid));
}

TEST_F(EndStart, MainOutsideOfItsGroupWithoutTag) {
    auto running = run("bare", {"/usr/bin/env", "-i", "/bin/sleep", "100"});
    ASSERT_TRUE(write_group_file(outside(), "cgroup.procs", std::to_string(running.process.pid)));
    ASSERT_TRUE(eventually([&] { return read_stat(running.process.pid)->comm == "sleep"; }));
    auto result = end(job(running)); // its start time proves it
    EXPECT_EQ(result.killed, 1);
    EXPECT_TRUE(result.empty);
    EXPECT_FALSE(lives(running.process.pid));
}

TEST_F(EndStart, NeverOurselves) {
    EndJob mad;
    mad.service = "mad";
    mad.start = 0x97;
    mad.main_pid = ::getpid();
    mad.main_ticks = read_stat(::getpid())->start_ticks;
    EXPECT_TRUE(end(mad).empty);
}

TEST_F(EndStart, NeverAGroupThatHoldsUs) {
    auto running = run("stuck", {"/bin/sleep", "100"});
    ASSERT_TRUE(tree->move(::getpid(), "stuck"));
    auto before = monotonic_now();
    auto result = end(job(running), Ms{100});
    EXPECT_LT(monotonic_now() - before, Ms{2'000});
    EXPECT_FALSE(result.empty);
    EXPECT_EQ(result.killed, 1);
    EXPECT_FALSE(lives(running.process.pid));
    ASSERT_TRUE(write_group_file("/sys/fs/cgroup", "cgroup.procs", "0"));
}

TEST_F(EndStart, StuckOnesAreReported) {
    // What cgroup v1 has frozen does not die of SIGKILL either.
    if (::mount("cgroup", "/mnt", "cgroup", 0, "freezer") != 0)
        GTEST_SKIP() << "needs the freezer of cgroup v1";
    auto running = run("stuck", {"/bin/sleep", "100"});
    pid_t pid = running.process.pid;
    auto ice = "/mnt/leash-test-" + format_start_id(static_cast<StartId>(monotonic_now().count()));
    ASSERT_EQ(::mkdir(ice.c_str(), 0755), 0);
    EXPECT_TRUE(write_group_file(ice, "cgroup.procs", std::to_string(pid)));
    EXPECT_TRUE(write_group_file(ice, "freezer.state", "FROZEN"));
    EXPECT_TRUE(eventually([&] { return read_small_file(ice + "/freezer.state") == "FROZEN\n"; }));
    auto before = monotonic_now();
    auto result = end(job(running), Ms{200});
    auto took = monotonic_now() - before;
    EXPECT_GE(took, Ms{200});
    EXPECT_LT(took, Ms{2'000});
    EXPECT_FALSE(result.empty);
    EXPECT_EQ(result.stuck, std::vector<pid_t>{pid});
    EXPECT_TRUE(write_group_file(ice, "freezer.state", "THAWED"));
    EXPECT_TRUE(eventually([&] { return !lives(pid); }));
    EXPECT_TRUE(eventually([&] { return ::rmdir(ice.c_str()) == 0; }));
    ::umount2("/mnt", MNT_DETACH);
}

TEST_F(EndStart, KeepsLogins) {
    // A server like dropbear: one process a connection, which holds the terminal of a login.
    ASSERT_EQ(::mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"), 0);
    ASSERT_EQ(::mount("/dev/pts/ptmx", "/dev/ptmx", nullptr, MS_BIND, nullptr), 0);
    auto running = run("sshd", {"/bin/sleep", "100"});
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t helper = ::fork(); // the server's own helper: to be killed
    if (helper == 0) {
        while (true) ::pause();
    }
    pid_t connection = ::fork();
    if (connection == 0) {
        ::setsid();
        if (!write_group_file("/sys/fs/cgroup/leash/sshd", "cgroup.procs", "0")) ::_exit(1);
        pid_t shell = login_child();
        (void)!::write(ends[1], &shell, sizeof shell);
        while (true) ::pause();
    }
    pid_t shell = 0;
    ASSERT_EQ(::read(ends[0], &shell, sizeof shell), static_cast<ssize_t>(sizeof shell));
    ASSERT_GT(shell, 0);
    ASSERT_TRUE(tree->move(helper, "sshd"));
    ASSERT_TRUE(eventually([&] { return read_stat(shell)->tty != 0; }));

    auto polite = job(running);
    polite.keep_sessions = true;
    polite.signal = SIGUSR1; // kills who does not care for it
    end(polite);
    EXPECT_TRUE(eventually([&] { return !lives(running.process.pid) && !lives(helper); }));
    EXPECT_TRUE(lives(shell));

    auto keep = job(running);
    keep.keep_sessions = true;
    auto result = end(keep);
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.remains, 2);
    EXPECT_FALSE(lives(running.process.pid));
    EXPECT_FALSE(lives(helper));
    EXPECT_TRUE(lives(connection));
    EXPECT_TRUE(lives(shell));
    EXPECT_TRUE(tree->processes("sshd").empty());
    EXPECT_EQ(tree->place_of(shell)->remains_of, running.start);

    // The next start ends without them, too.
    auto next = run("sshd", {"/bin/sleep", "100"});
    EXPECT_TRUE(end(job(next)).empty);
    EXPECT_TRUE(lives(shell));

    keep.include_remains = true;
    keep.main_pid = 0;
    result = end(keep);
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.killed, 2);
    EXPECT_FALSE(lives(shell));
    ::umount2("/dev/ptmx", MNT_DETACH);
    ::umount2("/dev/pts", MNT_DETACH);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(EndStart, SparedOnesThatForkAreMovedAsWell) {
    auto running = rogue("swarm", {"4"});
    auto one = job(running);
    one.scope = EndScope::main;
    auto result = end(one);
    EXPECT_TRUE(result.empty);
    EXPECT_TRUE(tree->processes("rogue").empty());
    EXPECT_TRUE(tree->populated("rogue"));
    one.include_remains = true;
    one.scope = EndScope::all;
    expect_gone(running, end(one));
}

TEST_F(EndStart, AHundredAtOnce) {
    std::vector<Running> all;
    std::vector<EndJob> jobs;
    for (int i = 0; i < 100; ++i) {
        all.push_back(run("many" + std::to_string(i),
                          {"/bin/sh", "-c", "trap '' TERM; sleep 100 & echo go; wait"}));
        jobs.push_back(job(all.back()));
    }
    for (auto& one : all) ASSERT_EQ(read_line(one.output.get()), "go");
    std::map<StartId, EndResult> results;
    auto before = monotonic_now();
    end_starts(jobs, &*tree, nullptr, before + Ms{10'000},
               [&](const EndResult& told) { results[told.start] = told; });
    auto took = monotonic_now() - before;
    ASSERT_EQ(results.size(), 100U);
    for (const auto& [start, result] : results) {
        EXPECT_TRUE(result.empty);
        EXPECT_EQ(result.killed, 2);
    }
    EXPECT_LT(took, Ms{2'000});
    RecordProperty("milliseconds", static_cast<int>(took.count()));
    for (auto& one : all) EXPECT_TRUE(tree->remove(one.service));
}
