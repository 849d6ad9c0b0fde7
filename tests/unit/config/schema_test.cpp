// SPDX-License-Identifier: MIT
#include "config/schema.h"

#include <set>

#include <gtest/gtest.h>

#include "base/units.h"
#include "config/apply.h"
#include "helpers.h"

using namespace leash;

namespace {

std::vector<const KeySpec*> all_keys() {
    std::vector<const KeySpec*> keys;
    for (const auto* schema : {&service_schema(), &system_schema()})
        for (const auto& spec : *schema) keys.push_back(&spec);
    return keys;
}

} // namespace

TEST(Schema, EveryKeyIsDocumentedAndSettable) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const auto* spec : all_keys()) {
        SCOPED_TRACE(std::string(spec->section) + "." + std::string(spec->key));
        EXPECT_TRUE(seen.insert({spec->section, spec->key}).second) << "twice";
        EXPECT_GT(spec->text.size(), 15U);
        EXPECT_TRUE(spec->text.ends_with('.') || spec->text.ends_with(')'));
        EXPECT_EQ(std::count(spec->text.begin(), spec->text.end(), '`') % 2, 0);
        EXPECT_FALSE(spec->since.empty());
        EXPECT_FALSE(allowed(*spec).empty());
        EXPECT_EQ(spec->type == ValueType::word, !spec->words.empty());
        EXPECT_EQ(spec->type == ValueType::list || spec->type == ValueType::grammar,
                  !spec->grammar.empty());
        EXPECT_EQ(std::holds_alternative<ServiceSetter>(spec->set), spec->section == "service");
        if (auto* set = std::get_if<ServiceSetter>(&spec->set)) { EXPECT_NE(*set, nullptr); }
        if (auto* set = std::get_if<SystemSetter>(&spec->set)) { EXPECT_NE(*set, nullptr); }
        EXPECT_EQ(find_key(spec->section, spec->key), spec);
        EXPECT_EQ(spec->section == "service", !spec->group.empty());
        if (spec->type == ValueType::duration || spec->type == ValueType::size) {
            EXPECT_LT(spec->least, spec->most);
        }
    }
    EXPECT_EQ(find_key("service", "colour"), nullptr);
    EXPECT_EQ(find_key("system", "command"), nullptr);
}

// What the table calls the default must be what a fresh object has: setting it changes nothing.
TEST(Schema, DefaultsParseAndAreTheDefaults) {
    ServiceSettings s;
    s.name = "x";
    SystemSettings y;
    for (const auto* spec : all_keys()) {
        SCOPED_TRACE(spec->key);
        if (spec->fallback.empty()) continue;
        auto done = spec->section == "service" ? apply_value(*spec, spec->fallback, true, s)
                                               : apply_value(*spec, spec->fallback, true, y);
        EXPECT_TRUE(done) << done.error().text;
    }
    ServiceSettings s0;
    EXPECT_EQ(s.type, s0.type);
    EXPECT_EQ(s.start, s0.start);
    EXPECT_EQ(s.notify, s0.notify);
    EXPECT_EQ(s.start_timeout, s0.start_timeout);
    EXPECT_EQ(s.restart, s0.restart);
    EXPECT_EQ(s.restart_delay, s0.restart_delay);
    EXPECT_EQ(s.restart_delay_max, s0.restart_delay_max);
    EXPECT_EQ(s.restart_limit, s0.restart_limit);
    EXPECT_EQ(s.restart_limit_long, s0.restart_limit_long);
    EXPECT_EQ(s.stop_signal, s0.stop_signal);
    EXPECT_EQ(s.stop_timeout, s0.stop_timeout);
    EXPECT_EQ(s.watchdog, s0.watchdog);
    EXPECT_EQ(s.notify_access, s0.notify_access);
    EXPECT_EQ(s.extend_limit, s0.extend_limit);
    EXPECT_EQ(s.fd_store_max, s0.fd_store_max);
    EXPECT_EQ(s.fd_store_keep, s0.fd_store_keep);
    EXPECT_EQ(s.kill, s0.kill);
    EXPECT_EQ(s.sessions, s0.sessions);
    EXPECT_EQ(s.leave, s0.leave);
    EXPECT_EQ(s.strays, s0.strays);
    SystemSettings y0;
    EXPECT_EQ(y.shutdown_timeout, y0.shutdown_timeout);
    EXPECT_EQ(y.panic_reboot, y0.panic_reboot);
    EXPECT_EQ(y.plugins, y0.plugins);
    EXPECT_EQ(y.rescue_shell, y0.rescue_shell);
    EXPECT_EQ(y.log_size, y0.log_size);
    EXPECT_EQ(y.crash_limit, y0.crash_limit);
    EXPECT_EQ(y.watchdog.device, y0.watchdog.device);
    EXPECT_EQ(y.watchdog.timeout, y0.watchdog.timeout);
    EXPECT_EQ(y.watchdog.interval, y0.watchdog.interval);
    EXPECT_EQ(y.watchdog.priority, y0.watchdog.priority);
    EXPECT_EQ(y.watchdog.loop_limit, y0.watchdog.loop_limit);
    EXPECT_EQ(y.watchdog.on_missing_device, y0.watchdog.on_missing_device);
    EXPECT_EQ(y.watchdog.rescue, y0.watchdog.rescue);
    EXPECT_EQ(y.watchdog.rescue_limit, y0.watchdog.rescue_limit);
    EXPECT_EQ(y.watchdog.boot_limit, y0.watchdog.boot_limit);
}

TEST(Schema, RangesHoldAtTheirEnds) {
    for (const auto* spec : all_keys()) {
        if (spec->type != ValueType::duration) continue;
        SCOPED_TRACE(spec->key);
        auto parse = [&](std::int64_t ms) {
            return parse_value(*spec, fmt::format("{}ms", ms)).has_value();
        };
        EXPECT_TRUE(parse(spec->least));
        EXPECT_TRUE(parse(spec->most));
        EXPECT_FALSE(parse(spec->most + spec->step));
        if (spec->least > 1) { EXPECT_FALSE(parse(spec->least - 1)); }
        EXPECT_EQ(parse(0), !spec->zero.empty() || spec->least == 0);
        EXPECT_EQ(parse_value(*spec, "0").has_value(), parse(0));
        auto bad = parse_value(*spec, "10");
        ASSERT_FALSE(bad);
        EXPECT_NE(bad.error().text.find("has no unit"), std::string::npos) << bad.error().text;
        EXPECT_NE(bad.error().text.find(allowed(*spec)), std::string::npos) << bad.error().text;
    }
}

TEST(Schema, NoValueIsAFault) {
    for (const auto* spec : all_keys()) {
        SCOPED_TRACE(spec->key);
        bool empty_is_fine = spec->is_list() || spec->type == ValueType::text;
        EXPECT_EQ(parse_value(*spec, "").has_value(), empty_is_fine);
    }
}

TEST(Schema, EveryTroubleHasItsKey) {
    for (int kind = 0; kind < kTroubleKinds; ++kind) {
        auto key = fmt::format("on-{}", to_string(TroubleKind(kind)));
        EXPECT_NE(find_key("service", key), nullptr) << key;
        auto catalog = load_daemon("watchdog = 1s\n" + key + " = reboot\n");
        ASSERT_TRUE(catalog.services.contains(kName)) << all(catalog.complaints);
        for (int other = 0; other < kTroubleKinds; ++other)
            EXPECT_EQ((*catalog.services.at(kName).on_kind)[static_cast<std::size_t>(other)].has_value(),
                      other == kind);
    }
}
