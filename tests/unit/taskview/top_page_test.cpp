// SPDX-License-Identifier: MIT
#include "taskview/top_page.h"

#include <gtest/gtest.h>
#include <numeric>

#include "rows.h"

using namespace leash::taskview;

namespace {

Usage service(const char* name, double cpu, std::uint64_t rss, std::uint64_t fds) {
    Usage usage;
    usage.service = name;
    usage.tasks = usage.processes = 1;
    usage.cpu = cpu;
    usage.rss = rss;
    usage.fds = fds;
    return usage;
}

class TopPage : public testing::Test {
  protected:
    TopPage() {
        sample.time_ns = 3661 * kSec;
        for (int pid : {1, 20, 30}) {
            auto& row = sample.rows.emplace_back(make_row(pid));
            row.command = "cmd" + std::to_string(pid);
            row.cpu = pid;
            row.task.anon = static_cast<std::uint64_t>(100 - pid);
            row.task.fds = pid == 20 ? 9 : 1;
        }
        sample.rows[1].service = "web";
        sample.rows[2].task.flags = LEASH_TASK_KERNEL;
        page.usage = {service("web", 20, 80, 9), service("db", 0, 900, 1), Usage{}};
        page.usage[2].kind = Usage::Kind::kernel;
        page.usage[2].cpu = 30;
        page.usage[2].tasks = 1;
        page.sample = &sample;
        page.states = {{"web", "running"}, {"db", "backoff"}};
        page.init_answers = true;
        page.cpus = 2;
    }
    std::string text() {
        order_page(sample.rows, page.usage, settings.by);
        std::string all;
        for (const auto& line : page_lines(page, settings)) all += line + "\n";
        return all;
    }
    Sample sample;
    Page page;
    PageSettings settings;
};

} // namespace

TEST_F(TopPage, ByCpu) {
    EXPECT_EQ(text(),
              "up 01:01:01, 2 services with 3 tasks in all, CPU 50.0% of 200%, by CPU\n"
              "\n"
              "SERVICE   STATE    TASKS  %CPU  RSS  SHMEM  FDS\n"
              "[kernel]  -            1  30.0    0      0    0\n"
              "web       running      1  20.0   80      0    9\n"
              "db        backoff      1   0.0  900      0    1\n"
              "\n"
              "PID  SERVICE   STATE  %CPU     TIME  RSS  SHMEM  FDS  COMMAND\n"
              " 30  [kernel]  S      30.0  0:00.00   70      0    1  cmd30\n"
              " 20  web       S      20.0  0:00.00   80      0    9  cmd20\n"
              "  1  -         S       1.0  0:00.00   99      0    1  cmd1\n");
}

TEST_F(TopPage, Orders) {
    settings.by = SortBy::memory;
    auto all = text();
    EXPECT_LT(all.find("\ndb "), all.find("\nweb "));
    EXPECT_LT(all.find("cmd1\n"), all.find("cmd20\n"));
    settings.by = SortBy::descriptors;
    all = text();
    EXPECT_LT(all.find("\nweb "), all.find("\ndb "));
    EXPECT_LT(all.find("cmd20\n"), all.find("cmd1\n"));
}

TEST_F(TopPage, Halves) {
    settings.processes = false;
    EXPECT_EQ(text().find("COMMAND"), std::string::npos);
    EXPECT_EQ(rows_shown(settings, 100), 0u);
    settings = {};
    settings.services = false;
    EXPECT_EQ(text().find("TASKS"), std::string::npos);
    EXPECT_NE(text().find("COMMAND"), std::string::npos);
}

TEST_F(TopPage, SaysWhatIsMissing) {
    page.init_answers = false;
    page.states.clear();
    sample.state = LEASH_STATE_INCOMPLETE;
    auto all = text();
    EXPECT_NE(all.find("; init does not answer; the module has lost track"), std::string::npos);
    EXPECT_NE(all.find("web       -  "), std::string::npos) << all;
}

