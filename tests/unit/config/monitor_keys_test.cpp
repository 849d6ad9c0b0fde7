// SPDX-License-Identifier: MIT
// [monitor NAME]: each key with a good and a bad value, and keys that do not go together.
#include "config/load.h"
#include "config/schema.h"
#include "helpers.h"

#include <algorithm>

#include <gtest/gtest.h>

using namespace leash;

namespace {

// Line 5 of init.conf is the first of `lines`.
Catalog monitor(const std::string& lines) {
    return load_init("[system]\nplugins = watchdog, monitor\n[monitor m]\ntype = memory\n" + lines);
}

struct {
    const char *key, *good, *bad, *complaint;
} const kKeys[] = {
    {"enabled", "no", "maybe", "'maybe'; allowed: yes, no"},
    {"interval", "500ms", "50ms", "'50ms' is out of range; allowed: 100ms..24h"},
    {"timeout", "3s", "2h", "out of range"},
    {"warning", "70%", "much", "'much'; allowed: a number from 0 to 1000000"},
    {"critical", "none", "-5", "'-5'; allowed: a number"},
    {"clear", "60.5", "60.1234", "allowed: a number"},
    {"after", "3", "0", "'0'; allowed: a number of samples in a row"},
    {"on-warning", "report, exec:/bin/x 'a, b' 1/1h", "restart", "'restart' needs a service"},
    {"on-critical", "report, safe, reboot after 1m", "rebot", "did you mean reboot?"},
    {"settle-time", "0", "soon", "'soon'"},
    {"with-swap", "yes", "sometimes", "allowed: no, yes"},
    {"min-free", "10M", "10 MB", "unknown unit 'MB'"},
    {"allocate", "1M", "many", "'many'"},
    {"scope", "process", "thread", "allowed: system, process"},
    {"path", "/var", "var", "'var'"},
    {"limit", "85", "85%", "allowed: degrees Celsius"},
    {"command", "/bin/x 'a b'", "/bin/x 'a", "the quote"},
    {"resource", "io", "disk", "allowed: cpu, memory, io"},
    {"kind", "full", "all", "allowed: some, full"},
    {"interface", "eth0", "../eth0", "is not an interface's name"},
    {"ping", "192.168.1.1", "router", "'router' is no IPv4 address"},
    {"ping-count", "5", "21", "out of range; allowed: 1..20"},
    {"fork-test", "yes", "1", "allowed: no, yes"},
};

} // namespace

TEST(MonitorKeys, EachGoodAndBad) {
    for (const auto& row : kKeys) {
        auto good = monitor(fmt::format("{} = {}\n", row.key, row.good));
        EXPECT_EQ(all(good.complaints), "") << row.key;
        const auto& texts = good.system.plugin_config.at("monitor m");
        EXPECT_NE(std::ranges::find(texts, std::pair<std::string, std::string>(row.key, row.good)),
                  texts.end())
            << row.key;
        auto bad = monitor(fmt::format("{} = {}\n", row.key, row.bad));
        ASSERT_EQ(bad.complaints.size(), 1u) << row.key << all(bad.complaints);
        EXPECT_TRUE(has(bad.complaints, fmt::format("init.conf:5: {}: ", row.key)))
            << all(bad.complaints);
        EXPECT_TRUE(has(bad.complaints, row.complaint)) << all(bad.complaints);
    }
    for (const auto& spec : system_schema()) {
        if (spec.section != "monitor NAME" || spec.key == "type") continue;
        EXPECT_TRUE(std::ranges::any_of(kKeys, [&](const auto& row) {
            return row.key == spec.key;
        })) << spec.key;
    }
}

TEST(MonitorKeys, ABadTypeIsSaidOnce) {
    auto catalog = load_init("[system]\nplugins = monitor\n[monitor m]\ntype = lod\n");
    EXPECT_EQ(catalog.complaints.size(), 1u) << all(catalog.complaints);
}

TEST(MonitorKeys, ThatDoNotGoTogether) {
    struct {
        const char *section, *complaint;
    } const rows[] = {
        {"interval = 1s\n", "init.conf:3: [monitor m] has no type; for example type = memory"},
        {"type = lod\n", "init.conf:4: type: 'lod'"},
        {"type = script\n", "init.conf:4: type: script has no command"},
        {"interval = 1s\ntype = filesystem\n", "init.conf:5: type: filesystem has no path"},
        {"type = network\n", "init.conf:4: type: network has neither interface nor ping"},
        {"type = load\nwarning = 9\ncritical = 8\n",
         "init.conf:5: warning: 9 is above critical, which is 8"},
        {"type = load\nwarning = 5\nclear = 6\n", "init.conf:6: clear: 6 is above the level"},
    };
    for (const auto& row : rows) {
        auto catalog =
            load_init(std::string("[system]\nplugins = monitor\n[monitor m]\n") + row.section);
        EXPECT_TRUE(has(catalog.complaints, row.complaint))
            << row.section << all(catalog.complaints);
    }
    auto without = load_init("[monitor m]\ntype = load\n");
    EXPECT_TRUE(has(without.complaints, "unknown section [monitor m]"))
        << "the plugin is not loaded";
}
