// SPDX-License-Identifier: MIT
#include "base/unique_fd.h"
#include "support.h"

#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace leash {
namespace {

using test::SmallInit;

TEST(Host, tells_events_in_order_and_never_nested) {
    SmallInit init(TOYS);
    init.services.keys["greeting"] = "hello";
    ASSERT_TRUE(init.host.load("toy"));
    // What PID 1 does on trouble comes back as an event while the plugin is still in its call.
    init.services.on_trouble = [&](StartId start) {
        init.host.service_state("web", start, State::stopping, 10s, WatchdogSource::heartbeat, 0);
        return 0;
    };
    init.host.service_state("web", 7, State::running, 10s, WatchdogSource::heartbeat, 42);
    EXPECT_EQ(init.status("story"), "hello 1:web:7:3:0 1:web:7:5:0");
    ASSERT_EQ(init.services.troubles.size(), 1u);
    EXPECT_EQ(init.services.troubles[0].evidence, "the toy says so");
}

TEST(Host, timers_fire_and_state_is_kept) {
    SmallInit init(TOYS);
    ASSERT_TRUE(init.host.load("toy"));
    init.host.heartbeat("web", 1);
    ASSERT_TRUE(init.run(5s, [&] { return init.services.saved > 0; }));
    EXPECT_EQ(init.status("story"), "no-greeting 2:web:1:0:0 3::5:0:0");
    auto states = init.host.states();
    ASSERT_EQ(states.size(), 1u);
    EXPECT_EQ(states[0].bytes.size(), 3u);

    SmallInit next(TOYS);
    ASSERT_TRUE(next.host.load("toy", &states[0]));
    EXPECT_EQ(next.status("story"), "no-greeting saved:abc");
}

TEST(Host, ends_are_asked_and_handed_over) {
    SmallInit init(TOYS);
    EXPECT_FALSE(init.host.delegate(LEASH_END_WDT_RESET)) << "no plugin can";
    ASSERT_TRUE(init.host.load("toy"));
    EXPECT_TRUE(init.host.may_end(LEASH_END_REBOOT));
    auto halt = init.host.may_end(LEASH_END_HALT);
    ASSERT_FALSE(halt);
    EXPECT_EQ(halt.error().text, "the toy does not halt");
    EXPECT_TRUE(init.host.release(LEASH_END_POWEROFF));
    EXPECT_FALSE(init.host.release(LEASH_END_HALT));
    auto wait = init.host.delegate(LEASH_END_WDT_RESET);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, Ms{1234});
}

TEST(Host, a_plugin_that_does_not_start_is_left_out) {
    SmallInit init(TOYS);
    auto loaded = init.host.load("refuses");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().text, "plugin refuses: does not start: Permission denied");
    EXPECT_TRUE(init.host.names().empty());
    ASSERT_TRUE(init.host.load("toy"));
    EXPECT_FALSE(init.host.load("toy")) << "loaded already";
}

// A plugin that is linked into this test, and leaves its host where the tests can call it.
const leash_host* g_host = nullptr;
std::vector<std::uint64_t> g_readable;
std::vector<std::pair<std::int32_t, std::int32_t>> g_exits;

const leash_plugin* linked_entry() {
    static const leash_plugin plugin = {
        .size = sizeof plugin,
        .abi = LEASH_PLUGIN_ABI,
        .name = "linked",
        .description = "",
        .start =
            [](const leash_host* host, const void*, size_t) {
                g_host = host;
                return 0;
            },
        .event =
            [](const leash_event* event) {
                if (event->type == LEASH_EVENT_READABLE) g_readable.push_back(event->cookie);
                if (event->type == LEASH_EVENT_HELPER_EXIT)
                    g_exits.emplace_back(event->main_pid, event->status);
            },
        .delegate = nullptr,
        .release = nullptr,
        .may_end = nullptr,
        .command =
            [](const leash_command* command) {
                if (command->uid != 0) return 6;
                for (std::uint32_t i = 0; i < command->argc; ++i)
                    command->line(command, command->argv[i]);
                command->message(command, "that was all");
                return 0;
            },
        .timers =
            [](std::uint64_t start, leash_timer* timers, std::size_t most) {
                if (start != 7 || most < 2) return 0;
                timers[0] = {"main", 5000, 4000};
                std::memset(timers[1].name, 'x', sizeof timers[1].name); // no end
                return 2;
            },
        .may_reboot = nullptr,
    };
    return &plugin;
}

struct LinkedHost : testing::Test {
    LinkedHost() : init(TOYS) {
        g_readable.clear();
        g_exits.clear();
        EXPECT_TRUE(init.host.start("linked", linked_entry));
    }
    SmallInit init;
};

