// SPDX-License-Identifier: MIT
// The built plugin with its helper: scripts that hang, die and fail, one beside the other.
#include "support.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace leash;
using namespace leash::test;
namespace fs = std::filesystem;

namespace {

struct Monitors : Services {
    std::vector<std::pair<std::string, std::map<std::string, std::string, std::less<>>>> all;
    std::string told; // "+source kind policy; -source kind; "
    std::map<std::string, std::string> evidence;
    int answer = 0;

    std::vector<std::string> sections(const std::string&) override {
        std::vector<std::string> names;
        for (const auto& [label, ignored] : all)
            names.push_back(label);
        return names;
    }
    std::optional<std::string> config_in(const std::string&, std::string_view label,
                                         std::string_view key) override {
        for (const auto& [name, keys_of] : all)
            if (name == label)
                if (auto found = keys_of.find(key); found != keys_of.end()) return found->second;
        return std::nullopt;
    }
    int machine_trouble(std::string_view source, std::string_view kind, std::string_view policy,
                        std::string_view text) override {
        told += fmt::format("+{} {} {}; ", source, kind, policy);
        evidence[std::string(source)] = text;
        return answer;
    }
    int machine_trouble_over(std::string_view source, std::string_view kind) override {
        told += fmt::format("-{} {}; ", source, kind);
        return 0;
    }
};

class MonitorPlugin : public testing::Test {
  protected:
    MonitorPlugin() {
        fs::create_directories(root);
        signal(SIGPIPE, SIG_IGN);
    }
    ~MonitorPlugin() override {
        reap(true);
        fs::remove_all(root);
    }
    void put(const std::string& path, const std::string& text) {
        auto file = fs::path(root + path);
        fs::create_directories(file.parent_path());
        std::ofstream(file.string() + ".new") << text;
        fs::rename(file.string() + ".new", file);
    }
    void add(const std::string& name, std::map<std::string, std::string, std::less<>> keys) {
        keys.try_emplace("interval", "100ms");
        services.all.emplace_back(name, std::move(keys));
    }
    void load(const PluginState* before = nullptr) {
        services.keys["helper"] = MONITOR_HELPER;
        services.keys["root"] = root;
        host = std::make_unique<PluginHost>(loop, services, PLUGINS);
        auto loaded = host->load("monitor", before);
        ASSERT_TRUE(loaded) << loaded.error().text;
        if (before == nullptr) host->brought_up();
    }
    void reap(bool end) {
        if (!host) return;
        int status = 0;
        for (const auto& state : host->states())
            for (const auto& helper : state.helpers) {
                if (end) kill(helper.pid, SIGKILL);
                if (waitpid(helper.pid, &status, end ? 0 : WNOHANG) == helper.pid && !end)
                    host->child_exited(helper.pid, status);
            }
    }
    bool run(Ms limit, const std::function<bool()>& done) {
        bool came = false;
        Ms end = monotonic_now() + limit;
        Timer look(loop, [&] {
            reap(false);
            came = done();
            if (came || monotonic_now() >= end)
                loop.stop();
            else
                look.in(5ms);
        });
        look.in(1ms);
        loop.run();
        return came;
    }
    bool told(const std::string& text) {
        return run(8s, [&] { return services.told.find(text) != std::string::npos; });
    }
    std::string status() const { return host->status().at("monitor"); }
    pid_t helper() const {
        for (const auto& state : host->states())
            for (const auto& each : state.helpers)
                return each.pid;
        return 0;
    }

    std::string root =
        (fs::temp_directory_path() / fmt::format("leash-monitor-{}", getpid())).string();
    EventLoop loop;
    Monitors services;
    std::unique_ptr<PluginHost> host;
};

constexpr const char* kFull = "MemTotal: 100000 kB\nMemAvailable: 2000 kB\nSwapTotal: 0 kB\n";
constexpr const char* kWell = "MemTotal: 100000 kB\nMemAvailable: 80000 kB\nSwapTotal: 0 kB\n";

} // namespace

