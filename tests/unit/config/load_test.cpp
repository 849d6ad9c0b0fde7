// SPDX-License-Identifier: MIT
// Several files together: defaults, dependencies, duplicates, broken files.
#include "config/load.h"

#include <gtest/gtest.h>

#include "helpers.h"

using namespace leash;

namespace {

using Words = std::vector<std::string>;

SourceFile service(const std::string& name, const std::string& lines) {
    return {"services.d/" + name + ".conf", "[service]\n" + lines, ""};
}

SourceFile daemon_file(const std::string& name, const std::string& lines = "") {
    return service(name, "command = /bin/true\n" + lines);
}

const SourceFile kEmptyInit{"init.conf", "", ""};

} // namespace

TEST(Load, WholeFileFaults) {
    struct {
        SourceFile file;
        std::string complaint;
    } const rows[] = {
        {{"services.d/a.conf", "# nothing\n", ""}, "services.d/a.conf: has no section [service]"},
        {{"services.d/a.conf", "[Service]\ncommand=x\n", ""},
         "services.d/a.conf:1: unknown section [Service]; allowed: [service]; one section "
         "[service]"},
        {{"services.d/a.conf", "[servcie]\ncommand=x\n", ""}, "did you mean 'service'?"},
        {{"services.d/a.conf", "[service]\ncommand=x\n[service]\nuser=y\n", ""},
         "services.d/a.conf:3: section [service] began in line 1 already"},
        {{"services.d/a.conf", "[service]\ncommand=x\n[system]\n", ""},
         "services.d/a.conf:3: unknown section [system]"},
        {{"services.d/a.conf", "command=x\n", ""},
         "services.d/a.conf:1: command: stands before any [section]"},
        {{"services.d/a.conf", "", "Permission denied"},
         "services.d/a.conf: cannot be read: Permission denied"},
        {{"services.d/a.conf", "[service]\ncommand = x\n" + std::string(5000, 'x'), ""},
         "services.d/a.conf:3: the line has 5000 bytes; allowed: 4096"},
        {{"services.d/a.conf", std::string("[service]\ncommand = x\0y\n", 23), ""},
         "services.d/a.conf:2: control character 0x00 in column 12"},
    };
    for (const auto& row : rows) {
        auto catalog = load(kEmptyInit, {row.file, daemon_file("good")});
        EXPECT_TRUE(has(catalog.complaints, row.complaint)) << row.file.text;
        EXPECT_EQ(catalog.left_out, std::set<std::string>{"a"}) << row.file.text;
        EXPECT_TRUE(catalog.services.contains("good"));
        EXPECT_EQ(catalog.services.size(), 1U);
    }
}

TEST(Load, FileNames) {
    struct {
        std::string name, complaint;
    } const rows[] = {
        {"a b", "services.d/a b.conf: 'a b' is not a service's name; allowed: 1 to 63"},
        {std::string(64, 'x'), "is not a service's name"},
        {"", "is not a file NAME.conf"},
        {"default", "the name default is taken by Leash itself; rename the file"},
        {"rescue", "the name rescue is taken"},
        {"memory.max", "names that begin with memory. are taken by the kernel's files in cgroups"},
        {"\x1b[31m", "services.d/?[31m.conf: '?[31m' is not"},
    };
    for (const auto& row : rows) {
        auto catalog = load(kEmptyInit, {daemon_file(row.name)});
        EXPECT_TRUE(has(catalog.complaints, row.complaint)) << row.name;
        EXPECT_TRUE(catalog.services.empty());
    }
    auto folder = load(kEmptyInit, {{"services.d", "", "Input/output error"}});
    EXPECT_EQ(all(folder.complaints), "services.d: cannot be read: Input/output error\n");
}

TEST(Load, OfDuplicatesTheFirstCounts) {
    auto catalog = load(kEmptyInit, {{"services.d/a.conf", "[service]\ncommand=one\n", ""},
                                     {"more.d/a.conf", "[service]\ncommand=two\n", ""}});
    EXPECT_EQ(catalog.services.at("a").command, Words{"one"});
    EXPECT_TRUE(has(catalog.complaints, "more.d/a.conf: the service a is already described by "
                                        "services.d/a.conf"));
}

