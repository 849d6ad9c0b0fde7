// SPDX-License-Identifier: MIT
#include "taskview/columns.h"

#include <set>

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "rows.h"

using namespace leash;
using namespace leash::taskview;

namespace {

std::string shown(const char* column, const Row& row) { return cell(*find_column(column), row); }

std::string json(const char* columns, const Row& row) {
    return task_json(row, parse_columns(columns).value());
}

std::string pids(const std::vector<Row>& rows) {
    std::string text;
    for (const auto& row : rows) text += std::to_string(row.task.tgid) + " ";
    return text;
}

} // namespace

TEST(Columns, NamesAndHeadingsAreUniqueAndPlain) {
    std::set<std::string> words;
    for (const auto& column : all_columns()) {
        EXPECT_TRUE(words.insert(std::string(column.name)).second) << column.name;
        EXPECT_FALSE(column.meaning.empty()) << column.name;
        EXPECT_EQ(column.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
                  std::string_view::npos) << column.name;
        EXPECT_EQ(find_column(column.name), &column);
        EXPECT_EQ(find_column(column.heading), &column) << column.heading;
    }
}

// Scripts read these: what stands here stays, what is new is added behind.
TEST(Columns, TheKeysOfJsonKeepTheirOrder) {
    auto text = task_json(make_row(7), record_columns());
    EXPECT_TRUE(text.starts_with(
        R"({"pid":7,"tid":7,"service":null,"source":null,"state":"S","command":null,"start_id":null,)"
        R"("comm":"p7",)"
        R"("ppid":1,"pgid":0,"sid":0,"uid":0,"gid":0,"threads":1,"tag":null,)"
        R"("via":null,"start_ns":0,"elapsed_ns":0,"flags":[],"policy":"other","nice":0,"prio":0,)"
        R"("cpu":0,"cpu_percent":null,"runtime_ns":0,"utime_ns":0,"stime_ns":0,"vm":0,"rss":0,)"
        R"("anon":0,"file":0,"shmem":0,"swap":0,"fds":0,"wait_ns":0,"idle_ns":null,"nvcsw":0,)"
        R"("nivcsw":0,"min_flt":0,"maj_flt":0,"read_bytes":0,"write_bytes":0,"cgroup":0,)"
        R"("tty_nr":0,"tty":null,"exe_dev":0,"exe_ino":0,"syscall":null,"sys_nr":null,)"
        R"("sys_args":null)")) << text;
}

TEST(Columns, AColumnAsksForTheFactsItShows) {
    for (const auto& column : all_columns()) {
        if (column.facts == 0) continue;
        Row row = make_row(7);
        row.task.facts = kEveryFact & ~column.facts;
        EXPECT_EQ(cell(column, row), "-") << column.name;
    }
    EXPECT_EQ(facts_of(parse_columns("pid,service,command").value()), 0u);
    EXPECT_EQ(facts_of(default_columns(false)),
              LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS);
    EXPECT_EQ(extras_of(record_columns()), extra::command);
    EXPECT_EQ(extras_of(parse_columns("exe,user,cgroup_path").value()),
              extra::exe | extra::user | extra::cgroup_path);
}

