// SPDX-License-Identifier: MIT
// Hogs and leaks: looks at a machine of the test's own making, one after the other.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "finder/hogs.h"
#include "finder/trend.h"

using namespace leash;
using namespace leash::finder;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000, kMiB = 1 << 20;

struct Facts : HogFacts {
    std::uint64_t machine_memory() override { return 1000 * kMiB; }
    std::optional<std::uint64_t> group_cpu_ns(const Subject&) override { return cpu; }
    std::optional<std::uint64_t> group_shmem(const Subject&, std::uint64_t) override { return shmem; }
    std::uint64_t descriptor_limit(std::int32_t) override { return 1024; }
    std::map<std::int32_t, std::uint64_t> detached_segments() override { return segments; }
    std::optional<std::uint64_t> cpu, shmem;
    std::map<std::int32_t, std::uint64_t> segments;
};

struct Machine {
    Facts facts;
    Hogs hogs{facts};
    taskview::Sample sample;
    std::vector<Subject> subjects;
    std::uint64_t now = 100 * kSecond;
    bool module = true;

    explicit Machine(const std::string& settings) {
        subjects.push_back({7, 77, 100, "web", parse_settings(settings)});
        subjects.push_back({8, 88, 200, "other", parse_settings(settings)});
        add(100, 7);
        add(200, 8);
        sample.starts.push_back({});
        sample.starts.back().id = 7;
    }
    leash_task& add(std::int32_t pid, std::uint64_t start) {
        auto& row = sample.rows.emplace_back();
        row.task.tid = row.task.tgid = pid;
        row.task.start = start;
        row.task.threads = 1;
        return row.task;
    }
    leash_task& main() { return sample.rows.front().task; }
    // The highest level and its finding, of looks a second apart; nothing of the other start.
    Finding run(int seconds, const std::function<void(int)>& change) {
        Finding worst{};
        worst.percent = 0;
        for (int i = 0; i < seconds; ++i, now += kSecond) {
            change(i);
            std::vector<Finding> found;
            hogs.look({now, module, &sample, nullptr, subjects}, found);
            for (const auto& each : found) {
                EXPECT_EQ(each.start, 7U) << each.kind << ": " << each.evidence;
                if (each.percent >= worst.percent) worst = each;
            }
        }
        return worst;
    }
};

struct Row {
    const char* name;
    const char* settings;
    int seconds;
    std::function<void(Machine&, int)> change; // at second i
    const char* kind;                          // "": nothing is found
    int least, most;                           // percent
    const char* evidence = "";
};