TEST(Load, CyclesLeaveOutOnlyWhatClosesThem) {
    auto catalog =
        load(kEmptyInit, {daemon_file("a", "requires = b\n"), daemon_file("b", "after = c\n"),
                          daemon_file("c", "wants = a\n"), daemon_file("free")});
    EXPECT_EQ(catalog.left_out.size(), 1U) << all(catalog.complaints);
    EXPECT_TRUE(has(catalog.complaints, "dependency cycle"));
    EXPECT_EQ(catalog.services.size(), 3U);
    EXPECT_TRUE(catalog.services.contains("free"));
    auto left_out = *catalog.left_out.begin();
    EXPECT_TRUE(has(catalog.complaints, "services.d/" + left_out + ".conf:3: "));
}

TEST(Load, UnknownNames) {
    auto catalog =
        load(kEmptyInit, {daemon_file("network"), daemon_file("web", "requires = netwrok\n"),
                          daemon_file("log", "\nafter = webb\n")});
    EXPECT_EQ(catalog.left_out, std::set<std::string>{"web"});
    EXPECT_TRUE(has(catalog.complaints, "services.d/web.conf:3: requires: "));
    EXPECT_TRUE(has(catalog.complaints, "did you mean network?"));
    EXPECT_TRUE(has(catalog.complaints, "services.d/log.conf:4: warning: after: "));
}

TEST(Load, WhatRequiresAFaultyOneIsLeftOutToo) {
    auto catalog =
        load(kEmptyInit,
             {daemon_file("a", "oops = 1\n"), daemon_file("b", "requires = a\n"),
              daemon_file("c", "requires = b\n"), daemon_file("d", "wants = a\nafter = b\n")});
    EXPECT_EQ(catalog.left_out, (std::set<std::string>{"a", "b", "c"}));
    EXPECT_TRUE(has(catalog.complaints,
                    "services.d/b.conf:3: requires: requires a, which is left out; "
                    "put services.d/a.conf right first"));
    EXPECT_TRUE(has(catalog.complaints, "services.d/c.conf:3: requires: requires b"));
    EXPECT_EQ(catalog.complaints.size(), 3U) << all(catalog.complaints);
    EXPECT_EQ(catalog.services.at("d").wants, Words{"a"});
}

TEST(Load, DefaultsHoldWhereAServiceIsSilent) {
    SourceFile init{"init.conf",
                    "[defaults]\nstop-timeout = 9s\nuser = nobody\nwatchdog = 7s\n"
                    "environment = A=1\nenvironment = B=2\nwants = log\nrestart = always\n"
                    "watchdog-source = heartbeat\nleave = keep\non-trouble = reboot\n",
                    ""};
    auto catalog = load(
        init, {daemon_file("log"), daemon_file("a"),
               daemon_file("b", "stop-timeout = 1s\nuser = root\nenvironment = C=3\nwants =\n"),
               daemon_file("job", "type = oneshot\n"), daemon_file("beat", "notify = systemd\n"),
               service("all", "type = target\n")});
    EXPECT_EQ(all(catalog.complaints), "");
    const auto& a = catalog.services.at("a");
    EXPECT_EQ(a.stop_timeout, 9s);
    EXPECT_EQ(a.user, "nobody");
    EXPECT_EQ(a.environment.size(), 2U);
    EXPECT_EQ(a.wants, Words{"log"});
    EXPECT_EQ(a.watchdog_source, WatchdogSource::tasks); // nothing could beat
    EXPECT_EQ(a.leave, LeavePolicy::kill);               // no oneshot
    EXPECT_TRUE(a.on_trouble.has_value());
    const auto& b = catalog.services.at("b");
    EXPECT_EQ(b.stop_timeout, 1s);
    EXPECT_EQ(b.user, "root");
    EXPECT_EQ(b.environment.size(), 1U);
    EXPECT_TRUE(b.wants.empty());
    const auto& job = catalog.services.at("job");
    EXPECT_EQ(job.restart, RestartWhen::no);
    EXPECT_EQ(job.leave, LeavePolicy::keep);
    EXPECT_EQ(catalog.services.at("beat").watchdog_source, WatchdogSource::heartbeat);
    EXPECT_TRUE(catalog.services.at("log").wants.empty()); // nobody wants himself
    EXPECT_EQ(catalog.services.at("all").watchdog, 0s);
    EXPECT_EQ(catalog.services.at("all").wants, Words{"log"});
    EXPECT_EQ(catalog.place_of("a", "user").file, "init.conf");
    EXPECT_EQ(catalog.place_of("a", "user").line, 3);
    EXPECT_EQ(catalog.place_of("b", "user").file, "services.d/b.conf");
    EXPECT_EQ(catalog.place_of("b", "user").line, 4);
}