TEST(Columns, ValuesForPeopleAndPrograms) {
    Row row = make_row(40, "httpd", 0x123456789aULL);
    auto& task = row.task;
    row.time_ns = 100 * kSec;
    row.sched_ns = 50 * kSec;
    row.command = "httpd -f \033[2J";
    task.start_ns = 90 * kSec;
    task.runtime_ns = 2'500 * kMs;
    task.anon = 1 << 20;
    task.file = 2 << 20;
    task.shmem = 1 << 19;
    task.fds = 12;
    task.last_ran_ns = 47 * kSec;
    task.nice = -5;
    task.prio = 15;
    task.policy = 1;
    task.via = LEASH_VIA_ADOPT;
    task.tty = (4 << 8) | 64;
    task.flags = LEASH_TASK_SPARED | LEASH_TASK_IOWAIT;
    task.exe_ino = 0x8000000000000001ULL;
    task.sys_nr = SYS_read;
    task.sys_arg[0] = 3;
    task.sys_arg[1] = 0x7fffffffe000;

    struct {
        const char *column, *text, *json;
    } table[] = {
        {"pid", "40", "40"},
        {"service", "httpd", "\"httpd\""},
        {"start_id", "000000123456789a", "\"000000123456789a\""},
        {"source", "lineage", "\"lineage\""},
        {"via", "adopt", "\"adopt\""},
        {"command", "httpd -f ?[2J", "\"httpd -f \\u001b[2J\""},
        {"elapsed_ns", "00:10", "10000000000"},
        {"runtime_ns", "0:02.50", "2500000000"},
        {"cpu_percent", "25.0", "25.00"},
        {"rss", "3.5M", "3670016"},
        {"shmem", "512K", "524288"},
        {"fds", "12", "12"},
        {"idle_ns", "00:03", "3000000000"},
        {"nice", "-5", "-5"},
        {"policy", "fifo", "\"fifo\""},
        {"tty", "ttyS0", "\"ttyS0\""},
        {"flags", "spared,iowait", "[\"spared\",\"iowait\"]"},
        {"exe_ino", "9223372036854775809", "9223372036854775809"},
        {"syscall", "read", "\"read\""},
        {"sys_args", "0x3,0x7fffffffe000,0x0,0x0,0x0,0x0",
         "[\"0x3\",\"0x7fffffffe000\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"]"},
    };
    for (const auto& line : table) {
        EXPECT_EQ(shown(line.column, row), line.text) << line.column;
        EXPECT_EQ(json(line.column, row),
                  std::string("{\"") + line.column + "\":" + line.json + "}");
    }
    row.cpu = 99.96;
    EXPECT_EQ(shown("cpu_percent", row), "100.0");
    task.flags |= LEASH_TASK_FDS_AT_LEAST;
    EXPECT_EQ(shown("fds", row), "12+");
    task.via = LEASH_VIA_TAG;
    EXPECT_EQ(shown("source", row), "tag");
    task.sys_nr = 100'000;
    EXPECT_EQ(shown("syscall", row), "100000");
}

TEST(Columns, AreChosenByNameOrHeading) {
    auto columns = parse_columns("pid, TIME,%cpu,rss");
    ASSERT_TRUE(columns);
    EXPECT_EQ((*columns)[1]->name, "runtime_ns");
    EXPECT_EQ((*columns)[2]->name, "cpu_percent");
    struct {
        const char *list, *message;
    } table[] = {
        {"pid,servcie", "no column 'servcie'; did you mean 'service'? "
                        "`--columns help` lists them"},
        {"pid,", "no column ''; `--columns help` lists them"},
        {"\033[2J", "no column '?[2J'; `--columns help` lists them"},
    };
    for (const auto& line : table) {
        auto wrong = parse_columns(line.list);
        ASSERT_FALSE(wrong) << line.list;
        EXPECT_EQ(wrong.error().text, line.message);
        EXPECT_EQ(parse_sort(line.list).error().text, line.message);
    }
}

TEST(Columns, Sorting) {
    std::vector<Row> rows;
    for (int pid : {1, 2, 3, 4, 5}) rows.push_back(make_row(pid));
    rows[0].task.anon = 100;
    rows[1].task.anon = 300;
    rows[2].task.facts = 0; // a zombie
    rows[3].task.anon = 300;
    rows[4].service = "a";
    struct {
        const char *keys, *order;
    } table[] = {
        {"rss", "5 1 2 4 3 "},  {"-rss", "2 4 1 5 3 "},       {"-rss,-pid", "4 2 1 5 3 "},
        {"+pid", "1 2 3 4 5 "}, {"service,-pid", "5 4 3 2 1 "},
    };
    for (const auto& line : table) {
        auto sorted = rows;
        sort_rows(sorted, parse_sort(line.keys).value());
        EXPECT_EQ(pids(sorted), line.order) << line.keys;
    }
}

TEST(Columns, Table) {
    std::vector<Row> rows{make_row(1), make_row(1234, "httpd", 0x50000abcd)};
    rows[0].command = "/sbin/init";
    rows[1].command = "httpd -f -p 80";
    rows[1].task.fds = 9;
    EXPECT_EQ(task_table(rows, default_columns(false), {}),
              " PID  PPID  SERVICE  START             SOURCE   STATE     TIME  RSS  SHMEM  FDS  "
              "COMMAND\n"
              "   1     1  -        -                 -        S      0:00.00    0      0    0  "
              "/sbin/init\n"
              "1234     1  httpd    000000050000abcd  lineage  S      0:00.00    0      0    9  "
              "httpd -f -p 80\n");
    EXPECT_EQ(task_table(rows, parse_columns("pid,command").value(), {false, 12, 0}, false),
              "   1  /sbi..\n1234  http..\n");
}