const Row kRows[] = {
    {"spins", "cpu-hog=90/5000", 8, [](Machine& m, int) { m.main().runtime_ns += kSecond; }, "cpu-hog",
     110, 112, "100 % of a CPU over 5 s, limit 90 %"},
    {"spins, but not for long", "cpu-hog=90/5000", 4,
     [](Machine& m, int) { m.main().runtime_ns += kSecond; }, "", 0, 0},
    {"half", "cpu-hog=100/5000", 8, [](Machine& m, int) { m.main().runtime_ns += kSecond / 2; },
     "cpu-hog", 49, 51},
    {"idle", "cpu-hog=90/5000", 30, [](Machine&, int) {}, "", 0, 0},
    {"children that were reaped count", "cpu-hog=100/5000", 8,
     [](Machine& m, int) { m.sample.starts[0].runtime_ns += kSecond; }, "cpu-hog", 99, 101},
    {"without the module the group says", "cpu-hog=100/5000", 8,
     [](Machine& m, int i) {
         m.module = false;
         m.subjects.resize(1);
         m.facts.cpu = static_cast<std::uint64_t>(i) * kSecond;
     },
     "cpu-hog", 99, 101},
    {"fat", "memory-hog=10485760", 2,
     [](Machine& m, int) { m.main().anon = 9 * kMiB, m.main().swap = 3 * kMiB; }, "memory-hog", 120,
     120, "12M of memory, limit 10M; largest: process 100"},
    {"fat for one look only", "memory-hog=10485760", 4,
     [](Machine& m, int i) { m.main().anon = i == 2 ? 20 * kMiB : 0; }, "", 0, 0},
    {"a share of the machine", "memory-hog=50%", 2, [](Machine& m, int) { m.main().anon = 400 * kMiB; },
     "memory-hog", 80, 80},
    {"leaks", "memory-leak=104857600/10000", 16,
     [](Machine& m, int) { m.main().anon += 2 * kMiB; }, "memory-leak", 50, 54, "2.0M more each second"},
    {"leaks in one of many", "memory-leak=104857600/10000", 16,
     [](Machine& m, int i) {
         if (i == 0) m.add(101, 7).anon = 50 * kMiB;
         m.main().anon += kMiB;
     },
     "memory-leak", 70, 80},
    {"has grown once", "memory-leak=104857600/10000", 40,
     [](Machine& m, int i) { m.main().anon = i < 15 ? kMiB : 90 * kMiB; }, "", 0, 0},
    {"a saw tooth", "memory-leak=10485760/10000", 60,
     [](Machine& m, int i) { m.main().anon = (5 + static_cast<std::uint64_t>(i % 4)) * kMiB; }, "", 0,
     0},
    {"grows by next to nothing", "memory-leak=104857600/10000", 40,
     [](Machine& m, int) { m.main().anon += 4096; }, "", 0, 0},
    {"descriptors", "fd-hog=100", 1, [](Machine& m, int) { m.main().fds = 90; }, "fd-hog", 90, 90,
     "process 100 has 90 descriptors, limit 100"},
    {"descriptors, by share", "fd-hog=50%", 1, [](Machine& m, int) { m.main().fds = 512; }, "fd-hog",
     100, 100, "limit 512 (50 % of what it may have)"},
    {"the same in many processes", "fd-hog=100", 1,
     [](Machine& m, int) {
         for (int pid = 101; pid < 120; ++pid) m.add(pid, 7).fds = 20;
     },
     "", 0, 0},
    {"descriptors that leak", "fd-leak=1000/10000", 16, [](Machine& m, int) { m.main().fds += 10; },
     "fd-leak", 25, 27, "10.0 more each second"},
    {"a window of few looks", "fd-leak=100/5000", 8, [](Machine& m, int) { m.main().fds += 10; },
     "fd-leak", 125, 135},
    {"descriptors that come and go", "fd-leak=50/10000", 60,
     [](Machine& m, int i) { m.main().fds = i % 2 == 0 ? 10 : 40; }, "", 0, 0},
    {"shared by two, counted once", "shm-hog=10485760", 2,
     [](Machine& m, int i) {
         m.main().shmem = 9 * kMiB;
         if (i == 0) m.add(101, 7).shmem = 9 * kMiB;
     },
     "shm-hog", 90, 90},
    {"segments without a user", "shm-hog=10485760", 2,
     [](Machine& m, int) { m.facts.segments = {{100, 12 * kMiB}, {999, 50 * kMiB}}; }, "shm-hog", 120,
     120, "12M in segments without a user"},
    {"... whose maker has gone", "shm-hog=10485760", 6,
     [](Machine& m, int i) {
         if (i == 0) m.add(101, 7);
         if (i == 1) m.facts.segments = {{101, 12 * kMiB}};
         if (i == 3) m.sample.rows.pop_back();
     },
     "shm-hog", 120, 120},
    {"the group is charged", "shm-hog=10485760", 2,
     [](Machine& m, int) {
         m.subjects.resize(1);
         m.facts.shmem = 20 * kMiB;
     },
     "shm-hog", 200, 200},
    {"tasks", "task-hog=50", 1, [](Machine& m, int) { m.main().threads = 60; }, "task-hog", 120, 120,
     "60 tasks, limit 50"},
    {"forks", "task-hog=50,100/5000", 6, [](Machine& m, int) { m.sample.starts[0].forks += 30; },
     "task-hog", 149, 151, "forks within 5 s, limit 100"},
    {"forks long ago", "task-hog=100/5000", 20,
     [](Machine& m, int i) { m.sample.starts[0].forks += i == 0 ? 1000 : 0; }, "", 0, 0},
    {"off", "", 60,
     [](Machine& m, int) { m.main().runtime_ns += kSecond, m.main().anon += 9 * kMiB; }, "", 0, 0},
};

TEST(Hogs, AreFoundAndOthersAreNot) {
    for (const auto& row : kRows) {
        SCOPED_TRACE(row.name);
        Machine machine(row.settings);
        auto worst = machine.run(row.seconds, [&](int i) { row.change(machine, i); });
        EXPECT_EQ(worst.kind, row.kind) << worst.percent << " " << worst.evidence;
        EXPECT_GE(worst.percent, row.least) << worst.evidence;
        EXPECT_LE(worst.percent, row.most) << worst.evidence;
        EXPECT_NE(worst.evidence.find(row.evidence), std::string::npos) << worst.evidence;
        EXPECT_LE(worst.evidence.size(), 400U);
    }
}

// A row that nobody attributed belongs to whose cgroup it sits in.
TEST(Hogs, ByCgroup) {
    Machine machine("task-hog=50");
    machine.sample.rows.clear();
    auto& task = machine.add(300, 0);
    task.cgroup = 77;
    task.threads = 100;
    EXPECT_EQ(machine.run(1, [](int) {}).percent, 200);
}

TEST(Trend, AWildPointDoesNotBendIt) {
    Trend trend;
    for (int i = 0; i < 40; ++i)
        trend.add(static_cast<std::uint64_t>(i) * kSecond, i == 30 ? 1e9 : i * 100.0, 24 * kSecond);
    auto growth = trend.growth(10);
    ASSERT_TRUE(growth);
    EXPECT_NEAR(growth->per_second, 100, 1);
    EXPECT_NEAR(growth->projected, 3900 + 2400, 30);
}

TEST(Trend, NotBeforeTheWindowIsFull) {
    Trend trend;
    for (int i = 0; i < 23; ++i) trend.add(static_cast<std::uint64_t>(i) * kSecond, i, 25 * kSecond);
    EXPECT_FALSE(trend.growth(1));
}

TEST(FinderSettings, Amounts) {
    EXPECT_EQ(parse_settings("a=1  b=2/3 =4 c a=9").size(), 2U);
    EXPECT_EQ(parse_amount("90/30000")->ms, 30000U);
    EXPECT_TRUE(parse_amount("80%")->percent);
    for (auto bad : {"", "x", "0", "5/", "5/0", "%", "-1", "99999999999999999999"})
        EXPECT_FALSE(parse_amount(bad)) << bad;
}

} // namespace
