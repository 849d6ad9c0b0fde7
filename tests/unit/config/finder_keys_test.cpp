// SPDX-License-Identifier: MIT
// The keys about what finders look for: their values in plain units, and what is wrong with them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "config/load.h"
#include "config/schema.h"
#include "service/finder_settings.h"

#include "helpers.h"

namespace leash {
namespace {

struct Row {
    const char *key, *text, *plain; // plain: nullptr: an error
};

const std::vector<Row> kValues{
    {"cpu-hog", "90%/30s", "90/30000"},
    {"cpu-hog", "350 % / 2m", "350/120000"},
    {"cpu-hog", "off", ""},
    {"cpu-hog", "90%", nullptr},
    {"cpu-hog", "90/30s", nullptr},
    {"cpu-hog", "0%/30s", nullptr},
    {"cpu-hog", "90%/30", nullptr},
    {"cpu-hog", "90%/25h", nullptr},
    {"memory-hog", "64M", "67108864"},
    {"memory-hog", "80%", "80%"},
    {"memory-hog", "101%", nullptr},
    {"memory-hog", "100", nullptr},
    {"memory-leak", "1G/10m", "1073741824/600000"},
    {"memory-leak", "1G", nullptr},
    {"memory-leak", "80%/10m", nullptr},
    {"fd-hog", "1000", "1000"},
    {"fd-hog", "75%", "75%"},
    {"fd-hog", "0", nullptr},
    {"fd-leak", "1000/10m", "1000/600000"},
    {"fd-leak", "-5/10m", nullptr},
    {"shm-hog", "16M", "16777216"},
    {"shm-hog", "much", nullptr},
    {"task-hog", "200", "200"},
    {"task-hog", "500/10s", "500/10000"},
    {"task-hog", "500/10s, 200", "200,500/10000"},
    {"task-hog", "200, 300", nullptr},
    {"task-hog", "200,", nullptr},
    {"stuck", "30s", "30000"},
    {"stuck", "30", nullptr},
    {"stuck", "10ms", nullptr},
    {"stopped", "10s", "10000"},
    {"livelock", "1m", "60000"},
    {"deadlock", "5s", "5000"},
    {"deadlock", "on", nullptr},
    {"no-task", "1h", "3600000"},
    {"no-task", "off", ""},
    {"unusual", "10s", "10000"},
};

TEST(FinderKeys, Values) {
    for (const auto& row : kValues) {
        auto key = std::ranges::find(finder_keys(), std::string_view(row.key), &FinderKey::key);
        ASSERT_NE(key, finder_keys().end()) << row.key;
        auto plain = plain_finder_value(key->form, row.text);
        if (row.plain == nullptr) EXPECT_FALSE(plain) << row.key << " = " << row.text << ": " << *plain;
        else if (!plain) ADD_FAILURE() << row.key << " = " << row.text << ": " << plain.error().text;
        else EXPECT_EQ(*plain, row.plain) << row.key << " = " << row.text;
    }
}

TEST(FinderKeys, EachKeyIsInTheSchemaWithADefaultThatIsRight) {
    for (const auto& key : finder_keys()) {
        const auto* spec = find_key("service", key.key);
        ASSERT_NE(spec, nullptr) << key.key;
        EXPECT_EQ(spec->fallback, key.fallback);
        EXPECT_TRUE(plain_finder_value(key.form, key.fallback)) << key.key;
        EXPECT_EQ(key.key, to_string(key.kind));
        EXPECT_NE(find_key("service", fmt::format("on-{}", key.key)), nullptr);
    }
}

TEST(FinderKeys, TheTextForPluginsHasWhatIsOn) {
    ServiceSettings s;
    EXPECT_EQ(finder_text(s), "fd-hog=90% no-task=10000 strays=report");
    s.finder.edit()["fd-hog"] = "";
    s.finder.edit()["cpu-hog"] = "90/30000";
    s.strays = StrayPolicy::kill;
    EXPECT_EQ(finder_text(s), "cpu-hog=90/30000 no-task=10000 strays=kill");
    s.type = ServiceType::target;
    EXPECT_EQ(finder_text(s), "");
}

TEST(FinderKeys, InAFile) {
    for (const auto& row : kValues) {
        auto catalog = load_daemon(fmt::format("{} = {}\n", row.key, row.text));
        EXPECT_EQ(catalog.has_errors(), row.plain == nullptr) << row.key << " = " << row.text;
        if (row.plain == nullptr) {
            EXPECT_TRUE(has(catalog.complaints, fmt::format("{}:3: {}: ", kPath, row.key)));
            EXPECT_TRUE(has(catalog.complaints, "; allowed: off"));
        } else {
            EXPECT_EQ(catalog.services.at(kName).finder->at(row.key), row.plain);
        }
    }
    EXPECT_TRUE(has(load_daemon("memory-leak =\n").complaints,
                    ":3: memory-leak: no value; allowed: off"));
}

TEST(FinderKeys, Answers) {
    struct {
        const char *lines, *complaint; // "": none
    } const rows[] = {
        {"cpu-hog = 90%/30s\non-cpu-hog = report, limit 50%, freeze after 1m, dump, restart\n", ""},
        {"on-fd-hog = limit 100, signal TERM\n", ""},
        {"memory-leak = 64M/10m\non-memory-leak = report at 60%, limit at 80%, restart at 90%\n", ""},
        {"on-memory = limit 64M, restart 3/1h, stop\n", ""},
        {"on-stray = report, exec:/bin/true\n", ""},
        {"on-memory = restart, stop\n", ":3: warning: on-memory: 'stop' is never reached"},
        {"on-cpu-hog = report\n", ":3: warning: on-cpu-hog: has no effect without `cpu-hog`; "
                                  "add for example cpu-hog = 90%/30s"},
        {"on-deadlock = report\n", ":3: warning: on-deadlock: has no effect without `deadlock`; "
                                   "add for example deadlock = 30s"},
        {"stuck = 5s\non-stuck = limit\n",
         ":4: on-stuck: 'limit': there is nothing to limit about stuck"},
        {"stuck = 5s\non-stuck = report at 50%\n",
         ":4: warning: on-stuck: 'at 50%' has no effect: stuck has no level"},
        {"cpu-hog = 90%/5s\non-cpu-hog = limit 64M\n",
         ":4: on-cpu-hog: 'limit 64M': CPU time is limited by a share; for example limit 50%"},
        {"on-task-hog = limit x\ntask-hog = 5\n",
         ":3: on-task-hog: step 1: 'limit x': write a share (50%), a size (64M) or a number"},
        {"on-shm-hog = limit\nshm-hog = 1M\n", ""},
        {"on-memory-hog = limit\n",
         ":3: on-memory-hog: 'limit' does not say to what; for example limit 64M"},
    };
    for (const auto& row : rows) {
        auto text = all(load_daemon(row.lines).complaints);
        if (*row.complaint == '\0') EXPECT_EQ(text, "") << row.lines;
        else EXPECT_NE(text.find(row.complaint), std::string::npos) << row.lines << text;
    }
    // Each answer has its key, and takes a policy.
    for (int i = 0; i < kTroubleKinds; ++i) {
        if (!is_found(TroubleKind(i))) continue;
        auto key = fmt::format("on-{}", to_string(TroubleKind(i)));
        auto catalog = load_daemon(key + " = restart 3/10m, reboot\n");
        ASSERT_FALSE(catalog.has_errors()) << all(catalog.complaints);
        EXPECT_EQ(policy_for(catalog.services.at(kName), TroubleKind(i)).size(), 2U) << key;
        EXPECT_TRUE(has(load_daemon(key + " = explode\n").complaints, ":3: " + key + ": step 1"));
    }
}

TEST(FinderKeys, OfThePlugin) {
    struct {
        const char *line, *complaint; // "": none
    } const rows[] = {
        {"enabled = no", ""},
        {"enabled = maybe", "init.conf:2: enabled: 'maybe'; allowed: yes, no"},
        {"interval = 500ms", ""},
        {"interval = 10ms", "init.conf:2: interval: '10ms' is out of range; allowed: 200ms..1m"},
        {"memory-limit = 16M", ""},
        {"memory-limit = 1M", "init.conf:2: memory-limit: '1M' is out of range"},
    };
    for (const auto& row : rows) {
        auto text = all(load_init(fmt::format("[finder]\n{}\n", row.line)).complaints);
        if (*row.complaint == '\0') EXPECT_EQ(text, "") << row.line;
        else EXPECT_NE(text.find(row.complaint), std::string::npos) << text;
    }
}

// A default that nobody has asked for never restarts anything.
TEST(FinderKeys, WhoAnswers) {
    auto answer = [](const ServiceSettings& s, TroubleKind kind) {
        return to_string(policy_for(s, kind));
    };
    ServiceSettings s;
    EXPECT_EQ(answer(s, TroubleKind::fd_hog), "report");
    s.on_trouble = *parse_policy("reboot");
    EXPECT_EQ(answer(s, TroubleKind::fd_hog), "report");
    EXPECT_EQ(answer(s, TroubleKind::stray), "report");
    EXPECT_EQ(answer(s, TroubleKind::missed_heartbeat), "reboot");
    s.finder.edit()["fd-hog"] = "1000";
    EXPECT_EQ(answer(s, TroubleKind::fd_hog), "reboot");
    s.on_memory = *parse_policy("stop");
    EXPECT_EQ(answer(s, TroubleKind::memory_hog), "stop");
    EXPECT_EQ(answer(s, TroubleKind::memory_leak), "stop");
    EXPECT_EQ(answer(s, TroubleKind::shm_hog), "report");
    s.on_kind.edit()[static_cast<std::size_t>(TroubleKind::memory_leak)] = *parse_policy("freeze");
    EXPECT_EQ(answer(s, TroubleKind::memory_leak), "freeze");
}

} // namespace
} // namespace leash
