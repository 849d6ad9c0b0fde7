// SPDX-License-Identifier: MIT
// Rogues and healthy programs, all at once, before the real detectors: threads from /proc, memory
// by the real reader.
#include <chrono>
#include <csignal>
#include <map>
#include <regex>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "finder/proc_threads.h"
#include "finder/thread_detectors.h"

namespace leash::finder {
namespace {

struct Case {
    std::string name;
    std::vector<std::string> command; // below ROGUES
    std::string kind;                 // of the one finding that is expected; "": silence
    std::string evidence;             // a regular expression that is found in it
};

std::vector<Case> cases() {
    const std::string wait = "thread [0-9]+ \\(ring0\\) waits for ";
    auto ring = [&](const std::string& what) {
        return wait + what + " 0x[0-9a-f]+ \\(lock_ring\\+0x[0-9a-f]+\\) held by [0-9]+ \\(ring1\\), "
               "which waits for " + what + " 0x[0-9a-f]+ \\(lock_ring\\+0x[0-9a-f]+\\) held by [0-9]+ "
               "\\(ring0\\); for [1-9]";
    };
    return {
        {"abba", {"lock_ring", "2"}, "deadlock", ring("mutex")},
        {"five", {"lock_ring", "5"}, "deadlock", wait + "mutex.*(, which waits for.*){4}"},
        {"self", {"lock_ring", "1"}, "deadlock", wait + "mutex .*, which it holds itself"},
        {"recursive", {"lock_ring", "2", "recursive"}, "deadlock", ring("recursive mutex")},
        {"robust", {"lock_ring", "2", "robust"}, "deadlock", ring("robust mutex")},
        {"pi", {"lock_ring", "2", "pi"}, "deadlock",
         "\\(ring[01]\\) holds PI mutex 0x.*, which [0-9]+ \\(ring[01]\\) waits for, and "
         "sleeps for ever"},
        {"pi3", {"lock_ring", "3", "pi"}, "deadlock",
         "holds PI mutex 0x.* waits for, and sleeps for ever.*; 1 more waits behind it"},
        {"rwlock", {"lock_ring", "2", "rwlock"}, "deadlock", ring("rwlock")},
        {"tick", {"lock_ring", "2", "tick"}, "deadlock", ring("mutex")},
        {"across", {"lock_across"}, "deadlock",
         "\\(across0\\) of process [0-9]+ waits for shared mutex .*across1\\) of process"},
        {"abandoned", {"lock_abandoned"}, "deadlock",
         "\\(heir\\) waits for mutex .* held by [0-9]+, which has ended"},
        {"forked", {"lock_abandoned", "fork"}, "deadlock",
         "\\(heir\\) waits for mutex .* which is of the process that this one was forked from"},
        {"joiner", {"lock_join"}, "deadlock",
         "\\(lock_join\\) waits for the end of thread [0-9]+ \\(joined\\), which waits for mutex .* "
         "held by [0-9]+ \\(lock_join\\)"},
        {"condition", {"healthy_locks", "condition"}, "", ""},
        {"hold", {"healthy_locks", "hold"}, "", ""},
        {"join", {"healthy_locks", "join"}, "", ""},
        {"semaphore", {"healthy_locks", "semaphore"}, "", ""},
        {"contended", {"healthy_locks", "contended"}, "", ""},
        {"reader", {"healthy_locks", "reader"}, "", ""},
        {"healthy_pi", {"healthy_locks", "pi"}, "", ""},
        {"spinner", {"spinner"}, "livelock",
         "thread [0-9]+ \\(spin\\) has been running without a system call"},
        {"stopped", {"stopped_main"}, "stopped",
         "the main process [0-9]+ \\(stopped_main\\) has been stopped by a signal for .*; 1 "
         "other process "
         "of the service goes on"},
        {"stuck", {"stuck_parent"}, "stuck",
         "thread [0-9]+ \\(stuck_parent\\) has been in an uninterruptible sleep for .* in v?fork"},
        {"slow", {"stuck_parent", "slow"}, "", ""},
        {"headless", {"leaderless"}, "", ""},
    };
}

std::uint64_t boottime() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

pid_t run(const std::vector<std::string>& words) {
    auto pid = ::fork();
    if (pid != 0) return pid;
    ::setpgid(0, 0);
    int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    auto path = std::string(ROGUES) + "/" + words.front();
    std::vector<char*> argv;
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
}

// Every process of the groups, with its threads.
void gather(const std::map<pid_t, std::uint64_t>& starts, std::uint64_t now,
            taskview::Sample& processes, taskview::Sample& threads) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        auto pid = std::atoi(entry.path().filename().c_str());
        if (pid <= 0) continue;
        leash_task task{};
        task.tgid = task.tid = pid;
        std::vector<taskview::Row> rows;
        add_threads(task, now, rows);
        if (rows.empty()) continue;
        auto start = starts.find(rows.front().task.pgid);
        if (start == starts.end()) continue;
        for (auto& row : rows) row.task.start = start->second;
        auto process = rows.front();
        if (process.task.state == 'Z')
            process.task.flags = rows.size() > 1 ? LEASH_TASK_LEADERLESS : LEASH_TASK_DEAD;
        processes.rows.push_back(process);
        for (auto& row : rows) threads.rows.push_back(std::move(row));
    }
}

