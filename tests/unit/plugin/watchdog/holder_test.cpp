// SPDX-License-Identifier: MIT
// Who holds a busy device, and whether tiers of WDTs make sense.
#include "watchdog/holder.h"
#include "watchdog/tiers.h"
#include "watchdog/verdict_page.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash_watchdog {
namespace {

struct HolderTest : testing::Test {
    HolderTest() {
        char folder[] = "/tmp/leash-holder-XXXXXX";
        proc = mkdtemp(folder);
    }
    ~HolderTest() override { (void)!system(("rm -rf " + proc).c_str()); }
    void process(int pid, const std::string& name, const std::string& open_file, int others) {
        auto home = proc + "/" + std::to_string(pid);
        mkdir(home.c_str(), 0700);
        mkdir((home + "/fd").c_str(), 0700);
        std::ofstream(home + "/comm") << name << "\n";
        for (int i = 0; i < others; ++i)
            EXPECT_EQ(symlink("/dev/null", (home + "/fd/" + std::to_string(i)).c_str()), 0);
        EXPECT_EQ(symlink(open_file.c_str(), (home + "/fd/9999").c_str()), 0);
    }
    std::string found(const char* path) {
        search.begin(path, proc.c_str());
        steps = 1;
        while (search.step())
            ++steps;
        char text[96];
        search.describe(text, sizeof text);
        return text;
    }
    std::string proc;
    HolderSearch search;
    int steps = 0;
};

TEST_F(HolderTest, names_who_holds_it) {
    process(12, "syslogd", "/dev/log", 3);
    process(345, "watchdogd", "/dev/watchdog0", 3);
    EXPECT_EQ(found("/dev/watchdog0"), "watchdogd (pid 345) holds it");
    EXPECT_EQ(found("/dev/watchdog"), "watchdogd (pid 345) holds it") << "the same device";
    EXPECT_EQ(search.pid(), 345);
    EXPECT_EQ(found("/dev/watchdog1"), "another process holds it");
    EXPECT_EQ(search.pid(), 0);
}

TEST_F(HolderTest, a_name_breaks_out_of_nothing) {
    process(12, "a\"}\\\033[", "/dev/watchdog", 0);
    EXPECT_EQ(found("/dev/watchdog"), "a?}??[ (pid 12) holds it");
}

TEST_F(HolderTest, looks_at_a_few_at_a_time) {
    for (int pid = 100; pid < 120; ++pid)
        process(pid, "many", "/dev/zero", 50);
    EXPECT_EQ(found("/dev/watchdog"), "another process holds it");
    EXPECT_GE(steps, 3);
    EXPECT_FALSE(search.running());
}

std::string trouble(std::vector<Tier> tiers) {
    char text[256];
    tier_trouble(tiers, text, sizeof text);
    return text;
}

TEST(Tiers, the_last_one_has_most_time) {
    Tier soft{"/dev/watchdog1", "Software Watchdog", 10};
    Tier hard{"/dev/watchdog", "i6300ESB timer", 30};
    EXPECT_EQ(trouble({}), "");
    EXPECT_EQ(trouble({hard}), "");
    EXPECT_EQ(trouble({hard, soft}), "");
    soft.timeout_s = 30;
    EXPECT_NE(trouble({hard, soft}).find("/dev/watchdog1 (Software Watchdog, 30 s) can never act"),
              std::string::npos);
    Tier third{"/dev/watchdog2", "iTCO_wdt", 30};
    EXPECT_NE(trouble({hard, third}).find("both end after 30 s"), std::string::npos);
}

TEST(VerdictPage, lateness_falls_into_buckets) {
    unsigned last = 0;
    for (std::uint64_t us = 0; us < 600'000; ++us) {
        unsigned bucket = leash_late_bucket(us);
        ASSERT_TRUE(bucket == last || bucket == last + 1) << us;
        if (bucket != last) {
            ASSERT_EQ(leash_late_bound(last), us - 1);
        }
        last = bucket;
    }
    EXPECT_EQ(last, LEASH_LATE_BUCKETS - 1u);
    EXPECT_EQ(leash_late_bucket(UINT64_MAX), LEASH_LATE_BUCKETS - 1u);
}

} // namespace
} // namespace leash_watchdog
