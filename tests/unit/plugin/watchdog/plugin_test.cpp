// SPDX-License-Identifier: MIT
// watchdog.so as PID 1 has it, with a FIFO for the WDT.
#include "support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash {
namespace {

using test::SmallInit;

struct PluginTest : testing::Test {
    PluginTest() : init(std::make_unique<SmallInit>(PLUGINS)) {
        char folder[] = "/tmp/leash-watchdog-XXXXXX";
        folder_ = mkdtemp(folder);
        path = folder_ + "/wdt";
        EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
        reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        init->services.keys = {
            {"device", path}, {"timeout", "4s"}, {"interval", "100ms"}, {"loop-limit", "3s"}};
    }
    ~PluginTest() override {
        init.reset();
        close(reader);
        unlink(path.c_str());
        rmdir(folder_.c_str());
    }
    std::string kicks() {
        char bytes[4096];
        ssize_t got = read(reader, bytes, sizeof bytes);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
    }
    void load() {
        ASSERT_TRUE(init->host.load("watchdog"));
        // First thing, and when the kicker is started, which may be quick.
        auto first = kicks();
        EXPECT_GE(first.size(), 2u);
        EXPECT_EQ(first, std::string(first.size(), '\0'));
    }
    bool logged(const std::string& text) {
        return init->services.logged.find(text) != std::string::npos;
    }
    PluginAnswer ask(std::vector<std::string> words, uid_t uid = 0) {
        auto answer = init->host.command("watchdog", {std::move(words), uid, 1});
        EXPECT_TRUE(answer);
        return answer ? *answer : PluginAnswer{};
    }
    static bool has(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }
    pid_t kicker() {
        auto states = init->host.states();
        return states.empty() || states[0].helpers.empty() ? 0 : states[0].helpers[0].pid;
    }
    bool kicker_runs() {
        return init->run(10s, [&] { return logged("the kicker runs"); });
    }

    std::string folder_;
    std::string path;
    int reader = -1;
    std::unique_ptr<SmallInit> init;
};

TEST_F(PluginTest, kicks_and_says_so) {
    load();
    ASSERT_TRUE(kicker_runs());
    kicks();
    init->run(1500ms);
    auto bytes = kicks();
    EXPECT_GE(bytes.size(), 5u);
    EXPECT_EQ(bytes.find_first_not_of('\0'), std::string::npos);
    auto status = init->status("watchdog");
    EXPECT_NE(status.find(path + " (no hardware), timeout 4 s, kick every 100 ms, "),
              std::string::npos)
        << status;
    EXPECT_NE(status.find("last kick "), std::string::npos) << status;
}

TEST_F(PluginTest, a_dead_kicker_is_replaced_and_pid1_kicks_meanwhile) {
    load();
    ASSERT_TRUE(kicker_runs());
    pid_t first = kicker();
    kill(first, SIGKILL);
    ASSERT_TRUE(init->run(10s, [&] { return kicker() != first && kicker() != 0; }));
    EXPECT_TRUE(logged("3 the kicker has died (killed by signal 9)"));
    kicks();
    EXPECT_TRUE(init->run(10s, [&] { return !kicks().empty(); }));
}

TEST_F(PluginTest, a_kicker_that_dies_again_and_again_gets_a_pause) {
    load();
    for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(init->run(10s, [&] { return kicker() != 0; })) << i;
        kill(kicker(), SIGKILL);
        pid_t killed = kicker();
        ASSERT_TRUE(init->run(10s, [&] { return kicker() != killed; })) << i;
    }
    EXPECT_EQ(kicker(), 0) << "not at once this time";
    EXPECT_TRUE(logged("again and again")) << init->services.logged;
    kicks();
    EXPECT_TRUE(init->run(900ms, [&] { return !kicks().empty(); })) << "PID 1 kicks by itself";
    EXPECT_TRUE(init->run(10s, [&] { return kicker() != 0; })) << "and tries again";
}

TEST_F(PluginTest, a_kicker_that_stands_still_is_replaced) {
    load();
    ASSERT_TRUE(kicker_runs());
    pid_t first = kicker();
    kill(first, SIGSTOP);
    ASSERT_TRUE(init->run(20s, [&] { return kicker() != first && kicker() != 0; }));
    EXPECT_TRUE(logged("has stood still for"));
}

