// SPDX-License-Identifier: MIT
// How often the rule for `unusual` is wrong, and how often it is right, on loads that are made up:
// fixed seeds, many runs. The rates are printed; what is asserted has a margin.
#include <cmath>
#include <functional>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "finder/unusual.h"
#include "looks.h"

namespace leash::finder {
namespace {

using Random = std::mt19937;
// A load: percent of a CPU in the bucket `i`.
using Load = std::function<double(Random&, int i)>;

double noise(Random& random, double mean, double deviation) {
    return std::max(0.0, std::normal_distribution<double>(mean, deviation)(random));
}

// Bursts of random length with pauses of random length: on and off with these mean numbers of
// buckets.
Load bursty(double on, double off, double height) {
    return [=, left = 0, busy = false](Random& random, int i) mutable {
        if (i == 0) left = 0, busy = false;
        if (left-- <= 0) {
            busy = !busy;
            left = 1 + static_cast<int>(std::exponential_distribution<double>(1 / (busy ?
                on : off))(random));
        }
        return busy ? noise(random, height, height / 8) : noise(random, 1, 0.5);
    };
}
Load periodic(int period, int busy) {
    return [=](Random& random, int i) {
        return i % period < busy ? noise(random, 70, 8) : noise(random, 3, 1);
    };
}

struct Kind {
    const char* name;
    Load load;
    double most_false; // alarms in 25 days, at a bucket of 15 s (unusual = 2m)
    int finds;         // of 100 changes by 90% of a CPU, at least
    int finds_small;   // ... by 30%
};

std::vector<Kind> kinds() {
    return {
        {"idle", [](Random& random, int) { return noise(random, 0.2, 0.2); }, 1, 100, 95},
        {"steady 40%", [](Random& random, int) { return noise(random, 40, 4); }, 1, 100, 95},
        {"steady 40%, rough", [](Random& random, int) { return noise(random, 40, 15); }, 1, 100, 0},
        {"heavy-tailed requests",
         [](Random& random, int) {
             return std::min(400.0, std::lognormal_distribution<double>(1.5, 1.0)(random));
         }, 5, 95, 40},
        {"bursts of 30 s, each 2 min", bursty(2, 8, 60), 20, 90, 0},
        {"bursts of 2 min, each 10 min", bursty(8, 40, 60), 20, 90, 0},
        {"a minute in ten", periodic(40, 4), 1, 100, 95},
        {"three minutes in half an hour", periodic(120, 12), 5, 100, 95},
        {"ten minutes in two hours", periodic(480, 40), 30, 100, 80},
        {"day and night",
         [](Random& random, int i) {
             return noise(random, 25 + 20 * std::sin(2 * M_PI * i / 5760.0), 4);
         }, 5, 100, 95},
        {"half of the time, by the minute", bursty(4, 4, 60), 5, 30, 0},
        {"wandering about 40%",
         [at = 40.0](Random& random, int i) mutable {
             if (i == 0) at = 40;
             at += 0.05 * (40 - at) + std::normal_distribution<double>(0, 4)(random);
             return std::max(0.0, at);
         }, 5, 60, 0},
    };
}

TEST(Unusual, RatesOfWrongAndRightAlarms) {
    constexpr int kRuns = 25, kBuckets = 5760; // a day each
    for (auto& kind : kinds()) {
        int wrong = 0, right = 0, right_small = 0;
        for (unsigned seed = 1; seed <= kRuns; ++seed) {
            Random random(seed);
            OwnHistory history(10, true);
            bool before = false;
            for (int i = 0; i < kBuckets; ++i) {
                history.push(kind.load(random, i));
                bool now = history.verdict().has_value();
                wrong += now && !before ? 1 : 0;
                before = now;
            }
            // A thread runs away, for five minutes.
            auto finds = [&, random](OwnHistory after, double more) mutable {
                auto load = kind.load;
                for (int i = kBuckets; i < kBuckets + 20; ++i) {
                    after.push(load(random, i) + more);
                    auto verdict = after.verdict();
                    if (verdict && verdict->up) return 1;
                }
                return 0;
            };
            right += finds(history, 90);
            right_small += finds(history, 30);
        }
        fmt::print("{:32} {:3} wrong alarms in 25 days; found of +90%: {:3}%, of +30%: {:3}%\n",
                   kind.name, wrong, 100 * right / kRuns, 100 * right_small / kRuns);
        EXPECT_LE(wrong, kind.most_false) << kind.name;
        EXPECT_GE(100 * right / kRuns, kind.finds) << kind.name;
        EXPECT_GE(100 * right_small / kRuns, kind.finds_small) << kind.name;
    }
}

TEST(Unusual, SaysNothingBeforeItKnowsEnough) {
    OwnHistory history(10, true);
    for (std::size_t i = 0; i + 1 < OwnHistory::kLeast; ++i) {
        history.push(1);
        EXPECT_FALSE(history.verdict());
    }
    for (int i = 0; i < 8; ++i) {
        history.push(99);
        EXPECT_FALSE(history.verdict());
    }
}

TEST(Unusual, AFallIsToldToo) {
    OwnHistory cpu(10, true), memory(10, false);
    for (int i = 0; i < 100; ++i) cpu.push(50), memory.push(50);
    for (int i = 0; i < 8; ++i) cpu.push(1), memory.push(1);
    ASSERT_TRUE(cpu.verdict());
    EXPECT_FALSE(cpu.verdict()->up);
    EXPECT_FALSE(memory.verdict());
}

TEST(Unusual, ANewLevelIsUsualAfterAWhile) {
    OwnHistory history(10, true);
    for (int i = 0; i < 128; ++i) history.push(5);
    int alarms = 0;
    for (int i = 0; i < 100; ++i) {
        history.push(80);
        alarms += history.verdict() ? 1 : 0;
    }
    EXPECT_GE(alarms, 1);
    EXPECT_LE(alarms, 16);
}

TEST(Unusual, TheDetectorNamesServiceAndThread) {
    Stage stage;
    stage.subjects = {subject_of(1, "unusual", "8000"), subject_of(2, "stuck", "8000")};
    stage.processes.rows = {task_row(10, 10), task_row(20, 20, 'S', 2)};
    stage.threads.rows = {task_row(10, 10), task_row(11, 10), task_row(20, 20, 'S', 2)};
    stage.processes.rows[0].task.anon = 64 << 20;
    Unusual unusual;
    auto run = [&](int count, std::uint64_t thread_ms) {
        std::vector<Finding> found;
        for (int i = 0; i < count; ++i) {
            stage.threads.rows[1].task.runtime_ns += thread_ms * kMs;
            stage.processes.rows[0].task.runtime_ns += thread_ms * kMs;
            stage.processes.rows[1].task.runtime_ns += (i > 80 ? 900 : 10) * kMs; // nobody asks
            found = stage.look(unusual);
        }
        return found;
    };
    EXPECT_TRUE(run(90, 20).empty());
    auto found = run(8, 950);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].start, 1u);
    EXPECT_EQ(found[0].kind, "unusual");
    EXPECT_EQ(found[0].evidence,
              "the service uses 95% of a CPU, after 2% mostly and at most 2%; thread 11 "
              "(t11) uses 95% of a "
              "CPU, after 2% mostly and at most 2%; for 8 s");
    EXPECT_EQ(found[0].tids, std::vector<std::int32_t>{11});
    EXPECT_TRUE(run(60, 20).empty());
    stage.processes.rows[0].task.anon = 256 << 20;
    found = run(8, 20);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].evidence, "the service has 256 MiB of memory, after 64 mostly and at "
                                 "most 64; for 8 s");
}

} // namespace
} // namespace leash::finder