TEST_F(TopPage, NeverLargerThanTheTerminal) {
    for (int i = 0; i < 40; ++i) {
        page.usage.push_back(service("a-service-with-a-name-that-goes-on-and-on-\u00e4", 0, 0, 0));
        sample.rows.push_back(make_row(100 + i, page.usage.back().service));
        sample.rows.back().command = std::string(300, 'x');
    }
    page.states["a-service-with-a-name-that-goes-on-and-on-\u00e4"] = "running";
    for (std::size_t height : {1, 2, 5, 6, 10, 24})
        for (std::size_t width : {1, 20, 40, 80, 132}) {
            settings.terminal = {true, width, height};
            order_page(sample.rows, page.usage, settings.by);
            auto lines = page_lines(page, settings);
            EXPECT_LE(lines.size(), height);
            for (const auto& line : lines) EXPECT_EQ(clip(line, width), line);
            EXPECT_LE(rows_shown(settings, sample.rows.size()), height);
        }
    // At the usual size there are both halves.
    settings.terminal = {false, 80, 24};
    auto all = text();
    EXPECT_NE(all.find("TASKS"), std::string::npos);
    EXPECT_NE(all.find("COMMAND"), std::string::npos);
    EXPECT_NE(all.find("a-service-with-a-n.."), std::string::npos) << all;
}

TEST(TopServices, ThoseThatDoNotComeUpAreSeen) {
    std::vector<Usage> usage{service("web", 1, 1, 1)};
    add_idle_services(usage, {{"web", "backoff"}, {"a", "failed"}, {"b", "stopped"},
                              {"c", "done"}, {"d", "running"}, {"e", "starting"}});
    ASSERT_EQ(usage.size(), 3u);
    EXPECT_EQ(usage[1].service, "a");
    EXPECT_EQ(usage[2].service, "e");
}

TEST_F(TopPage, TroubleComesFirst) {
    page.usage.push_back(service("idle", 0, 0, 0));
    page.troubles["idle"] = "deadlock";
    order_page(sample.rows, page.usage, settings.by, page.troubles);
    EXPECT_EQ(page.usage.front().service, "idle");
    auto all = text();
    EXPECT_NE(all.find("TROUBLE"), std::string::npos) << all;
    EXPECT_NE(all.find("deadlock"), std::string::npos) << all;
    EXPECT_NE(page_json(page, settings).find(R"("trouble":"deadlock")"), std::string::npos);
}

TEST_F(TopPage, Json) {
    sample.rows.resize(1);
    auto text = page_json(page, settings);
    EXPECT_TRUE(text.starts_with(
        R"({"time_ns":3661000000000,"cpus":2,"services":[{"service":"web","state":"running",)"
        R"("tasks":1,"processes":1,"cpu_percent":20.00,"rss":80,"shmem":0,"fds":9,)"
        R"("trouble":null},)")) << text;
    EXPECT_NE(text.find(R"({"service":"[kernel]","state":null,)"), std::string::npos) << text;
    EXPECT_NE(text.find(R"(],"tasks":[{"pid":1,"tid":1,"service":null,)"), std::string::npos);
    EXPECT_TRUE(text.ends_with("}]}")) << text;
}

TEST(Repaint, OnlyWhatDiffers) {
    EXPECT_EQ(repaint({}, {"a", "", "c"}), "\033[H\033[2J\033[1;1H\033[Ka\033[3;1H\033[Kc");
    EXPECT_EQ(repaint({"a", "b"}, {"a", "b"}), "");
    EXPECT_EQ(repaint({"a", "b"}, {"a", "x"}), "\033[2;1H\033[Kx");
    EXPECT_EQ(repaint({"a", "b"}, {"a", ""}), "\033[2;1H\033[K");
    EXPECT_EQ(repaint({"a", "b", "c"}, {"a"}), "\033[2;1H\033[J");
    EXPECT_EQ(repaint({"a"}, {"a", "b"}), "\033[2;1H\033[Kb");
}

TEST(Clip, EscapeSequencesTakeNoRoom) {
    EXPECT_EQ(clip("abc", 2), "ab");
    EXPECT_EQ(clip("abc", 3), "abc");
    EXPECT_EQ(clip("\033[32mabc\033[0mdef", 4), "\033[32mabc\033[0md");
    EXPECT_EQ(clip("\033[32mabc\033[0m", 1), "\033[32ma\033[0m"); // and the colour ends
    EXPECT_EQ(clip("\u00e4\u00f6", 1), "\u00e4");
    EXPECT_EQ(clip("\033[3", 1), "\033[3");
}