TEST_F(PluginTest, a_frozen_loop_is_not_fed) {
    load();
    ASSERT_TRUE(kicker_runs());
    usleep(3'600'000); // PID 1 hangs in a system call, say
    kicks();
    usleep(500'000);
    EXPECT_EQ(kicks(), "");
    init->run(2s, [&] { return logged("is kicked again"); });
    EXPECT_TRUE(logged("is kicked again")) << init->services.logged;
    EXPECT_TRUE(logged("PID 1's loop stood still for 4."));
}

TEST_F(PluginTest, a_stall_makes_nobody_late) {
    load();
    init->host.service_state("web", 7, State::running, 3s, WatchdogSource::heartbeat, 0);
    init->run(100ms);
    usleep(3'500'000);
    init->run(500ms);
    EXPECT_TRUE(init->services.troubles.empty());
    EXPECT_TRUE(init->run(10s, [&] { return !init->services.troubles.empty(); }));
}

TEST_F(PluginTest, a_missed_heartbeat_is_trouble) {
    load();
    init->host.service_state("web", 7, State::starting, 300ms, WatchdogSource::heartbeat, 0);
    init->host.service_state("web", 7, State::running, 300ms, WatchdogSource::heartbeat, 0);
    ASSERT_TRUE(init->run(10s, [&] { return !init->services.troubles.empty(); }));
    EXPECT_EQ(init->services.troubles[0].start, 7u);
    EXPECT_EQ(init->services.troubles[0].kind, "missed-heartbeat");
    EXPECT_EQ(init->services.troubles[0].evidence.find("no heartbeat for 0."), 0u)
        << init->services.troubles[0].evidence;
    init->host.heartbeat("web", 7);
    EXPECT_EQ(init->services.over, std::vector<StartId>{7});
    init->host.service_state("web", 7, State::stopping, 300ms, WatchdogSource::heartbeat, 0);
    init->run(600ms);
    EXPECT_EQ(init->services.troubles.size(), 1u);
    init->host.heartbeat_trigger("web", 8);
    EXPECT_EQ(init->services.troubles.size(), 2u);
}

TEST_F(PluginTest, a_heartbeat_that_was_on_its_way_counts) {
    load();
    init->services.on_trouble = [&](StartId start) {
        init->host.heartbeat("web", start); // PID 1 drains the socket first
        return -EAGAIN;
    };
    init->host.service_state("web", 7, State::running, 200ms, WatchdogSource::heartbeat, 0);
    ASSERT_TRUE(init->run(10s, [&] { return init->services.troubles.size() == 3; }));
    EXPECT_TRUE(init->services.over.empty());
}

TEST_F(PluginTest, stopped_tasks_are_trouble) {
    load();
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    init->host.service_state("web", 7, State::running, 300ms, WatchdogSource::tasks, child);
    init->run(700ms);
    EXPECT_TRUE(init->services.troubles.empty()) << "it sleeps, and is well";
    kill(child, SIGSTOP);
    EXPECT_TRUE(init->run(10s, [&] { return !init->services.troubles.empty(); }));
    kill(child, SIGCONT);
    EXPECT_TRUE(init->run(10s, [&] { return !init->services.over.empty(); }));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

TEST_F(PluginTest, rescue_may_starve) {
    init->services.keys["rescue"] = "starve";
    load();
    ASSERT_TRUE(kicker_runs());
    init->host.target_settled("rescue", 0);
    ASSERT_TRUE(init->run(10s, [&] { return logged("not kicked any more"); }));
    EXPECT_NE(init->status("watchdog").find("NOT KICKED"), std::string::npos);
    init->host.target_settled("default", 0);
    EXPECT_TRUE(init->run(10s, [&] { return logged("is kicked again"); }));
}

TEST_F(PluginTest, a_boot_that_hangs_is_fed_for_its_limit_only) {
    init->services.keys["boot-limit"] = "500ms";
    load();
    ASSERT_TRUE(init->run(10s, [&] { return logged("the time for which it is fed is over"); }));
    kicks();
    init->run(500ms);
    EXPECT_EQ(kicks(), "");
}

TEST_F(PluginTest, delegate_ends_the_kicks_without_a_V) {
    load();
    ASSERT_TRUE(kicker_runs());
    auto wait = init->host.delegate(LEASH_END_WDT_RESET);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, 12s) << "three times the timeout";
    ASSERT_TRUE(init->run(10s, [&] { return logged("kicked no more"); }));
    auto before = kicks();
    EXPECT_EQ(before.find_first_not_of('\0'), std::string::npos);
    kill(kicker(), SIGKILL); // neither comes another one
    init->run(1s);
    EXPECT_EQ(kicks(), "");
    EXPECT_EQ(kicker(), 0);
}

TEST_F(PluginTest, a_timer_that_cannot_be_stopped_hinders_a_halt_only) {
    load();
    ASSERT_TRUE(kicker_runs());
    EXPECT_TRUE(init->host.may_end(LEASH_END_REBOOT));
    EXPECT_TRUE(init->host.may_end(LEASH_END_POWEROFF));
    auto halt = init->host.may_end(LEASH_END_HALT);
    ASSERT_FALSE(halt);
    EXPECT_NE(halt.error().text.find("cannot stop it"), std::string::npos);
    init->host.shutdown(LEASH_END_HALT);
    EXPECT_FALSE(init->host.release(LEASH_END_HALT));
    kicks();
    EXPECT_TRUE(init->run(10s, [&] { return !kicks().empty(); })) << "it goes on";
}

TEST_F(PluginTest, a_device_that_comes_late_is_opened) {
    init->services.keys["device"] = folder_ + "/late";
    ASSERT_TRUE(init->host.load("watchdog"));
    EXPECT_TRUE(logged("4 " + folder_ + "/late: there is no such device"));
    EXPECT_NE(init->status("watchdog").find("NO WDT"), std::string::npos);
    EXPECT_FALSE(init->host.delegate(LEASH_END_WDT_RESET));
    EXPECT_TRUE(init->host.may_end(LEASH_END_HALT));
    ASSERT_EQ(link(path.c_str(), (folder_ + "/late").c_str()), 0);
    EXPECT_TRUE(init->run(10s, [&] { return !kicks().empty(); }));
    EXPECT_TRUE(kicker_runs());
    unlink((folder_ + "/late").c_str());
}

TEST_F(PluginTest, a_new_life_of_pid1_takes_over) {
    load();
    ASSERT_TRUE(kicker_runs());
    init->host.target_settled("default", 0);
    pid_t before = kicker();
    auto states = init->host.states();
    ASSERT_EQ(states.size(), 1u);
    EXPECT_EQ(states[0].fds.size(), 4u); // with the table of deadlines
    // The same descriptors, the same child, and nothing else: as after an exec.
    PluginState kept = states[0];
    for (auto& [name, fd] : kept.fds)
        fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    kicks();
    std::string seen;
    EXPECT_TRUE(next.run(10s, [&] { return (seen += kicks()).size() > 3; }));
    ASSERT_EQ(next.host.states()[0].helpers.size(), 1u);
    EXPECT_EQ(next.host.states()[0].helpers[0].pid, before);
    EXPECT_EQ(waitpid(before, nullptr, WNOHANG), 0) << "it has not been replaced";
    next.run(1200ms);
    EXPECT_EQ(next.status("watchdog").find("by PID 1"), std::string::npos)
        << next.status("watchdog");
}

TEST_F(PluginTest, two_devices_have_a_kicker_each) {
    auto second = folder_ + "/wdt1";
    ASSERT_EQ(mkfifo(second.c_str(), 0600), 0);
    int other = ::open(second.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    init->services.labels = {second, "watchdog2", path};
    init->services.labelled = {{second + " timeout", "9s"}, {second + " interval", "150ms"}};
    load();
    EXPECT_TRUE(logged("3 init.conf: [watchdog watchdog2]: write the path"));
    EXPECT_TRUE(logged("3 init.conf: [watchdog " + path + "]: [watchdog] itself is about that"));
    ASSERT_TRUE(kicker_runs());
    ASSERT_TRUE(init->run(10s, [&] { return logged("the kicker of " + second + " runs"); }));
    auto helpers = init->host.states()[0].helpers;
    ASSERT_EQ(helpers.size(), 2u);
    // One that hangs is no harm to the other.
    kill(helpers[0].pid, SIGSTOP);
    char bytes[256];
    while (read(other, bytes, sizeof bytes) > 0) {}
    int more = 0;
    EXPECT_TRUE(init->run(2s, [&] { return (more += read(other, bytes, sizeof bytes) > 0) > 3; }));
    kill(helpers[0].pid, SIGCONT);

    auto status = ask({"status"}, 1000);
    EXPECT_EQ(status.status, 0);
    ASSERT_EQ(status.lines.size(), 2u);
    EXPECT_TRUE(has(status.lines[0], "{\"device\":\"" + path + "\",\"identity\":\"no hardware\"," +
                                         "\"state\":\"kicking\",\"enabled\":true," +
                                         "\"phase\":\"boot\",\"verdict\":\"feed\"," +
                                         "\"timeout_s\":4,\"interval_ms\":100,"))
        << status.lines[0];
    EXPECT_TRUE(has(status.lines[1], "\"timeout_s\":9,\"interval_ms\":150,")) << status.lines[1];
    auto late = ask({"lateness"}, 1000);
    ASSERT_EQ(late.lines.size(), 2u);
    EXPECT_FALSE(has(late.lines[0], "\"kicks\":0,")) << late.lines[0];
    EXPECT_NE(init->status("watchdog 2").find("timeout 9 s, kick every 150 ms"),
              std::string::npos);

    // Both come through a re-exec of PID 1, each with its own.
    PluginState kept = init->host.states()[0];
    EXPECT_EQ(kept.fds.size(), 7u);
    for (auto& [name, fd] : kept.fds)
        fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    next.services.labels = {second};
    next.services.labelled = init->services.labelled;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    next.run(500ms);
    auto after = next.host.states()[0].helpers;
    ASSERT_EQ(after.size(), 2u);
    EXPECT_EQ(after[0].pid, helpers[0].pid);
    EXPECT_EQ(after[1].pid, helpers[1].pid);
    EXPECT_NE(next.status("watchdog 2").find("timeout 9 s, kick every 150 ms"),
              std::string::npos);
    close(other);
    unlink(second.c_str());
}

TEST_F(PluginTest, a_device_named_twice_is_used_once) {
    auto alias = folder_ + "/alias";
    ASSERT_EQ(symlink(path.c_str(), alias.c_str()), 0);
    init->services.labels = {alias};
    load();
    EXPECT_TRUE(logged("3 " + alias + ": the same device as that of another section"));
    EXPECT_TRUE(has(ask({"status"}).lines.at(1), "\"state\":\"twice\""));
    EXPECT_EQ(init->host.states()[0].helpers.size(), 1u);
    unlink(alias.c_str());
}

TEST_F(PluginTest, commands_say_who_may_do_what) {
    load();
    EXPECT_EQ(ask({"disable"}, 1000).status, 6);
    EXPECT_EQ(ask({"loglevel", "debug"}, 1000).status, 6);
    EXPECT_EQ(ask({"lateness", "reset"}, 1000).status, 6);
    EXPECT_EQ(ask({"dance"}).status, 2);
    EXPECT_EQ(ask({"loglevel", "loud"}).status, 2);
    EXPECT_EQ(ask({"loglevel", "error"}).status, 0);
    init->services.logged.clear();
    init->run(2s, [&] { return logged("the kicker runs"); });
    EXPECT_FALSE(logged("the kicker runs")) << "that is no error";
}

TEST_F(PluginTest, disable_is_refused_where_the_timer_cannot_be_stopped) {
    load();
    ASSERT_TRUE(kicker_runs());
    auto answer = ask({"disable"});
    EXPECT_EQ(answer.status, 1);
    EXPECT_TRUE(has(answer.message, "cannot stop it; it is kicked as before")) << answer.message;
    EXPECT_TRUE(has(ask({"status"}).lines.at(0), "\"enabled\":true"));
    kicks();
    EXPECT_TRUE(init->run(2s, [&] { return !kicks().empty(); }));
}

TEST_F(PluginTest, switched_off_nobody_is_watched_and_then_with_full_time_again) {
    init->services.keys["device"] = "none";
    ASSERT_TRUE(init->host.load("watchdog"));
    init->host.service_state("web", 7, State::running, 600ms, WatchdogSource::heartbeat, 0);
    init->run(300ms);
    EXPECT_EQ(ask({"disable"}).status, 0);
    init->run(1s);
    EXPECT_TRUE(init->services.troubles.empty());
    Ms before = monotonic_now();
    EXPECT_EQ(ask({"enable"}).status, 0);
    ASSERT_TRUE(init->run(10s, [&] { return !init->services.troubles.empty(); }));
    EXPECT_GE(monotonic_now() - before, 600ms);
}

TEST_F(PluginTest, a_reload_applies_what_has_changed) {
    load();
    ASSERT_TRUE(kicker_runs());
    pid_t same = kicker();
    init->services.keys["timeout"] = "8s";
    init->services.keys["interval"] = "120ms";
    init->host.configured();
    EXPECT_TRUE(has(ask({"status"}).lines.at(0), "\"timeout_s\":8,\"interval_ms\":120,"));
    EXPECT_TRUE(logged("its section of init.conf has changed"));
    init->services.logged.clear();
    init->host.configured();
    EXPECT_FALSE(logged("has changed"));
    EXPECT_EQ(kicker(), same);
    init->services.keys["interval"] = "9s"; // init would not hand that over
    init->host.configured();
    EXPECT_TRUE(logged("3 " + path + ": interval 9 s would let a timer of 8 s fire: kicking every 4 s"))
        << init->services.logged;
    init->services.keys["interval"] = "5s";
    init->host.configured();
    EXPECT_TRUE(logged("4 " + path + ": interval 5 s is more than half of its 8 s"));
    init->services.keys["device"] = "/dev/watchdog7";
    init->services.keys["interval"] = "100ms";
    init->host.configured();
    EXPECT_TRUE(logged("device = /dev/watchdog7 counts from the next boot on"));
    init->services.keys["priority"] = "fifo:10";
    init->host.configured();
    EXPECT_TRUE(init->run(10s, [&] { return kicker() != same && kicker() != 0; }));
    EXPECT_FALSE(logged("has died")) << "its end was wanted";
}

// With its recorder, whose files lie in a folder of its own.
struct CausesPluginTest : PluginTest {
    CausesPluginTest() {
        init->services.keys["reset-cause-file"] = folder_ + "/causes/reset-cause";
        init->services.keys["reboot-limit"] = "5/1h";
    }
    ~CausesPluginTest() override {
        init.reset();
        std::filesystem::remove_all(folder_ + "/causes");
    }
    // Its arguments, "": it does not run.
    std::string recorder() {
        auto states = init->host.states();
        for (const auto& helper : states.at(0).helpers) {
            std::ifstream file(fmt::format("/proc/{}/cmdline", helper.pid));
            std::string words{std::istreambuf_iterator<char>(file), {}};
            if (words.starts_with("leash-recorder")) return words;
        }
        return "";
    }
};

TEST_F(CausesPluginTest, a_reset_with_a_delay_survives_a_new_life_of_pid1) {
    load();
    ASSERT_EQ(ask({"reset", "1500", "new", "firmware"}).status, 0);
    auto kept = init->host.states()[0];
    for (auto& [name, fd] : kept.fds) fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    EXPECT_FALSE(next.run(200ms, [&] { return !next.services.ends.empty(); }));
    ASSERT_TRUE(next.run(10s, [&] { return !next.services.ends.empty(); }));
    EXPECT_EQ(next.services.ends[0], "3|forced|new firmware");
    EXPECT_FALSE(next.run(300ms, [&] { return next.services.ends.size() > 1; }));
}

TEST_F(CausesPluginTest, a_reload_reaches_the_budget_and_the_recorder) {
    load();
    init->host.brought_up();
    auto limit = [&](const char* text) {
        auto answer = ask({"counter"});
        return answer.status == 0 && has(answer.lines.at(0), text);
    };
    ASSERT_TRUE(init->run(10s, [&] { return limit("\"limit\":5"); })) << init->services.logged;
    init->services.keys["reboot-limit"] = "2/1h";
    init->host.configured();
    EXPECT_TRUE(limit("\"limit\":2"));
    init->services.keys["reset-cause-file"] = "none";
    init->host.configured();
    EXPECT_TRUE(logged("reset-cause-file = none counts from the next boot on"));
    EXPECT_TRUE(limit("\"limit\":2"));

    EXPECT_EQ(recorder(), std::string("leash-recorder\0001\0", 17));
    auto second = folder_ + "/causes/second";
    ASSERT_EQ(mkfifo(second.c_str(), 0600), 0);
    int other = ::open(second.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    init->services.labels = {second};
    init->host.configured();
    EXPECT_TRUE(init->run(10s, [&] { return recorder() == std::string("leash-recorder\0002\0", 17); }))
        << "it looks at the page of the new device, too";
    EXPECT_TRUE(init->run(10s, [&] { return limit("\"limit\":2"); }));
    close(other);
}

} // namespace
} // namespace leash
