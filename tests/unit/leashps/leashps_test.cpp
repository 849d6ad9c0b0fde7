// SPDX-License-Identifier: MIT
#include "leashps/leashps.h"

#include <gtest/gtest.h>

#include "../taskview/fake_source.h"
#include "leashps/options.h"

using namespace leash;
using namespace leash::taskview;

namespace {

class Leashps : public testing::Test {
  protected:
    Leashps() {
        Sample sample;
        sample.starts = {make_start(0xa, "web"), make_start(0xb, "db")};
        sample.rows = {make_row(1), make_row(20, "web", 0xa), make_row(30, "db", 0xb)};
        sample.rows[1].task.anon = 2048;
        sample.rows[2].task.anon = 1024;
        kernel.samples = {sample};
    }
    int run(const std::vector<std::string>& args) {
        out.clear();
        err.clear();
        kernel.queries.clear();
        kernel.extras = 0;
        leashps::World world;
        world.out = [this](std::string_view text) { out += text; return true; };
        world.err = [this](std::string_view text) { err += text; };
        world.open_source = kernel.opener();
        return leashps::run(args, world);
    }
    FakeKernel kernel;
    std::string out, err;
};

} // namespace

TEST_F(Leashps, UsageErrors) {
    struct {
        std::vector<std::string> args;
        const char* message;
    } table[] = {
        {{"--serivce", "a"}, "unknown option '--serivce'; did you mean '--service'?"},
        {{"-x"}, "unknown option '-x'; see leashps --help"},
        {{"-Lx"}, "unknown option '-x'; see leashps --help"},
        {{"aux"}, "unknown argument 'aux'; leashps takes options only, see leashps --help"},
        {{"--service"}, "--service needs a value: --service NAME"},
        {{"--service", "a/b"}, "--service: 'a/b' cannot be the name of a service"},
        {{"--start", "xyz"}, "--start: 'xyz' is no id of a start (16 hex digits)"},
        {{"--start=0"}, "--start: '0' is no id of a start (16 hex digits)"},
        {{"-o"}, "-o needs a value: -o LIST"},
        {{"-oservcie"}, "-o: no column 'servcie'; did you mean 'service'? "
                        "`--columns help` lists them"},
        {{"--sort", "-x"}, "--sort: no column 'x'; `--columns help` lists them"},
        {{"--json=yes"}, "--json takes no value"},
    };
    for (const auto& row : table) {
        EXPECT_EQ(run(row.args), 2) << row.message;
        EXPECT_EQ(err, std::string("leashps: ") + row.message + "\n");
        EXPECT_EQ(out, "");
    }
}

TEST_F(Leashps, NeedsNoModuleToExplainItself) {
    kernel.refusal = Refusal{"no module", 5};
    EXPECT_EQ(run({"--help"}), 0);
    EXPECT_TRUE(out.starts_with("usage: leashps")) << out;
    EXPECT_EQ(run({"-V"}), 0);
    EXPECT_EQ(out, "leashps " LEASH_VERSION "\n");
    EXPECT_EQ(run({"-o", "help"}), 0);
    EXPECT_NE(out.find("\nrss "), std::string::npos);
    EXPECT_EQ(run({}), 5);
    EXPECT_EQ(err, "leashps: no module\n");
}

TEST_F(Leashps, AllProcesses) {
    EXPECT_EQ(run({}), 0);
    EXPECT_TRUE(out.starts_with("PID  PPID  SERVICE  START ")) << out;
    EXPECT_NE(out.find("\n 20     1  web      000000000000000a  lineage  S "), std::string::npos)
        << out;
    EXPECT_NE(out.find("cmd30\n"), std::string::npos) << out;
    ASSERT_EQ(kernel.queries.size(), 1u); // one pass
    EXPECT_EQ(kernel.queries[0].facts, LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS);
    const auto& filter = kernel.queries[0].filter;
    EXPECT_FALSE(filter.threads || filter.attributed || filter.kernel);
    EXPECT_EQ(filter.start, 0u);
    EXPECT_EQ(filter.group, 0u);
}

TEST_F(Leashps, FiltersAreTheModules) {
    EXPECT_EQ(run({"-Lka", "--service=web", "--start", "a"}), 0);
    const auto& filter = kernel.queries.at(0).filter;
    EXPECT_TRUE(filter.threads && filter.attributed && filter.kernel);
    EXPECT_EQ(filter.group, group_of("web"));
    EXPECT_EQ(filter.start, 0xau);
    EXPECT_NE(out.find("TID"), std::string::npos);
    EXPECT_EQ(out.find("cmd30"), std::string::npos); // as if of a group of the same number
}

