// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "spawn/account.h"
#include "spawn/child.h"
#include "spawn/program.h"
#include "spawn/tty.h"

using namespace leash;

namespace {

class Folder : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/leash-unit.XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        path = name;
    }
    void TearDown() override { std::filesystem::remove_all(path); }

    std::string file(const std::string& name, const std::string& text, mode_t mode = 0755) const {
        auto full = path + "/" + name;
        std::ofstream(full) << text;
        ::chmod(full.c_str(), mode);
        return full;
    }
    std::string path;
};

class Accounts : public Folder {
  protected:
    void SetUp() override {
        Folder::SetUp();
        passwd = file("passwd", "root:x:0:0:root:/root:/bin/bash\n"
                                "www-data:x:33:33::/var/www:/usr/sbin/nologin\n"
                                "+nis:x:7:7::/:\n"
                                "noshell:x:44:45:::\n");
        group = file("group", "root:x:0:\nwww-data:x:33:\naudio:x:29:www-data,other\n"
                              "video:x:30:other\nlog:x:4:www-data\n");
    }
    [[nodiscard]] Result<Account> find(const std::string& user, const std::string& name = "") {
        return find_account(user, name, passwd, group);
    }
    std::string passwd, group;
};

ServiceSettings settings_of(const std::string& name) {
    ServiceSettings settings;
    settings.name = name;
    return settings;
}

} // namespace

TEST_F(Accounts, NoUserIsRoot) {
    auto account = find("");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->uid, 0U);
    EXPECT_EQ(account->home, "/root");
    EXPECT_TRUE(account->groups.empty());
}

TEST_F(Accounts, ByNameAndByNumber) {
    for (auto user : {"www-data", "33"}) {
        auto account = find(user);
        ASSERT_TRUE(account) << account.error().text;
        EXPECT_EQ(account->uid, 33U);
        EXPECT_EQ(account->gid, 33U);
        EXPECT_EQ(account->name, "www-data");
        EXPECT_EQ(account->home, "/var/www");
        EXPECT_EQ(account->shell, "/usr/sbin/nologin");
        EXPECT_EQ(account->groups, (std::vector<gid_t>{4, 29, 33}));
    }
}

TEST_F(Accounts, AnotherGroup) {
    auto account = find("www-data", "video");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->gid, 30U);
    EXPECT_EQ(account->groups, (std::vector<gid_t>{4, 29, 30}));
    account = find("", "4711");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->uid, 0U);
    EXPECT_EQ(account->gid, 4711U);
}

TEST_F(Accounts, EmptyFields) {
    auto account = find("noshell");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->home, "/");
    EXPECT_EQ(account->shell, "/bin/sh");
}

TEST_F(Accounts, NumbersWithoutEntry) {
    EXPECT_FALSE(find("1234"));
    auto account = find("1234", "5678");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->uid, 1234U);
    EXPECT_EQ(account->gid, 5678U);
    EXPECT_EQ(account->groups, (std::vector<gid_t>{5678}));
    for (auto number : {"4294967295", "4294967296", "-1", "0x10"})
        EXPECT_FALSE(find(number, "1")) << number;
}

TEST_F(Accounts, UnknownOnesAreNamed) {
    auto account = find("wwwdata");
    ASSERT_FALSE(account);
    EXPECT_EQ(account.error().text, "user 'wwwdata' is not in " + passwd);
    account = find("www-data", "tapes");
    ASSERT_FALSE(account);
    EXPECT_EQ(account.error().text, "group 'tapes' is not in " + group);
    EXPECT_FALSE(find_account("www-data", "", path + "/none", group));
    EXPECT_FALSE(find_account("www-data", "audio", passwd, path + "/none"));
}

TEST(Environment, FromScratchWithTheTagFirst) {
    auto settings = settings_of("httpd");
    settings.environment = {{"LANG", "C"}, {"PATH", "/opt"}, {"LEASH_TAG", "x@1"}, {"LANG", "de"}};
    SpawnRequest request;
    request.settings = &settings;
    request.start = 0x12deadbeef;
    request.extra_environment = {{"NOTIFY_SOCKET", "/run/n"}, {"WATCHDOG_USEC", "5000000"}};
    EXPECT_EQ(build_environment(request, Account{}, "", "4711"),
              (std::vector<std::string>{"LEASH_TAG=httpd@00000012deadbeef", "PATH=/opt",
                                        "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
                                        "LANG=de", "NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=5000000",
                                        "WATCHDOG_PID=4711"}));
}

TEST(Environment, TermOfConsoles) {
    auto settings = settings_of("shell");
    SpawnRequest request;
    request.settings = &settings;
    request.start = 1;
    auto environment = build_environment(request, Account{}, "vt220", "1");
    EXPECT_NE(std::ranges::find(environment, "TERM=vt220"), environment.end());
}

TEST_F(Folder, WhyExecveFails) {
    EXPECT_EQ(explain_exec("/x/y", ENOENT), "'/x/y' does not exist");
    EXPECT_NE(explain_exec(path, EACCES).find("is a folder"), std::string::npos);
    EXPECT_NE(explain_exec(file("a", "", 0644), EACCES).find("not executable"), std::string::npos);
    auto script = file("b", "#! /opt/python9 -u\nx\n");
    EXPECT_EQ(explain_exec(script, ENOENT), "the script '" + script +
              "' needs the interpreter '/opt/python9', which does not exist");
    auto windows = file("c", "#!/bin/sh\r\nx\r\n");
    EXPECT_NE(explain_exec(windows, ENOENT).find("\\r\\n"), std::string::npos);
    ::symlink("/nowhere", (path + "/d").c_str());
    EXPECT_NE(explain_exec(path + "/d", ENOENT).find("symbolic link"), std::string::npos);
    // A real program whose loader we pretend to miss.
    EXPECT_NE(explain_exec("/proc/self/exe", ENOENT).find("loader '/lib"), std::string::npos);
}

TEST_F(Folder, WhichConsole) {
    EXPECT_EQ(tty_path("ttyS1"), "/dev/ttyS1");
    EXPECT_EQ(tty_path("/dev/pts/3"), "/dev/pts/3");
    EXPECT_EQ(tty_path("console", file("active", "tty0 null\n")), "/dev/null");
    EXPECT_EQ(tty_path("console", file("active", "tty0 ttyNONE7\n")), "/dev/console");
    EXPECT_EQ(tty_path("console", file("active", "\n")), "/dev/console");
    EXPECT_EQ(tty_path("console", path + "/none"), "/dev/console");
}

TEST_F(Folder, NotATerminal) {
    auto opened = open_tty(file("plain", ""));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().text, path + "/plain is not a terminal");
}
