// SPDX-License-Identifier: MIT
// Answers to trouble of the machine, and the commands of steps `exec`, with real processes.
#include "init/machine_answers.h"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

using namespace leash;

namespace {

struct Bench {
    EventLoop loop;
    std::unique_ptr<Recovery> recovery = Recovery::fresh();
    std::string done, logged;
    bool going_down = false;
    bool refuses = false;
    MachineAnswers answers = make(*recovery);

    Bench() {
        log::set_sink([this](log::Level level, std::string_view text) {
            logged += fmt::format("{} {}\n", static_cast<int>(level), text);
        });
    }
    ~Bench() { log::set_sink([](log::Level, std::string_view) {}); }

    MachineAnswers make(Recovery& page) {
        return {loop, page,
                MachineHooks{[this](const Hook& hook) { done += "exec " + hook.command[0] + "; "; },
                             [this](const std::string& target, const std::string&) {
                                 done += target + "; ";
                             },
                             [this](StepKind end, const std::string& kind, const std::string& why) {
                                 done += fmt::format("{} {} ({}); ", to_string(end), kind, why);
                                 return !refuses;
                             },
                             [this] { return going_down; }},
                Ms{1'000}};
    }
    void run(Ms time) {
        Timer end(loop, [this] { loop.stop(); });
        end.in(time);
        loop.run();
    }
};

} // namespace

// Who told it takes it for told, and does not say it again.
TEST(MachineAnswers, WhatMayNotBeStandsAndWaitsForItsTime) {
    Bench b;
    b.refuses = true;
    EXPECT_EQ(b.answers.seen("monitor m", "memory", "reboot", "97%"), 0);
    EXPECT_EQ(b.answers.standing(), 1u);
    EXPECT_EQ(b.answers.seen("monitor m", "memory", "reboot", "98%"), 0);
    EXPECT_EQ(b.done, "reboot memory (monitor m: 97%); ");
    auto page = b.recovery->machine_troubles();
    ASSERT_EQ(page.size(), 1u);
    EXPECT_EQ(page.begin()->second.pending, 1u) << "in the next life, too";
    EXPECT_EQ(b.answers.over("monitor m", "memory"), 0);
    EXPECT_EQ(b.recovery->machine_troubles().begin()->second.pending, 0u);
}

TEST(MachineAnswers, DoWhatTheStepsSay) {
    Bench b;
    EXPECT_EQ(b.answers.seen("monitor m", "memory", "report", "97%"), 0);
    EXPECT_EQ(b.done, "");
    EXPECT_EQ(b.logged, "4 monitor m: trouble: memory: 97%; answer: report\n");
    EXPECT_EQ(b.answers.seen("monitor m", "load", "exec:/bin/x, safe", "12"), 0);
    EXPECT_EQ(b.answers.seen("monitor m", "files", "poweroff", "99%"), 0);
    EXPECT_EQ(b.done, "exec /bin/x; safe; poweroff files (monitor m: 99%); ");
    EXPECT_EQ(b.answers.standing(), 3u);
    EXPECT_EQ(b.answers.over("monitor m", "load"), 0);
    EXPECT_EQ(b.answers.over("monitor m", "load"), -ENOENT);

    b.logged.clear();
    EXPECT_EQ(b.answers.seen("monitor m", "load", "restart", "12"), -EINVAL);
    EXPECT_NE(b.logged.find("'restart' needs a service"), std::string::npos) << b.logged;
    b.going_down = true;
    b.done.clear();
    EXPECT_EQ(b.answers.seen("monitor m", "load", "reboot", "12"), 0);
    EXPECT_EQ(b.done, "") << "it goes down already";
}

TEST(MachineAnswers, AllOfAKindAreOverAtOnceInAnotherLifeToo) {
    Bench b;
    b.answers.seen("client a", "client-deadline", "report", "late");
    b.answers.seen("client b", "client-deadline", "reboot after 1m", "late");
    b.answers.seen("monitor m", "memory", "report", "97%");
    auto page = Recovery::adopt(UniqueFd(dup(b.recovery->fd())));
    ASSERT_TRUE(page);
    auto next_life = b.make(**page);
    EXPECT_EQ(next_life.standing(), 3u);
    EXPECT_EQ(next_life.over("", "client-deadline"), 0);
    EXPECT_EQ(next_life.standing(), 1u) << "the monitor's";
    EXPECT_EQ(next_life.over("", "client-deadline"), -ENOENT);
    EXPECT_NE(b.logged.find("client b: trouble client-deadline is over"), std::string::npos);
}

TEST(MachineAnswers, WaitAndSurviveAReExec) {
    Bench b;
    b.answers.seen("monitor m", "memory", "reboot after 50ms", "97%");
    EXPECT_EQ(b.done, "");
    auto page = Recovery::adopt(UniqueFd(dup(b.recovery->fd())));
    ASSERT_TRUE(page);
    b.run(200ms);
    EXPECT_EQ(b.done, "reboot memory (monitor m: 97%); ");

    // Another life, from what stood in the page before the step was taken.
    auto fresh = Recovery::fresh();
    for (const auto& [place, record] : (*page)->machine_troubles()) {
        auto earlier = record;
        earlier.pending = 1;
        fresh->record_machine_trouble(place, earlier);
    }
    b.done.clear();
    auto next_life = b.make(*fresh);
    EXPECT_EQ(next_life.standing(), 1u);
    EXPECT_EQ(next_life.seen("monitor m", "memory", "reboot", "97%"), 0);
    EXPECT_EQ(b.done, "") << "it stands already";
    EXPECT_EQ(next_life.over("monitor m", "memory"), 0) << "within its time: nothing happens";
    b.run(50ms);
    EXPECT_EQ(b.done, "");
    EXPECT_EQ((*page)->machine_troubles().size(), 1u);
}

TEST(Hook, FailuresAreTold) {
    WorkerEnd end{true, false, 0};
    EXPECT_EQ(failure_of_hook(end, 1s), "");
    end.wait_status = 3 << 8;
    EXPECT_EQ(failure_of_hook(end, 1s), "exited with status 3");
    end.wait_status = 127 << 8;
    EXPECT_EQ(failure_of_hook(end, 1s), "exited with status 127: is there such a program?");
    end.wait_status = SIGSEGV;
    EXPECT_EQ(failure_of_hook(end, 1s), "killed by signal 11 (SIGSEGV)");
    end.timed_out = true;
    EXPECT_EQ(failure_of_hook(end, 90s), "took longer than 90s and was killed");
    EXPECT_EQ(failure_of_hook({}, 1s), "could not be started");
}

// One that hangs with a child of its own, one that is killed by a signal, one that is well: each is
// told, none keeps the next from its turn.
TEST(Hook, ATimeLimitEndsTheWholeGroup) {
    Bench b;
    Workers workers(b.loop);
    auto folder = std::filesystem::temp_directory_path() / fmt::format("leash-hook-{}", getpid());
    std::filesystem::create_directory(folder);
    auto file = folder / "pids";
    Timer reap(b.loop, [&] {
        int status = 0;
        for (auto pid : workers.pids())
            if (waitpid(pid, &status, WNOHANG) == pid) workers.child_exited(pid, status);
        reap.in(5ms);
    });
    reap.in(5ms);
    auto sh = [](std::string text) {
        return std::vector<std::string>{"/bin/sh", "-c", std::move(text)};
    };
    run_hook(workers, {"hangs", sh("trap '' TERM; sleep 60 & echo $! > $FILE; wait"),
                       {{"FILE", file.string()}}, 500ms});
    run_hook(workers, {"dies", sh("kill -SEGV $$"), {}, 5s});
    run_hook(workers, {"fails", sh("exit 4"), {}, 5s});
    run_hook(workers, {"absent", {"/no/such/program"}, {}, 5s});
    run_hook(workers, {"well", sh("exit 0"), {}, 5s});
    b.run(1500ms);
    for (auto text : {"hangs: exec /bin/sh took longer than 500ms and was killed",
                      "dies: exec /bin/sh killed by signal 11 (SIGSEGV)",
                      "fails: exec /bin/sh exited with status 4",
                      "absent: exec /no/such/program exited with status 127"})
        EXPECT_NE(b.logged.find(text), std::string::npos) << b.logged;
    EXPECT_EQ(b.logged.find("3 well"), std::string::npos) << b.logged;
    pid_t child = 0;
    std::ifstream(file) >> child;
    ASSERT_GT(child, 0);
    EXPECT_TRUE(kill(child, 0) != 0 || [&] { // gone, or a zombie of somebody else's
        std::ifstream stat(fmt::format("/proc/{}/stat", child));
        std::string line;
        std::getline(stat, line);
        return line.find(") Z") != std::string::npos;
    }()) << "its child lives on";
    std::filesystem::remove_all(folder);
}