TEST_F(LinkedHost, watches_descriptors) {
    UniqueFd fd(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
    EXPECT_EQ(g_host->watch_fd(fd.get(), 9), 0);
    EXPECT_EQ(g_host->watch_fd(fd.get(), 9), -EEXIST);
    EXPECT_EQ(g_host->watch_fd(9999, 9), -EBADF);
    ASSERT_TRUE(init.run(5s, [] { return !g_readable.empty(); }));
    EXPECT_EQ(g_readable[0], 9u);
    EXPECT_EQ(g_host->unwatch_fd(fd.get()), 0);
    EXPECT_EQ(g_host->unwatch_fd(fd.get()), -ENOENT);
    g_readable.clear();
    init.run(50ms);
    EXPECT_TRUE(g_readable.empty());
}

TEST_F(LinkedHost, limits_what_is_kept) {
    char much[LEASH_PLUGIN_STATE + 1] = {};
    EXPECT_EQ(g_host->save_state(much, sizeof much), -E2BIG);
    EXPECT_EQ(g_host->save_state(much, LEASH_PLUGIN_STATE), 0);
    EXPECT_EQ(g_host->save_fd("a name that is too long", 0), -EINVAL);
    EXPECT_EQ(g_host->save_fd("closed", 9999), -EBADF);
    EXPECT_EQ(g_host->save_fd("null", 0), 0);
    EXPECT_EQ(g_host->saved_fd("null"), 0);
    EXPECT_EQ(g_host->save_fd("null", -1), 0);
    EXPECT_EQ(g_host->saved_fd("null"), -1);
    EXPECT_EQ(g_host->config("nothing"), nullptr);
}

TEST_F(LinkedHost, answers_commands_of_clients) {
    auto answer = init.host.command("linked", {{"one", "two"}, 0, 42});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 0);
    EXPECT_EQ(answer->lines, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(answer->message, "that was all");
    EXPECT_EQ(init.host.command("linked", {{"one"}, 1000, 42})->status, 6);
    EXPECT_FALSE(init.host.command("nobody", {}));
    ASSERT_TRUE(init.host.load("toy"));
    EXPECT_FALSE(init.host.command("toy", {})) << "it takes none";
}

TEST_F(LinkedHost, tells_the_timers_of_a_start) {
    auto timers = init.host.timers(7);
    ASSERT_EQ(timers.size(), 2u);
    EXPECT_STREQ(timers[0].name, "main");
    EXPECT_EQ(timers[0].left_ms, 4000);
    EXPECT_EQ(std::string(timers[1].name), std::string(15, 'x')) << "it ends where its room ends";
    EXPECT_TRUE(init.host.timers(8).empty());
}

TEST_F(LinkedHost, what_init_cannot_do_is_an_error) {
    EXPECT_EQ(g_host->run_probe(7), -ENOSYS);
    EXPECT_EQ(g_host->kill_probe(7), -ENOSYS);
    EXPECT_EQ(g_host->section(0), nullptr);
    EXPECT_EQ(g_host->config_in("label", "key"), nullptr);
    EXPECT_EQ(g_host->whose(1, nullptr, 0, nullptr), -ESRCH);
    EXPECT_EQ(g_host->hold(7), -EINVAL);
    EXPECT_EQ(g_host->hold(LEASH_HOLD_BOOT), -ENOSYS);
    EXPECT_EQ(g_host->end_machine(99, "", ""), -EINVAL);
}

TEST_F(LinkedHost, a_helper_has_its_descriptors_and_nothing_else) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    UniqueFd leak(dup(to.get())); // no CLOEXEC: must not arrive
    // The order is turned round, so that places and sources overlap.
    const std::int32_t fds[] = {from.get(), to.get(), 0};
    const char* const argv[] = {"sh", "-c",
                                "echo $(ls /proc/self/fd | sort -n | tr '\\n' ' ') "
                                "$(readlink /proc/self/fd/0) $LEASH_TEST_ENV $(cd -P . && pwd) >&4",
                                nullptr};
    setenv("LEASH_TEST_ENV", "leaked", 1);
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.path = "/bin/sh";
    helper.exec_fd = -1;
    helper.argv = argv;
    helper.fds = fds;
    helper.fd_count = 3;
    helper.cookie = 77;
    int pid = g_host->spawn_helper(&helper);
    ASSERT_GT(pid, 0);
    ASSERT_EQ(init.host.states()[0].helpers.size(), 1u);
    ASSERT_TRUE(init.run(10s, [] { return !g_exits.empty(); }));
    EXPECT_EQ(g_exits[0], std::pair(pid, 0));
    EXPECT_TRUE(init.host.states()[0].helpers.empty());
    char text[200] = {};
    ASSERT_GT(read(from.get(), text, sizeof text - 1), 0);
    // 6 is ls's own folder.
    EXPECT_STREQ(text, "0 1 2 3 4 5 6 /dev/null /\n");
}

TEST_F(LinkedHost, a_helper_that_cannot_be_executed_ends_with_127) {
    const char* const argv[] = {"none", nullptr};
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.path = "/nowhere/none";
    helper.exec_fd = -1;
    helper.argv = argv;
    ASSERT_GT(g_host->spawn_helper(&helper), 0);
    ASSERT_TRUE(init.run(10s, [] { return !g_exits.empty(); }));
    EXPECT_EQ(WEXITSTATUS(g_exits[0].second), 127);
    helper.flags = 1;
    EXPECT_EQ(g_host->spawn_helper(&helper), -EINVAL);
    EXPECT_FALSE(init.host.child_exited(getpid(), 0)) << "no helper";
}

TEST_F(LinkedHost, another_plugin_has_a_host_of_its_own) {
    ASSERT_TRUE(init.host.load("toy"));
    g_host->set_status("mine", "text");
    EXPECT_EQ(init.status("mine"), "text");
    EXPECT_EQ(init.status("story"), "no-greeting");
    g_host->set_status("mine", "");
    EXPECT_EQ(init.host.status().count("mine"), 0u);
}

} // namespace
} // namespace leash