TEST_F(MonitorPlugin, LevelsBecomeTrouble) {
    put("/proc/meminfo", "MemTotal: 100000 kB\nMemAvailable: 9000 kB\nSwapTotal: 0 kB\n");
    add("ram", {{"type", "memory"}, {"on-critical", "reboot"}});
    load();
    EXPECT_TRUE(told("+monitor ram memory-warning report; "));
    put("/proc/meminfo", kFull);
    EXPECT_TRUE(told("+monitor ram memory reboot; "));
    EXPECT_NE(services.evidence["monitor ram"].find("98.0% of the memory is used"),
              std::string::npos);
    EXPECT_NE(status().find("ram critical: 98.0%"), std::string::npos) << status();
    put("/proc/meminfo", kWell);
    EXPECT_TRUE(told("-monitor ram memory; -monitor ram memory-warning; "));
    EXPECT_EQ(status(), "1 monitors, all well");

    auto answer = host->command("monitor", {{"status"}, 0, 1});
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->lines.size(), 1u);
    EXPECT_TRUE(
        answer->lines[0].starts_with(R"({"name":"ram","type":"memory","value":20,"warning":90,)"))
        << answer->lines[0];
    EXPECT_EQ(host->command("monitor", {{"stats"}, 0, 1})->status, 2);
}

TEST_F(MonitorPlugin, AReloadCountsAtOnce) {
    put("/proc/meminfo", kFull);
    add("ram", {{"type", "memory"}});
    add("other", {{"type", "memory"}, {"warning", "99.5"}, {"critical", "99.9"}});
    load();
    ASSERT_TRUE(told("+monitor ram memory "));
    pid_t first = helper();
    host->configured();
    EXPECT_EQ(helper(), first) << "nothing has changed";
    services.told.clear();

    services.all[1].second["warning"] = "50";
    host->configured();
    EXPECT_TRUE(run(5s, [&] { return helper() != first; }));
    EXPECT_TRUE(told("+monitor other memory-warning ")) << "judged by the new threshold";
    EXPECT_EQ(services.told.find("monitor ram"), std::string::npos) << services.told;

    services.told.clear();
    services.all[0].second["critical"] = "99";
    services.all[0].second["warning"] = "98.5";
    host->configured();
    EXPECT_TRUE(told("-monitor ram memory; "));

    services.told.clear();
    services.all.erase(services.all.begin() + 1);
    host->configured();
    EXPECT_NE(services.told.find("-monitor other memory-warning; "), std::string::npos) << services.told;
    services.all.clear();
    host->configured();
    EXPECT_EQ(status(), "0 monitors, all well");
    EXPECT_TRUE(run(5s, [&] { return helper() == 0; }));
    add("ram", {{"type", "memory"}});
    host->configured();
    EXPECT_TRUE(told("+monitor ram memory "));
}

// watchdogd's generic monitor: a script that hangs or is killed blocks the reset for ever.
TEST_F(MonitorPlugin, AScriptThatHangsOrDiesIsCriticalAndDisablesNothing) {
    auto child = root + "/child";
    add("hangs",
        {{"type", "script"},
         {"timeout", "300ms"},
         {"command", "/bin/sh -c 'trap \"\" TERM; sleep 60 & echo $! > " + child + "; wait'"}});
    add("dies", {{"type", "script"}, {"command", "/bin/sh -c 'kill -KILL $$'"}});
    add("absent", {{"type", "script"}, {"command", "/no/such/script"}});
    add("warns", {{"type", "script"}, {"command", "/bin/sh -c 'exit 1'"}});
    add("says", {{"type", "script"},
                 {"command", "/bin/sh -c 'test -e " + root + "/bad && exit 2; exit 0'"}});
    load();
    for (auto text : {"+monitor hangs script report", "+monitor dies script report",
                      "+monitor absent script report", "+monitor warns script-warning report"})
        EXPECT_TRUE(told(text)) << text << " not in " << services.told;
    EXPECT_NE(
        services.evidence["monitor hangs"].find("has not answered within 300 ms and was killed"),
        std::string::npos)
        << services.evidence["monitor hangs"];
    EXPECT_NE(services.evidence["monitor dies"].find("was killed by signal 9"), std::string::npos);
    EXPECT_EQ(services.told.find("monitor says"), std::string::npos) << services.told;

    // The others go on beside them, and what hung is asked again.
    put("/bad", "");
    EXPECT_TRUE(told("+monitor says script report"));
    fs::remove(root + "/bad");
    EXPECT_TRUE(told("-monitor says script"));
    pid_t first = 0, next = 0;
    EXPECT_TRUE(run(5s, [&] {
        std::ifstream(child) >> next;
        if (first == 0) first = next;
        return next != first && next != 0;
    })) << "the script that hung is started again";
    EXPECT_TRUE(run(3s, [&] { return kill(first, 0) != 0; })) << "and its child is gone with it";
}

