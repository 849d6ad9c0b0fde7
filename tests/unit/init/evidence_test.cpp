// SPDX-License-Identifier: MIT
// Evidence: what is read of tasks, and that dumps stay few and small.
#include "init/evidence.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace leash;

TEST(Evidence, Stack) {
    using Frames = std::vector<std::string>;
    struct {
        const char* text;
        Frames wanted;
    } const rows[] = {
        {"", {}},
        {"[<0>] futex_wait_queue+0x60/0x90\n[<0>] do_futex+0x16b/0x1e0\n",
         {"futex_wait_queue", "do_futex"}},
        {"[<ffffffff81234567>] schedule+0x1/0x2 [kernel]\n", {"schedule"}},
        {"a+0x1/0x2\nb\nc\nd\n", {"a", "b", "c"}},
        {"[<0>]", {}},
        {"[<0", {}},
    };
    for (const auto& row : rows) EXPECT_EQ(parse_stack(row.text, 3), row.wanted) << row.text;
    EXPECT_EQ(parse_syscall("202 0x7f00 0x80\n"), "202");
    EXPECT_EQ(parse_syscall("running\n"), "running");
    EXPECT_EQ(parse_syscall(""), "");
}

TEST(Evidence, FactsTellTheMostTellingFirst) {
    auto task = [](pid_t tid, char state) {
        TaskEvidence evidence;
        evidence.pid = 10;
        evidence.tid = tid;
        evidence.comm = "c";
        evidence.state = state;
        return evidence;
    };
    auto text = facts_json({task(12, 'S'), task(10, 'S'), task(14, 'D'), task(13, 'R')},
                           {{"memory", 5}}, 10);
    EXPECT_TRUE(text.starts_with(R"({"memory":5,"task_count":4,"tasks":[{"pid":10,"tid":14,)")) << text;
    EXPECT_LT(text.find("\"tid\":14"), text.find("\"tid\":10"));
    EXPECT_LT(text.find("\"tid\":10"), text.find("\"tid\":13"));
    EXPECT_LT(text.find("\"tid\":13"), text.find("\"tid\":12"));
    std::vector<TaskEvidence> many(500, task(1, 'S'));
    for (auto& each : many) each.stack.assign(60, std::string(500, 'f'));
    EXPECT_LT(facts_json(many, {}, 0).size(), 11'000u) << "a record has room for it";
}

TEST(Evidence, OfThisVeryProcess) {
    EvidenceTarget target;
    target.service = "me";
    target.main_pid = getpid();
    auto facts = evidence_facts(target);
    EXPECT_TRUE(facts.contains(fmt::format("\"pid\":{}", getpid()))) << facts;
    EXPECT_TRUE(facts.contains("\"fds\":")) << facts;
    auto text = evidence_text(target);
    EXPECT_TRUE(text.starts_with("service  me\n")) << text;
    EXPECT_TRUE(text.contains(fmt::format("{} of {} ", getpid(), getpid()))) << text;
    EXPECT_FALSE(text.contains("-- /proc/")) << "that may have to be waited for";
    auto details = evidence_details(target);
    EXPECT_TRUE(details.contains(fmt::format("==== process {}", getpid()))) << details;
    EXPECT_TRUE(details.contains("-- /proc/")) << details;
}

TEST(Evidence, DumpsAreFewAndSmall) {
    char name[] = "/tmp/leash-dumps-XXXXXX";
    std::string folder = std::string(mkdtemp(name)) + "/dumps";
    DumpLimits limits{3, 1000};
    for (int i = 0; i < 6; ++i) {
        auto path = write_dump(folder, fmt::format("2026-0{}.txt", i), std::string(2000, 'x'), limits);
        ASSERT_TRUE(path) << path.error().text;
        EXPECT_EQ(*path, fmt::format("{}/2026-0{}.txt", folder, i));
        EXPECT_LT(std::filesystem::file_size(*path), 1100u);
    }
    std::set<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        left.insert(entry.path().filename());
    EXPECT_EQ(left, (std::set<std::string>{"2026-03.txt", "2026-04.txt", "2026-05.txt"}));
    EXPECT_FALSE(write_dump("/proc/nothing", "x.txt", "x", limits));
    std::filesystem::remove_all(name);
}