TEST_F(Leashps, WhatIsNamedHasToBeThere) {
    EXPECT_EQ(run({"--service", "wbe"}), 4);
    EXPECT_EQ(err, "leashps: no start of a service 'wbe' is known; did you mean 'web'?\n");
    EXPECT_EQ(out, "");
    EXPECT_EQ(run({"--start", "ff"}), 4);
    EXPECT_EQ(err, "leashps: no start 00000000000000ff is known; see leashps --starts\n");
    EXPECT_EQ(run({"--service", "web", "--start", "b"}), 4);
    EXPECT_EQ(err, "leashps: no start 000000000000000b of a service 'web' is known; "
                   "see leashps --starts\n");
    EXPECT_EQ(run({"--starts", "--service", "wbe"}), 4);
}

TEST_F(Leashps, ProcIsReadOnlyForWhatIsShown) {
    EXPECT_EQ(run({"-o", "pid,comm,service", "-o", "rss"}), 0);
    EXPECT_EQ(out, "PID  COMM  SERVICE   RSS\n"
                   "  1  p1    -           0\n"
                   " 20  p20   web      2.0K\n"
                   " 30  p30   db       1.0K\n");
    EXPECT_EQ(kernel.extras, 0u);
    EXPECT_EQ(kernel.queries.at(0).facts, LEASH_FACT_MEMORY);
    EXPECT_EQ(run({"-o", "pid", "--sort", "user"}), 0);
    EXPECT_EQ(kernel.extras, extra::user);
}

TEST_F(Leashps, SortingGathersWhatItNeeds) {
    const std::vector<std::string> lines[] = {
        {"-opid", "--sort=-rss", "--no-headers"},
        {"--no-headers", "-o", "pid", "--sort", "-rss"},
        {"--sort", "-rss,-pid", "--no-headers", "-ao", "pid"},
    };
    for (const auto& line : lines) {
        EXPECT_EQ(run(line), 0) << err;
        EXPECT_EQ(out, " 20\n 30\n  1\n");
        EXPECT_EQ(kernel.queries.at(0).facts, LEASH_FACT_MEMORY);
    }
}

TEST_F(Leashps, Json) {
    EXPECT_EQ(run({"--json", "--columns", "pid,service,command"}), 0);
    EXPECT_EQ(out, "{\"pid\":1,\"service\":null,\"command\":\"cmd1\"}\n"
                   "{\"pid\":20,\"service\":\"web\",\"command\":\"cmd20\"}\n"
                   "{\"pid\":30,\"service\":\"db\",\"command\":\"cmd30\"}\n");
    EXPECT_EQ(run({"-j"}), 0);
    EXPECT_EQ(kernel.queries.at(0).facts, kEveryFact);
    EXPECT_NE(out.find("\"sys_args\":"), std::string::npos);
    EXPECT_EQ(kernel.extras, extra::command);
}

TEST_F(Leashps, StartsAndStats) {
    EXPECT_EQ(run({"--starts", "--service", "db", "--no-headers"}), 0);
    EXPECT_TRUE(out.starts_with("000000000000000b  db ")) << out;
    EXPECT_EQ(out.find("web"), std::string::npos);
    EXPECT_EQ(run({"--starts", "--json"}), 0);
    EXPECT_TRUE(out.starts_with("{\"start_id\":\"000000000000000a\",\"service\":\"web\",")) << out;
    kernel.stats->forks = 77;
    EXPECT_EQ(run({"--stats"}), 0);
    EXPECT_NE(out.find("forks            77 "), std::string::npos) << out;
    EXPECT_EQ(run({"--stats", "--json"}), 0);
    EXPECT_NE(out.find("\"forks\":77,"), std::string::npos) << out;
    EXPECT_TRUE(kernel.queries.empty());
}

TEST_F(Leashps, Failures) {
    kernel.broken = Error{"/dev/leash: snapshot: Operation not permitted", EPERM};
    EXPECT_EQ(run({}), 6);
    EXPECT_TRUE(err.starts_with("leashps: /dev/leash: snapshot: Operation not permitted: needs "))
        << err;
    EXPECT_EQ(run({"--starts"}), 6);
    kernel.broken.reset();
    kernel.samples[0].state = LEASH_STATE_INCOMPLETE;
    EXPECT_EQ(run({}), 0);
    EXPECT_TRUE(err.starts_with("leashps: the module has lost track of some processes")) << err;
}