TEST(Load, FaultyDefaultsAreNamedOnceAndLeaveNobodyOut) {
    SourceFile init{"init.conf",
                    "[defaults]\nstop-timeout = 9\nuser = nobody\nusr = x\nuser = x\n"
                    "watchdog-source = hearbeat\n", ""};
    auto catalog = load(init, {daemon_file("a"), daemon_file("b")});
    EXPECT_TRUE(has(catalog.complaints, "init.conf:2: stop-timeout: '9' has no unit"));
    EXPECT_TRUE(has(catalog.complaints, "init.conf:4: usr: unknown key; did you mean 'user'?"));
    EXPECT_TRUE(has(catalog.complaints, "init.conf:5: user: is already set in line 3"));
    EXPECT_TRUE(
        has(catalog.complaints, "init.conf:6: watchdog-source: 'hearbeat'; allowed"));
    EXPECT_EQ(catalog.complaints.size(), 4U) << all(catalog.complaints);
    EXPECT_EQ(catalog.services.size(), 2U);
    EXPECT_EQ(catalog.services.at("a").user, "nobody");
    EXPECT_EQ(catalog.services.at("a").stop_timeout, 5s);
}

TEST(Load, DefaultOfCommandUsesTheServicesName) {
    SourceFile init{"init.conf", "[defaults]\ncommand = /bin/run %n %i\n", ""};
    auto catalog = load(init, {service("a@1", ""), service("b", "")});
    EXPECT_EQ(catalog.services.at("a@1").command, (Words{"/bin/run", "a@1", "1"}));
    EXPECT_EQ(catalog.left_out, std::set<std::string>{"b"});
    EXPECT_TRUE(
        has(catalog.complaints, "services.d/b.conf: command: the default from init.conf:2"));
}

TEST(Load, DefaultsMayContradictEachOther) {
    SourceFile init{"init.conf", "[defaults]\nrestart-delay = 10m\n", ""};
    auto catalog = load(init, {daemon_file("a")});
    EXPECT_TRUE(
        has(catalog.complaints, "init.conf:2: restart-delay: restart-delay (10m) is longer"));
    EXPECT_EQ(catalog.services.at("a").restart_delay, 100ms);

    // A default against a service's own line is the service's fault.
    SourceFile maximum{"init.conf", "[defaults]\nrestart-delay-max = 1s\n", ""};
    auto own = load(maximum, {daemon_file("a", "restart-delay = 2s\n"), daemon_file("b")});
    EXPECT_TRUE(has(own.complaints, "services.d/a.conf:3: restart-delay: the first pause (2s)"));
    EXPECT_TRUE(own.services.contains("b"));
}

TEST(Load, NothingOfAFileReachesTheTerminalUnclean) {
    auto catalog =
        load(kEmptyInit, {{"services.d/a\n\x07.conf", "[service]\n\x1b]0;x\x07 = 1\n", ""},
                          {"services.d/b.conf",
                           "[service]\n\xc2\x9b"
                           "31m = 1\n",
                           ""}});
    EXPECT_FALSE(catalog.complaints.empty());
    for (const auto& complaint : catalog.complaints)
        for (unsigned char c : format(complaint)) {
            EXPECT_GE(c, 0x20);
            EXPECT_NE(c, 0x7F);
            EXPECT_NE(c, 0xC2);
        }
}

TEST(Load, AThousandServicesInAChain) {
    std::vector<SourceFile> files;
    for (int i = 0; i < 1000; ++i)
        files.push_back(
            daemon_file(fmt::format("s{:04}", i),
                        i == 0 ? "oops = 1\n" : fmt::format("requires = s{:04}\n", i - 1)));
    auto catalog = load(kEmptyInit, files);
    EXPECT_EQ(catalog.left_out.size(), 1000U);
    EXPECT_TRUE(catalog.services.empty());
}

TEST(Complaint, Format) {
    EXPECT_EQ(format({Complaint::Severity::error, "services.d/httpd.conf", 4, "restrat",
                      "unknown key", "did you mean 'restart'?"}),
              "services.d/httpd.conf:4: restrat: unknown key; did you mean 'restart'?");
    EXPECT_EQ(format({Complaint::Severity::warning, "f", 0, "", "text", ""}), "f: warning: text");
    EXPECT_EQ(quote(std::string(59, 'x') + "\xc3\xbc\xc3\xbc"),
              "'" + std::string(59, 'x') + "...'");
}
