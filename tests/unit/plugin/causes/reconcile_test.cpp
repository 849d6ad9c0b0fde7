// SPDX-License-Identifier: MIT
// Why did the last life end? What was left, what the hardware tells: what is concluded.
#include "watchdog/causes/budget.h"
#include "watchdog/causes/reconcile.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <linux/watchdog.h>

namespace leash_watchdog {
namespace {

constexpr std::int64_t kNow = 1'795'000'000;

Found at_boot(std::uint32_t flags = 0) {
    Found found;
    put(found.life, "new");
    found.now_s = kNow;
    found.uptime_ms = 4000;
    found.wdt_flags = flags;
    found.minimum_uptime_ms = 300'000;
    return found;
}

Record left(const char* cause, const char* end = "") {
    Record r;
    put(r.cause, cause);
    put(r.end, end);
    put(r.life, "old");
    put(r.evidence, "as was said");
    r.date = kNow - 100;
    r.boots = 4;
    r.resets = 2;
    return r;
}

TEST(Reconcile, table) {
    const struct {
        const char* cause;
        const char* end;
        std::uint32_t flags;
        bool panicked;
        const char* concluded;
        bool inferred, counts;
    } table[] = {
        {"unknown", "", 0, false, "unknown", true, true},
        {"unknown", "", WDIOF_CARDRESET, false, "wdt", true, true},
        {"unknown", "", WDIOF_CARDRESET, true, "panic", true, true},
        {"unknown", "", 0, true, "panic", true, true},
        {"unknown", "", WDIOF_POWERUNDER | WDIOF_CARDRESET, false, "power", true, false},
        {"unknown", "", WDIOF_OVERHEAT, false, "overheat", true, true},
        {"loop-stalled", "", WDIOF_CARDRESET, false, "loop-stalled", false, true},
        {"kicker-lost", "", WDIOF_CARDRESET, false, "kicker-lost", false, true},
        {"missed-heartbeat", "reboot", 0, false, "missed-heartbeat", false, true},
        {"requested", "reboot", 0, false, "requested", false, false},
        {"requested", "poweroff", 0, false, "requested", false, false},
        // Some boards reboot by their WDT; a hang is written by who sees it.
        {"requested", "reboot", WDIOF_CARDRESET, false, "requested", false, false},
        {"missed-heartbeat", "reboot", WDIOF_CARDRESET, false, "missed-heartbeat", false, true},
        {"signal", "wdt-reset", WDIOF_CARDRESET, false, "signal", false, false},
        {"signal", "wdt-reset", 0, false, "signal", false, false},
        {"requested", "reboot", 0, true, "panic", true, true},
    };
    for (const auto& row : table) {
        auto armed = left(row.cause, row.end);
        auto found = at_boot(row.flags);
        if (row.panicked) {
            found.panic_s = kNow - 10;
            put(found.panic, "Kernel panic - not syncing: a test");
        }
        auto result = reconcile(&armed, false, nullptr, found);
        std::string text = std::string(row.cause) + " " + row.end + " " + std::to_string(row.flags);
        EXPECT_TRUE(result.new_record) << text;
        EXPECT_STREQ(result.last.cause, row.concluded) << text;
        EXPECT_EQ(result.last.inferred, row.inferred) << text;
        EXPECT_EQ(result.last.counts, row.counts) << text;
        EXPECT_EQ(result.last.boots, 5u) << text;
        EXPECT_EQ(result.last.resets, row.counts ? 3u : 2u) << text;
        EXPECT_EQ(result.last.date, row.inferred ? kNow - 4 : kNow - 100) << text;
        EXPECT_STREQ(result.armed.cause, "unknown") << text;
        EXPECT_STREQ(result.armed.life, "new") << text;
        EXPECT_EQ(result.armed.boots, 5u) << text;
    }
}

TEST(Reconcile, an_old_panic_is_not_told_twice) {
    auto armed = left("unknown");
    auto found = at_boot();
    found.panic_s = armed.pstore = kNow - 1000;
    put(found.panic, "Kernel panic - not syncing: long ago");
    EXPECT_STREQ(reconcile(&armed, false, nullptr, found).last.cause, "unknown");
    EXPECT_EQ(reconcile(&armed, false, nullptr, found).armed.pstore, kNow - 1000);
}

// What the kernel's trouble handler has written counts for its own life, and where nobody knew better.
TEST(Reconcile, silence_that_the_kernel_saw) {
    const struct {
        const char* cause;
        const char* end;
        const char* life;
        bool panicked;
        const char* concluded;
    } table[] = {
        {"unknown", "", "old", false, "init-silent"},
        {"unknown", "", "old", true, "init-silent"}, // on-deadman = panic
        {"loop-stalled", "", "old", false, "init-silent"},
        {"unknown", "", "older", false, "unknown"},
        {"kicker-lost", "", "old", false, "kicker-lost"},
        {"missed-heartbeat", "reboot", "old", false, "missed-heartbeat"},
        {"hung-shutdown", "reboot", "old", false, "hung-shutdown"},
        {"unknown", "reboot", "old", false, "unknown"},
    };
    for (const auto& row : table) {
        auto armed = left(row.cause, row.end);
        Record trouble;
        put(trouble.cause, "init-silent");
        put(trouble.evidence, "no sign of life");
        put(trouble.life, row.life);
        trouble.date = kNow - 50;
        trouble.task = 1;
        auto found = at_boot();
        found.trouble = &trouble;
        if (row.panicked) found.panic_s = kNow - 49;
        auto last = reconcile(&armed, false, nullptr, found).last;
        std::string text = std::string(row.cause) + " " + row.end + " " + row.life;
        EXPECT_STREQ(last.cause, row.concluded) << text;
        if (std::string(row.concluded) != "init-silent") continue;
        EXPECT_FALSE(last.inferred) << text;
        EXPECT_TRUE(last.counts) << text;
        EXPECT_EQ(last.date, kNow - 50) << text;
        EXPECT_EQ(last.task, 1) << text;
        EXPECT_TRUE(std::string(last.evidence).starts_with("no sign of life")) << text;
        EXPECT_EQ(last.boots, 5u) << text;
    }
}

TEST(Reconcile, the_first_boot_is_no_reset) {
    auto result = reconcile(nullptr, false, nullptr, at_boot());
    EXPECT_FALSE(result.new_record);
    EXPECT_STREQ(result.last.cause, "none");
    EXPECT_EQ(result.armed.boots, 0u);
    EXPECT_EQ(result.armed.resets, 0u);
}

TEST(Reconcile, a_damaged_record_is_one_reset_more) {
    auto before = left("panic");
    auto result = reconcile(nullptr, true, &before, at_boot(WDIOF_CARDRESET));
    EXPECT_STREQ(result.last.cause, "wdt");
    EXPECT_EQ(result.last.resets, 3u);
    EXPECT_EQ(result.last.boots, 5u);
    EXPECT_STREQ(result.last.service, "");
}

// The history has the life already, so the one that should have replaced what is armed came to nothing.
TEST(Reconcile, a_life_that_armed_nothing) {
    auto armed = left("panic"), before = left("panic");
    auto result = reconcile(&armed, false, &before, at_boot());
    EXPECT_STREQ(result.last.cause, "boot-failed");
    EXPECT_TRUE(result.last.inferred);
    result = reconcile(&armed, false, &result.last, at_boot()); // and once more
    EXPECT_STREQ(result.last.cause, "boot-failed");
    EXPECT_EQ(result.last.boots, 6u);
}

TEST(Reconcile, failed_boots_are_counted_in_a_row) {
    Record before = left("panic");
    before.failed = 2;
    put(before.life, "older");
    auto armed = left("loop-stalled");
    armed.uptime_ms = 1000;
    EXPECT_EQ(reconcile(&armed, false, &before, at_boot()).last.failed, 3u);
    armed.uptime_ms = 300'000;
    EXPECT_EQ(reconcile(&armed, false, &before, at_boot()).last.failed, 0u);
    armed = left("requested", "reboot");
    EXPECT_EQ(reconcile(&armed, false, &before, at_boot()).last.failed, 0u);
}

TEST(Reconcile, without_a_clock_the_date_does_not_go_back) {
    auto armed = left("unknown");
    auto found = at_boot();
    found.now_s = 5; // 1970
    EXPECT_EQ(reconcile(&armed, false, nullptr, found).last.date, armed.date);
}

struct Ending {
    const char* cause;
    std::int64_t ago_s, uptime_s;
};

Spent spent_of(std::initializer_list<Ending> endings, BudgetRules rules = {}) {
    auto history = std::make_unique<History>();
    for (const auto& ending : endings) {
        Record r;
        put(r.cause, ending.cause);
        r.date = ending.ago_s < 0 ? 0 : kNow - ending.ago_s;
        r.uptime_ms = ending.uptime_s * 1000;
        r.counts = !is_planned(ending.cause);
        r.failed = r.counts ? static_cast<std::uint32_t>(history->count) + 1 : 0;
        history->add(r);
    }
    return spent(*history, kNow, rules);
}

TEST(Budget, table) {
    BudgetRules three{3, 3600, 300'000, 3};
    EXPECT_FALSE(spent_of({}, three).used_up);
    auto two = spent_of({{"panic", 200, 60}, {"panic", 100, 60}}, three);
    EXPECT_EQ(two.reboots, 2u);
    EXPECT_FALSE(two.used_up);
    EXPECT_FALSE(two.boot_failing);
    auto all = spent_of({{"panic", 300, 60}, {"unknown", 200, 60}, {"crash-loop", 100, 60}}, three);
    EXPECT_EQ(all.reboots, 3u);
    EXPECT_TRUE(all.used_up);
    EXPECT_TRUE(all.boot_failing);
    // Too long ago.
    EXPECT_FALSE(spent_of({{"wdt", 4000, 60}, {"wdt", 200, 60}, {"wdt", 100, 60}}, three).used_up);
    // Somebody has asked for a reboot meanwhile.
    EXPECT_EQ(spent_of({{"wdt", 400, 60}, {"requested", 200, 60}, {"wdt", 100, 60}}, three).reboots, 1u);
    // Without dates, by how long the lives were: the last two make 4000 s.
    EXPECT_EQ(spent_of({{"wdt", -1, 60}, {"wdt", -1, 2000}, {"wdt", -1, 2000}}, three).reboots, 2u);
    // No limit.
    EXPECT_FALSE(spent_of({{"wdt", 3, 1}, {"wdt", 2, 1}, {"wdt", 1, 1}}, {0, 3600, 300'000, 0}).used_up);
    EXPECT_FALSE(
        spent_of({{"wdt", 3, 1}, {"wdt", 2, 1}, {"wdt", 1, 1}}, {0, 3600, 300'000, 0}).boot_failing);
}

TEST(Budget, is_parsed) {
    BudgetRules rules;
    ASSERT_TRUE(parse_budget("2/30m", rules));
    EXPECT_EQ(rules.limit, 2u);
    EXPECT_EQ(rules.window_s, 1800);
    ASSERT_TRUE(parse_budget("0", rules));
    EXPECT_EQ(rules.limit, 0u);
    for (const char* bad : {"", "5", "5/", "0/1h", "5/0h", "5/1d", "5/1hh", "-1/1h", "5/1ms"})
        EXPECT_FALSE(parse_budget(bad, rules)) << bad;
}

} // namespace
} // namespace leash_watchdog
