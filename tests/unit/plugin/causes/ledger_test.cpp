// SPDX-License-Identifier: MIT
// From boot to boot in a folder of our own.
#include "watchdog/causes/hook.h"
#include "watchdog/causes/ledger.h"
#include "watchdog/causes/pstore.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <linux/watchdog.h>
#include <unistd.h>

namespace leash_watchdog {
namespace {

struct LedgerTest : testing::Test {
    LedgerTest() {
        char name[] = "/tmp/leash-ledger-XXXXXX";
        folder = mkdtemp(name);
        file = folder + "/deep/er/reset-cause";
    }
    ~LedgerTest() override { [[maybe_unused]] int status = std::system(("rm -rf " + folder).c_str()); }

    // A new life of the machine.
    Ledger& boot(std::uint32_t flags = 0, bool anew = true) {
        ledger = std::make_unique<Ledger>();
        Found found;
        put(found.life, "life " + std::to_string(++lives));
        found.now_s = 1'795'000'000 + lives * 100;
        found.wdt_flags = flags;
        found.minimum_uptime_ms = 300'000;
        error = ledger->boot(file.c_str(), found, {3, 3600, 300'000, 3}, anew);
        return *ledger;
    }
    Record cause(const char* word, const char* end = "") {
        Record r;
        put(r.cause, word);
        put(r.end, end);
        put(r.evidence, "said so");
        return r;
    }
    std::string text(const std::string& name) {
        std::ifstream in(folder + "/deep/er/" + name);
        std::ostringstream all;
        all << in.rdbuf();
        return all.str();
    }
    void put_text(const std::string& name, const std::string& value) {
        std::ofstream(folder + "/deep/er/" + name) << value;
    }

    std::string folder, file;
    int lives = 0, error = 0;
    std::unique_ptr<Ledger> ledger;
};

TEST_F(LedgerTest, from_boot_to_boot) {
    EXPECT_STREQ(boot().last().cause, "none");
    EXPECT_EQ(error, 0);
    EXPECT_EQ(ledger->end(cause("requested", "reboot"), 1'795'000'150, 50'000), 0);
    EXPECT_NE(text("reset-cause").find("= requested"), std::string::npos); // before the end comes
    EXPECT_STREQ(boot().last().cause, "requested");
    EXPECT_EQ(ledger->last().resets, 0u);
    EXPECT_EQ(ledger->last().boots, 1u);
    EXPECT_EQ(ledger->last().date, 1'795'000'150);
    EXPECT_EQ(ledger->last().uptime_ms, 50'000);
    EXPECT_STREQ(boot(WDIOF_CARDRESET).last().cause, "wdt"); // without a word
    EXPECT_EQ(ledger->last().resets, 1u);
    EXPECT_TRUE(ledger->last().inferred);
    EXPECT_EQ(ledger->arm(cause("memory-leak"), 1'795'000'350, 1000), 0);
    EXPECT_STREQ(boot(WDIOF_CARDRESET).last().cause, "memory-leak");
    EXPECT_FALSE(ledger->last().inferred);
    EXPECT_EQ(ledger->history().count, 3u);
    EXPECT_EQ(ledger->last().boots, 3u);
}

TEST_F(LedgerTest, a_stall_is_taken_back) {
    boot();
    EXPECT_EQ(ledger->stalled(cause("loop-stalled"), 1'795'000'150, 1000), 0);
    EXPECT_NE(text("reset-cause").find("= loop-stalled"), std::string::npos);
    EXPECT_EQ(ledger->stall_over(), 0);
    EXPECT_NE(text("reset-cause").find("= none"), std::string::npos);
    EXPECT_NE(text("reset-next").find("= unknown"), std::string::npos);
    ledger->stalled(cause("loop-stalled"), 1'795'000'150, 1000);
    EXPECT_STREQ(boot(WDIOF_CARDRESET).last().cause, "loop-stalled");
}

TEST_F(LedgerTest, a_stall_on_the_way_down_is_a_hung_shutdown) {
    boot();
    ledger->end(cause("requested", "poweroff"), 1'795'000'150, 1000);
    ledger->arm(cause("memory-leak"), 1'795'000'151, 1000); // too late for that
    ledger->stalled(cause("starved"), 1'795'000'160, 9000);
    boot(WDIOF_CARDRESET);
    EXPECT_STREQ(ledger->last().cause, "hung-shutdown");
    EXPECT_FALSE(ledger->last().inferred);
    EXPECT_NE(std::string(ledger->last().evidence).find("poweroff (requested"), std::string::npos);
}

TEST_F(LedgerTest, a_wdt_that_does_not_fire_is_a_hardware_failure) {
    boot();
    ledger->end(cause("signal", "wdt-reset"), 1'795'000'150, 1000);
    EXPECT_EQ(ledger->overdue(cause("hardware-failure"), 1'795'000'210, 61'000), 0);
    boot();
    EXPECT_STREQ(ledger->last().cause, "hardware-failure");
    EXPECT_STREQ(ledger->last().end, "wdt-reset");
    EXPECT_FALSE(ledger->last().inferred);
    EXPECT_TRUE(ledger->last().counts);
    EXPECT_NE(std::string(ledger->last().evidence).find("; the end was for signal"), std::string::npos)
        << ledger->last().evidence;
}

TEST_F(LedgerTest, init_that_crashed_on_the_way_down_changes_nothing) {
    boot();
    ledger->end(cause("missed-heartbeat", "reboot"), 1'795'000'150, 1000);
    ledger->end(cause("resumed", "reboot"), 1'795'000'160, 2000);
    EXPECT_STREQ(boot().last().cause, "missed-heartbeat");
    ledger->end(cause("resumed", "reboot"), 1'795'000'250, 2000); // nothing was told before
    EXPECT_STREQ(boot().last().cause, "requested");
}

TEST_F(LedgerTest, a_second_recorder_of_a_boot_counts_nothing_twice) {
    boot();
    boot();
    auto boots = ledger->armed().boots;
    --lives;
    boot(0, false);
    EXPECT_EQ(ledger->armed().boots, boots);
    EXPECT_EQ(ledger->history().count, 1u);
    ledger->end(cause("requested", "reboot"), 1'795'000'250, 2000);
    --lives;
    boot(0, false); // on the way down
    EXPECT_TRUE(ledger->ending());
    --lives;
    boot(0, true); // a soft reboot
    EXPECT_FALSE(ledger->ending());
    EXPECT_STREQ(ledger->armed().cause, "unknown");
}

TEST_F(LedgerTest, damage_is_told_and_replaced) {
    boot();
    boot();
    put_text("reset-next", "cause = pan");
    boot();
    EXPECT_NE(std::string(ledger->complaint()).find("reset-next"), std::string::npos);
    EXPECT_STREQ(ledger->last().cause, "unknown");
    put_text("reset-cause", std::string(100'000, 'x'));
    put_text("reset-history", std::string("cause\0", 6));
    boot();
    EXPECT_NE(std::string(ledger->complaint()).find("reset-history"), std::string::npos);
    boot();
    EXPECT_STREQ(ledger->complaint(), "");
    EXPECT_GE(ledger->last().boots, 1u);
}

TEST_F(LedgerTest, the_budget_is_used_up_and_given_again) {
    boot();
    boot();
    boot();
    EXPECT_FALSE(ledger->spent_now(1'795'000'300).used_up);
    boot();
    EXPECT_TRUE(ledger->spent_now(1'795'000'400).used_up);
    EXPECT_TRUE(ledger->spent_now(1'795'000'400).boot_failing);
    EXPECT_EQ(ledger->clear(), 0);
    EXPECT_FALSE(ledger->spent_now(1'795'000'400).used_up);
    EXPECT_EQ(ledger->last().resets, 0u);
    boot();
    EXPECT_EQ(ledger->last().resets, 1u);
    EXPECT_EQ(ledger->spent_now(1'795'000'500).reboots, 1u);
    ledger->end(cause("requested", "reboot"), 1'795'000'550, 1000);
    boot();
    EXPECT_EQ(ledger->spent_now(1'795'000'600).reboots, 0u);
}

TEST_F(LedgerTest, a_life_that_proved_itself_is_no_failed_boot) {
    boot();
    ledger->lived(300'000);
    boot();
    EXPECT_EQ(ledger->last().uptime_ms, 300'000);
    EXPECT_EQ(ledger->last().failed, 0u);
}

TEST_F(LedgerTest, a_folder_that_cannot_be_is_said) {
    std::ofstream(folder + "/deep") << "a file";
    boot();
    EXPECT_EQ(error, -ENOTDIR);
    EXPECT_NE(std::string(ledger->complaint()).find("do not survive"), std::string::npos);
    ledger->end(cause("requested", "reboot"), 1'795'000'550, 1000); // does no harm
}

TEST(Pstore, finds_the_panic) {
    char name[] = "/tmp/leash-pstore-XXXXXX";
    std::string folder = mkdtemp(name);
    std::ofstream(folder + "/dmesg-erst-1") << "Oops#1 Part1\n<6>[ 1.0] usb\n";
    std::ofstream(folder + "/dmesg-erst-2")
        << "Panic#2 Part1\n"
           "<0>[   12.3] Kernel panic - not syncing: sysrq triggered crash\n<4>[ 12] CPU\n";
    std::ofstream(folder + "/console-ramoops-0") << "Kernel panic - not syncing: of somebody else\n";
    Found found;
    newest_panic(folder.c_str(), found);
    EXPECT_STREQ(found.panic, "Kernel panic - not syncing: sysrq triggered crash");
    EXPECT_GT(found.panic_s, 0);
    Found none;
    newest_panic("/nonexistent", none);
    EXPECT_EQ(none.panic_s, 0);
    [[maybe_unused]] int status = std::system(("rm -rf " + folder).c_str());
}

TEST(Hook, words) {
    const struct {
        const char* text;
        std::vector<std::string> words;
    } table[] = {
        {"", {}}, {"  ", {}}, {"a", {"a"}}, {" a  b\tc ", {"a", "b", "c"}},
        {"sh -c 'echo \"$X\"; exit'", {"sh", "-c", "echo \"$X\"; exit"}},
        {"a\\ b \"c \\\" d\" ''", {"a b", "c \" d", ""}},
    };
    for (const auto& row : table) {
        std::string text = row.text;
        char* words[9];
        int count = split_words(text.data(), words, 8);
        ASSERT_EQ(count, static_cast<int>(row.words.size())) << row.text;
        for (int i = 0; i < count; ++i) EXPECT_EQ(words[i], row.words[static_cast<std::size_t>(i)]);
    }
    for (const char* bad : {"'a", "a \"b", "1 2 3 4 5 6 7 8 9"}) {
        std::string text = bad;
        char* words[9];
        EXPECT_EQ(split_words(text.data(), words, 8), -1) << bad;
    }
}

TEST(Hook, runs_and_is_killed_as_a_group) {
    auto run = [](std::string limit, std::string command) {
        std::string variable = "LEASH_RESET_CAUSE=panic";
        char* argv[] = {limit.data(), command.data(), variable.data()};
        return run_hook(3, argv);
    };
    EXPECT_EQ(run("5000", "sh -c 'test \"$LEASH_RESET_CAUSE\" = panic'"), 0);
    EXPECT_EQ(run("5000", "sh -c 'exit 7'"), 7);
    EXPECT_EQ(run("5000", "/nonexistent"), 127);
    EXPECT_EQ(run("100", "sh -c 'sleep 60 & sleep 60'"), 124);
    EXPECT_EQ(run("100", "'"), 127);
}

} // namespace
} // namespace leash_watchdog