TEST(Threads, RoguesAreFoundAndTheHealthyAreNot) {
    auto all = cases();
    std::vector<Subject> subjects;
    std::map<pid_t, std::uint64_t> starts;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto pid = run(all[i].command);
        ASSERT_GT(pid, 0);
        ::setpgid(pid, pid);
        starts[pid] = i + 1;
        Subject subject;
        subject.start = i + 1;
        subject.main_pid = pid;
        subject.service = all[i].name;
        for (const char* key : {"deadlock", "stuck", "stopped", "no-task"})
            subject.settings[key] = "1000";
        subject.settings["livelock"] = "2000";
        subjects.push_back(std::move(subject));
    }
    auto reader = make_reader();
    auto detectors = thread_detectors(*reader);
    std::map<std::uint64_t, std::map<std::string, std::string>> told;
    // The healthy ones are looked at for a while; the others for as long as a busy machine needs.
    auto all_found = [&] {
        for (std::size_t i = 0; i < all.size(); ++i)
            if (!all[i].kind.empty() && !told[i + 1].contains(all[i].kind)) return false;
        return true;
    };
    auto begin = boottime();
    while (boottime() < begin + 9'000'000'000 ||
           (!all_found() && boottime() < begin + 60'000'000'000)) {
        taskview::Sample processes, threads;
        auto now = boottime();
        gather(starts, now, processes, threads);
        std::vector<Finding> found;
        for (auto& detector : detectors)
            detector->look({now, false, &processes, &threads, subjects}, found);
        for (auto& finding : found) told[finding.start][finding.kind] = finding.evidence;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    for (const auto& [pid, start] : starts) ::kill(-pid, SIGKILL);
    for (const auto& [pid, start] : starts) ::waitpid(pid, nullptr, 0);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& what = all[i];
        const auto& findings = told[i + 1];
        if (what.kind.empty()) {
            EXPECT_TRUE(findings.empty()) << what.name << ": " << findings.begin()->first << ": "
                                          << findings.begin()->second;
            continue;
        }
        EXPECT_EQ(findings.size(), 1u) << what.name;
        auto found = findings.find(what.kind);
        if (found == findings.end()) continue;
        EXPECT_TRUE(std::regex_search(found->second, std::regex(what.evidence)))
            << what.name << ": " << found->second;
        EXPECT_LE(found->second.size(), 400u) << what.name;
        fmt::print("{}: {}: {}\n", what.name, what.kind, found->second);
    }
}

} // namespace
} // namespace leash::finder