// What a sensor on a stuck bus or a dead server of files looks like.
TEST_F(MonitorPlugin, ASampleThatHangsIsGivenUpBesideTheOthers) {
    auto fifo = root + "/fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0); // whoever opens it waits for a writer
    put("/proc/meminfo", kFull);
    add("stuck", {{"type", "temperature"}, {"path", "/fifo"}, {"timeout", "300ms"}});
    add("ram", {{"type", "memory"}});
    load();
    EXPECT_TRUE(told("+monitor ram memory report")) << services.told;
    EXPECT_TRUE(told("+monitor stuck temperature report")) << services.told;
    EXPECT_NE(services.evidence["monitor stuck"].find("has not answered within 300 ms"),
              std::string::npos);
    put("/proc/meminfo", kWell);
    EXPECT_TRUE(told("-monitor ram memory")) << services.told;
}

TEST_F(MonitorPlugin, AHelperThatDiesIsStartedAgain) {
    put("/proc/meminfo", kFull);
    add("ram", {{"type", "memory"}});
    load();
    EXPECT_TRUE(told("+monitor ram memory report; "));
    auto first = helper();
    kill(first, SIGKILL);
    EXPECT_TRUE(run(
        3s, [&] { return services.logged.find("was killed by signal 9") != std::string::npos; }));
    EXPECT_NE(status().find("does not run"), std::string::npos) << status();
    EXPECT_EQ(services.told.find("-monitor"), std::string::npos)
        << "it stands: nobody knows better";
    EXPECT_TRUE(run(5s, [&] { return helper() != 0 && helper() != first; }));
    put("/proc/meminfo", kWell);
    EXPECT_TRUE(told("-monitor ram memory; "));
}

TEST_F(MonitorPlugin, AReExecOfPid1GoesOnWithTheSameHelper) {
    put("/proc/meminfo", kFull);
    add("ram", {{"type", "memory"}});
    load();
    EXPECT_TRUE(told("+monitor ram memory report; "));
    auto before = host->states().front();
    auto pid = helper();
    // Another life: descriptor and helper are there still, the plugin is loaded anew.
    host.reset();
    services.told.clear();
    load(&before);
    EXPECT_EQ(helper(), pid);
    EXPECT_NE(status().find("ram critical"), std::string::npos) << status();
    put("/proc/meminfo", kWell);
    EXPECT_TRUE(told("-monitor ram memory; "));
    EXPECT_EQ(services.told, "-monitor ram memory; ") << "told before, so not again";

    // With other settings: another helper.
    before = host->states().front();
    host.reset();
    services.all.front().second["warning"] = "10";
    load(&before);
    EXPECT_TRUE(told("+monitor ram memory-warning report; "));
    EXPECT_NE(helper(), 0);
    EXPECT_TRUE(run(3s, [&] { return waitpid(pid, nullptr, WNOHANG) == pid || kill(pid, 0) != 0; }))
        << "the old one has ended";
}

TEST_F(MonitorPlugin, WhatCannotBeMeasuredIsNoLevel) {
    add("heat", {{"type", "temperature"}});
    add("broken", {{"type", "script"}});
    load();
    EXPECT_NE(services.logged.find("[monitor broken]: it has no command: it is left out"),
              std::string::npos)
        << services.logged;
    EXPECT_TRUE(run(5s, [&] {
        return services.logged.find("monitor heat: nothing could be measured") != std::string::npos;
    })) << services.logged;
    EXPECT_EQ(services.told, "");
    EXPECT_EQ(status(), "1 monitors, all well");
}

TEST_F(MonitorPlugin, ShutdownEndsTheHelper) {
    put("/proc/meminfo", kWell);
    add("ram", {{"type", "memory"}});
    load();
    auto pid = helper();
    ASSERT_GT(pid, 0);
    host->shutdown(LEASH_END_REBOOT);
    EXPECT_TRUE(run(3s, [&] { return helper() == 0; }));
    put("/proc/meminfo", kFull);
    EXPECT_FALSE(run(500ms, [&] { return !services.told.empty(); }));
}
