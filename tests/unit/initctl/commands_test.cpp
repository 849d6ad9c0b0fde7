// SPDX-License-Identifier: MIT
#include <fstream>

#include <gtest/gtest.h>
#include <linux/reboot.h>
#include <sys/stat.h>

#include "fake_init.h"
#include "initctl/log_files.h"

using namespace leash;
using namespace leash::initctl;

namespace {

class Initctl : public testing::Test, public FakeInit {
  protected:
    void log(const std::string& file, const std::string& text) {
        std::filesystem::create_directories(session_.log_folder);
        std::ofstream(session_.log_folder + "/" + file, std::ios::app) << text;
    }
    void etc(const std::string& file, const std::string& text) {
        std::filesystem::create_directories(etc_folder() + "/services.d");
        std::ofstream(etc_folder() + "/" + file) << text;
    }
};

} // namespace

TEST_F(Initctl, UsageErrors) {
    struct {
        std::vector<std::string> args;
        const char* message;
    } table[] = {
        {{"initctl"}, "usage: initctl COMMAND"},
        {{"initctl", "strat"}, "initctl: unknown command 'strat'; did you mean 'start'?\n"},
        {{"initctl", "\x1b[2J"}, "initctl: unknown command '?[2J'; see 'initctl help'\n"},
        {{"initctl", "--jsn", "list"}, "initctl: unknown option '--jsn'; see 'initctl help'\n"},
        {{"initctl", "start"},
         "initctl: start: needs the name of a service\n"
         "usage: initctl start NAME... [--no-wait]\n"},
        {{"initctl", "start", "--no-wiat", "a"},
         "initctl: start: unknown option '--no-wiat'; did you mean '--no-wait'?\n"},
        {{"initctl", "list", "a"}, "initctl: list: takes no arguments\nusage: initctl list [--all]\n"},
        {{"initctl", "list", "-f"}, "initctl: list: unknown option '-f'\n"},
        {{"initctl", "log", "a", "b"}, "initctl: log: too many arguments\n"},
        {{"initctl", "log", "-n"}, "initctl: log: -n needs a value\n"},
        {{"initctl", "log", "-n", "x"},
         "initctl: log: 'x' is not a number of lines: write one, as in -n 50\n"},
        {{"initctl", "log", "-fx"}, "initctl: log: unknown option '-fx'\n"},
        {{"initctl", "log", "--lines=-3"},
         "initctl: log: '-3' is not a number of lines: write one, as in -n 50\n"},
        {{"initctl", "help", "strt"}, "initctl: unknown command 'strt'; did you mean 'start'?\n"},
        {{"/sbin/poweroff", "now"}, "initctl: poweroff: takes no arguments\n"},
    };
    for (const auto& row : table) {
        EXPECT_EQ(run(row.args), 2) << row.message;
        EXPECT_TRUE(err.starts_with(row.message)) << err;
        EXPECT_EQ(out, "");
    }
}

TEST_F(Initctl, Help) {
    EXPECT_EQ(run({"initctl", "help"}), 0);
    EXPECT_NE(out.find("\n  start NAME... [--no-wait] "), std::string::npos);
    auto all = out;
    EXPECT_EQ(run({"initctl", "--help"}), 0);
    EXPECT_EQ(out, all);
    for (const auto& command : commands()) {
        std::string name(command.name);
        EXPECT_EQ(run({"initctl", name, "--help"}), 0) << name;
        EXPECT_TRUE(out.starts_with("usage: initctl " + name)) << out;
        EXPECT_NE(all.find(std::string("  ").append(command.summary) + "\n"), std::string::npos)
            << name << ": two blanks before what it does";
        auto help = out;
        EXPECT_EQ(run({"initctl", "help", name}), 0);
        EXPECT_EQ(out, help);
        EXPECT_EQ(run({"initctl", "--help", name}), 0);
        EXPECT_EQ(out, help);
        EXPECT_EQ(err, "");
    }
}

TEST_F(Initctl, WithoutInit) {
    for (const char* command :
         {"list", "status", "reload", "is-system-running", "poweroff"}) {
        EXPECT_EQ(run({"initctl", command}), 5) << command;
        EXPECT_TRUE(err.starts_with("initctl: init is not reachable at " + session_.socket +
                                    ": No such file or directory\n")) << err;
        EXPECT_EQ(out, "");
    }
    EXPECT_EQ(run({"initctl", "start", "a"}), 5);
    EXPECT_EQ(run({"initctl", "start", "a/b"}), 4);
    EXPECT_EQ(err, "initctl: no such service 'a/b'\n");
    EXPECT_EQ(run({"initctl", "version"}), 0);
    EXPECT_EQ(out, "initctl " LEASH_VERSION "\ninit: not reachable\n");
    EXPECT_EQ(run({"initctl", "version", "--json"}), 0);
    EXPECT_EQ(out, "{\"version\":\"" LEASH_VERSION "\",\"schema\":1}\n");
}

TEST_F(Initctl, Lists) {
    answer("list", "{\"name\":\"a\",\"state\":\"running\"}\n{\"name\":\"b\",\"state\":\"done\"}\n"
                   "{\"end\":0,\"message\":\"\"}\n");
    answer("ps", "\n{\"cut\n{\"end\":0,\"message\":\"\"}\n");
    answer("ps|+threads", "{\"pid\":7,\"tid\":8}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "list", "--json"}), 0);
    EXPECT_EQ(out,
              "[{\"name\":\"a\",\"state\":\"running\"},\n{\"name\":\"b\",\"state\":\"done\"}]\n");
    auto json = out;
    EXPECT_EQ(run({"initctl", "--json", "list"}), 0);
    EXPECT_EQ(out, json);
    EXPECT_EQ(run({"initctl", "list"}), 0);
    EXPECT_TRUE(out.starts_with("NAME  STATE    PID  RESTARTS  SINCE  DESCRIPTION\na     running"));
    EXPECT_EQ(run({"initctl", "ps"}), 0);
    EXPECT_EQ(out, "no tasks\n");
    EXPECT_EQ(run({"initctl", "ps", "--json"}), 0);
    EXPECT_EQ(out, "[]\n");
    EXPECT_EQ(run({"initctl", "ps", "-t", "--json"}), 0);
    EXPECT_EQ(out, "[{\"pid\":7,\"tid\":8}]\n");
}

TEST_F(Initctl, Status) {
    answer("status|a", "{\"name\":\"a\",\"state\":\"running\",\"main_pid\":7}\n"
                       "{\"end\":0,\"message\":\"\"}\n");
    answer("status|b", "{\"name\":\"b\",\"state\":\"failed\"}\n{\"end\":3,\"message\":\"\"}\n");
    answer("status|c", "{\"end\":4,\"message\":\"no such service 'c'\"}\n");
    answer("status",
           "{\"state\":\"running\",\"version\":\"0.1.0\"}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "status", "a"}), 0);
    EXPECT_TRUE(out.starts_with("a: running (pid 7) since 0s\n"));
    EXPECT_EQ(run({"initctl", "status", "b", "--json"}), 3);
    EXPECT_EQ(out, "{\"name\":\"b\",\"state\":\"failed\"}\n");
    EXPECT_EQ(run({"initctl", "status", "a", "c", "b"}), 4);
    EXPECT_EQ(err, "initctl: no such service 'c'\n");
    EXPECT_EQ(run({"initctl", "status"}), 0);
    EXPECT_TRUE(out.starts_with("Leash 0.1.0: running\n"));
}

TEST_F(Initctl, Changes) {
    answer("start|httpd", "{\"result\":\"httpd\",\"state\":\"running\",\"main_pid\":123,"
                          "\"reason\":\"\"}\n{\"end\":0,\"message\":\"\"}\n");
    answer("start|bad", "{\"result\":\"bad\",\"state\":\"failed\",\"main_pid\":null,"
                        "\"reason\":\"main process ended with exit 1\"}\n"
                        "{\"end\":1,\"message\":\"\"}\n");
    answer("start|htpd",
           "{\"end\":4,\"message\":\"no such service 'htpd'; did you mean 'httpd'?\"}\n");
    answer("stop|net", "{\"dependant\":\"httpd\"}\n{\"result\":\"net\",\"state\":\"stopped\","
                       "\"main_pid\":null,\"reason\":\"\"}\n{\"end\":0,\"message\":\"\"}\n");
    answer("restart|+no-wait|a|b", "{\"end\":0,\"message\":\"\"}\n");
    answer("stop|a", "{\"end\":6,\"message\":\"'stop' is for root only\"}\n");
    answer("start|--no-wait", "{\"end\":0,\"message\":\"\"}\n");
    answer("freeze|a", "{\"result\":\"a\",\"state\":\"running\",\"main_pid\":7,\"frozen\":true}\n"
                       "{\"end\":0,\"message\":\"a owes a sign of life\"}\n");
    answer("thaw|a", "{\"result\":\"a\",\"state\":\"running\",\"main_pid\":7,\"frozen\":false}\n"
                     "{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "freeze", "a"}), 0);
    EXPECT_EQ(out, "a: running, frozen\n");
    EXPECT_EQ(err, "initctl: a owes a sign of life\n");
    EXPECT_EQ(run({"initctl", "thaw", "a"}), 0);
    EXPECT_EQ(out, "a: running\n");
    EXPECT_EQ(run({"initctl", "freeze"}), 2);
    EXPECT_EQ(run({"initctl", "start", "httpd"}), 0);
    EXPECT_EQ(out, "httpd: running (pid 123)\n");
    EXPECT_EQ(run({"initctl", "start", "httpd", "--json"}), 0);
    EXPECT_EQ(out, "[{\"result\":\"httpd\",\"state\":\"running\",\"main_pid\":123,"
                   "\"reason\":\"\"}]\n");
    EXPECT_EQ(run({"initctl", "start", "bad"}), 1);
    EXPECT_EQ(err, "bad: failed: main process ended with exit 1\n  see: initctl log bad\n");
    EXPECT_EQ(run({"initctl", "start", "htpd"}), 4);
    EXPECT_EQ(err, "initctl: no such service 'htpd'; did you mean 'httpd'?\n");
    EXPECT_EQ(run({"initctl", "stop", "net"}), 0);
    EXPECT_EQ(out, "net: stopping httpd first, which depends on it\nnet: stopped\n");
    EXPECT_EQ(run({"initctl", "restart", "a", "--no-wait", "b"}), 0);
    EXPECT_EQ(out, "a: restart asked for\nb: restart asked for\n");
    EXPECT_EQ(run({"initctl", "stop", "a"}), 6);
    EXPECT_EQ(err, "initctl: 'stop' is for root only\n");
    EXPECT_EQ(run({"initctl", "start", "--", "--no-wait"}), 0);
}

TEST_F(Initctl, ReloadOfServices) {
    auto reply = [](const char* state, const char* reason, int end) {
        return std::string("{\"result\":\"a\",\"state\":\"") + state +
               "\",\"main_pid\":7,\"reason\":\"" + reason + "\"}\n{\"end\":" +
               std::to_string(end) + ",\"message\":\"\"}\n";
    };
    answer("reload|a", reply("running", "reloaded", 0));
    answer("reload|b", reply("running", "reload failed: x", 1));
    listen();
    EXPECT_EQ(run({"initctl", "reload", "a"}), 0);
    EXPECT_EQ(out, "a: running (pid 7)\n");
    EXPECT_EQ(run({"initctl", "reload", "b"}), 1);
    EXPECT_EQ(out, "");
    EXPECT_NE(err.find("a: running: reload failed: x"), std::string::npos);
}

TEST_F(Initctl, ConfusedServers) {
    answer("list", "");
    answer("reload", "{\"complaint\":\"a.conf:3: x\"}\n{\"end\":1,\"message\":\"1 error\"}\n");
    answer("is-system-running", "{\"state\":\"starting\"}\n{\"end\":1,\"message\":\"\"}\n");
    answer("is-system-running|+wait", "{\"state\":\"running\"}\n{\"end\":0,\"message\":\"\"}\n");
    answer("ps", "{\"end\":\"x\",\"message\":7}\n");
    listen();
    EXPECT_EQ(run({"initctl", "list"}), 5);
    EXPECT_NE(err.find("it closed the connection"), std::string::npos);
    EXPECT_EQ(run({"initctl", "reload"}), 1);
    EXPECT_EQ(err, "a.conf:3: x\ninitctl: 1 error\n");
    EXPECT_EQ(run({"initctl", "is-system-running"}), 1);
    EXPECT_EQ(out, "starting\n");
    EXPECT_EQ(run({"initctl", "is-system-running", "--wait", "--json"}), 0);
    EXPECT_EQ(out, "{\"state\":\"running\"}\n");
    EXPECT_EQ(run({"initctl", "ps"}), 5) << "no end that it could be taken for";
}

TEST_F(Initctl, Power) {
    EXPECT_EQ(run({"/sbin/reboot"}), 5);
    EXPECT_NE(err.find("initctl reboot -f"), std::string::npos);
    EXPECT_EQ(rebooted, 0);
    EXPECT_EQ(run({"/sbin/reboot", "-f"}), 6); // the fake reboot(2) fails
    EXPECT_EQ(rebooted, static_cast<int>(LINUX_REBOOT_CMD_RESTART));
    EXPECT_EQ(run({"halt", "-f"}), 6);
    EXPECT_EQ(rebooted, static_cast<int>(LINUX_REBOOT_CMD_HALT));
    EXPECT_EQ(run({"halt", "-p", "-f"}), 6);
    EXPECT_EQ(rebooted, static_cast<int>(LINUX_REBOOT_CMD_POWER_OFF));

    rebooted = 0;
    answer("poweroff", "{\"end\":0,\"message\":\"\"}\n");
    answer("poweroff|+force", "{\"end\":0,\"message\":\"\"}\n");
    answer("halt", "{\"end\":1,\"message\":\"the WDT cannot be stopped\"}\n");
    listen();
    EXPECT_EQ(run({"poweroff"}), 0);
    EXPECT_EQ(run({"initctl", "poweroff", "--force"}), 0);
    EXPECT_EQ(run({"halt"}), 1);
    EXPECT_EQ(err, "initctl: the WDT cannot be stopped\n");
    EXPECT_EQ(rebooted, 0);
    EXPECT_EQ(run({"reboot", "-ff"}), 6); // asks nobody
    EXPECT_EQ(rebooted, static_cast<int>(LINUX_REBOOT_CMD_RESTART));
}

TEST_F(Initctl, Log) {
    log("httpd.log.0", "2026-11-22T02:50:12.345Z one\n");
    log("httpd.log", "2026-11-22T02:50:14.000Z three\x1b[2J\n2026-11-22T02:50:15.000Z four\n");
    log("init.log", "2026-11-22T02:50:13.000Z two\nodd\n");
    log("x.tmp", "2026-11-22T02:50:13.000Z no\n");
    EXPECT_EQ(run({"initctl", "log", "httpd"}), 0);
    EXPECT_EQ(out, "2026-11-22T02:50:12.345Z one\n2026-11-22T02:50:14.000Z three?[2J\n"
                   "2026-11-22T02:50:15.000Z four\n");
    EXPECT_EQ(run({"initctl", "log"}), 0);
    EXPECT_EQ(out, "2026-11-22T02:50:12.345Z httpd: one\n2026-11-22T02:50:13.000Z init: two\n"
                   "2026-11-22T02:50:13.000Z init: odd\n"
                   "2026-11-22T02:50:14.000Z httpd: three?[2J\n"
                   "2026-11-22T02:50:15.000Z httpd: four\n");
    EXPECT_EQ(run({"initctl", "log", "-n1", "httpd"}), 0);
    EXPECT_EQ(out, "2026-11-22T02:50:15.000Z four\n");
    EXPECT_EQ(run({"initctl", "log", "--lines", "0"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(run({"initctl", "log", "httpd", "-n", "2", "--json"}), 0);
    EXPECT_EQ(out, "[{\"time\":\"2026-11-22T02:50:14.000Z\",\"service\":\"httpd\","
                   "\"text\":\"three\\u001b[2J\"},\n"
                   "{\"time\":\"2026-11-22T02:50:15.000Z\",\"service\":\"httpd\","
                   "\"text\":\"four\"}]\n");
    EXPECT_EQ(run({"initctl", "log", "../x"}), 4);
}

TEST_F(Initctl, LogOfNothing) {
    EXPECT_EQ(run({"initctl", "log"}), 1); // no folder
    EXPECT_NE(err.find("No such file"), std::string::npos);
    std::filesystem::create_directories(session_.log_folder);
    EXPECT_EQ(run({"initctl", "log"}), 0);
    EXPECT_EQ(err, "initctl: nothing has been logged yet\n");
    EXPECT_EQ(run({"initctl", "log", "--json"}), 0);
    EXPECT_EQ(out, "[]\n");
    EXPECT_EQ(run({"initctl", "log", "htpd"}), 0);
    EXPECT_EQ(err, "initctl: htpd has written nothing yet\n");
    answer("list", "{\"name\":\"httpd\"}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "log", "htpd"}), 4);
    EXPECT_EQ(err, "initctl: no such service 'htpd'; did you mean 'httpd'?\n");
    EXPECT_EQ(run({"initctl", "log", "httpd"}), 0);
    EXPECT_EQ(run({"initctl", "log", "init"}), 0);
}

TEST_F(Initctl, LogFollows) {
    std::string text;
    for (int i = 0; i < 20; ++i) text += fmt::format("2026-11-22T02:50:12.3{:02}Z line {}\n", i, i);
    log("a.log", text);
    int look = 0;
    session_.next_look = [&] {
        switch (look++) {
        case 0: log("a.log", "2026-11-22T02:50:13.000Z ha"); return true;
        case 1: log("a.log", "lf\n2026-11-22T02:50:13.001Z last of the old\n"); return true;
        case 2:
            log("a.log", "2026-11-22T02:50:13.002Z unread\n");
            std::filesystem::rename(session_.log_folder + "/a.log",
                                    session_.log_folder + "/a.log.0");
            log("a.log", "2026-11-22T02:50:14.000Z new\n");
            log("b.log", "2026-11-22T02:50:13.500Z other\n");
            return true;
        case 3: return true;
        default: return false;
        }
    };
    EXPECT_EQ(run({"initctl", "log", "-f"}), 0);
    EXPECT_TRUE(out.starts_with("2026-11-22T02:50:12.310Z a: line 10\n")) << out;
    EXPECT_TRUE(out.ends_with("2026-11-22T02:50:12.319Z a: line 19\n"
                              "2026-11-22T02:50:13.000Z a: half\n"
                              "2026-11-22T02:50:13.001Z a: last of the old\n"
                              "2026-11-22T02:50:13.002Z a: unread\n"
                              "2026-11-22T02:50:13.500Z b: other\n"
                              "2026-11-22T02:50:14.000Z a: new\n")) << out;
    // A reader that goes away ends it.
    session_.out = [](std::string_view) { return false; };
    look = 3;
    EXPECT_EQ(run({"initctl", "log", "-f", "a"}), 0);
    EXPECT_EQ(look, 3);
}

TEST_F(Initctl, VerifyATree) {
    etc("init.conf", "");
    etc("services.d/good.conf", "[service]\ncommand = /bin/sh -c true\n");
    EXPECT_EQ(run({"initctl", "verify"}), 0) << out;
    EXPECT_EQ(out, "1 service: 0 errors, 0 warnings\n");
    EXPECT_EQ(run({"initctl", "verify", "--json"}), 0);
    EXPECT_EQ(out, "[]\n");

    etc("services.d/bad.conf", "[service]\ncommand = /bin/sh\nrestrat = no\n");
    EXPECT_EQ(run({"initctl", "verify"}), 1);
    EXPECT_TRUE(out.starts_with(etc_folder() + "/services.d/bad.conf:3: ")) << out;
    EXPECT_NE(out.find("did you mean 'restart'?"), std::string::npos) << out;
    EXPECT_TRUE(out.ends_with("\n2 services: 1 error, 0 warnings\n")) << out;
    EXPECT_EQ(run({"initctl", "verify", "--json"}), 1);
    EXPECT_TRUE(out.starts_with("[{\"file\":\"" + etc_folder() +
                                "/services.d/bad.conf\",\"line\":3,"
                                "\"key\":\"restrat\",\"severity\":\"error\",\"text\":\""))
        << out;
    EXPECT_TRUE(out.ends_with("}]\n"));
    EXPECT_EQ(run({"initctl", "verify", etc_folder()}), 1); // a folder
    // Only what was asked for.
    EXPECT_EQ(run({"initctl", "verify", etc_folder() + "/services.d/good.conf"}), 0) << out;
    EXPECT_EQ(run({"initctl", "verify", etc_folder() + "/services.d/bad.conf"}), 1);
    EXPECT_EQ(run({"initctl", "verify", etc_folder() + "/init.conf"}), 0) << out;
}

TEST_F(Initctl, VerifyFiles) {
    etc("init.conf", "");
    etc("services.d/net.conf", "[service]\ntype = target\n");
    auto file = folder_ + "/new.conf"; // not yet installed: its neighbours are
    std::ofstream(file) << "[service]\ncommand = /bin/sh\nrequires = net\n";
    EXPECT_EQ(run({"initctl", "verify", file}), 0) << out;
    EXPECT_EQ(out, "1 service: 0 errors, 0 warnings\n");
    std::ofstream(file) << "[service]\ncommand = /bin/sh\nrequires = nett\n";
    EXPECT_EQ(run({"initctl", "verify", file}), 1);
    EXPECT_TRUE(out.starts_with(file + ":3: ")) << out;
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/missing.conf"}), 1);
    std::ofstream(folder_ + "/odd.txt") << "[service]\n";
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/odd.txt"}), 1);
    EXPECT_TRUE(out.starts_with(folder_ + "/odd.txt: ")) << out;
    // A machine's root folder.
    EXPECT_EQ(run({"initctl", "verify", "--root", folder_}), 1); // no /bin/sh there
    EXPECT_EQ(run({"initctl", "verify", "--root=" + folder_ + "/nowhere"}), 1);
}

TEST(LogFiles, Lines) {
    auto line = parse_log_line("a", "2026-11-22T02:50:12.345Z text 2");
    EXPECT_EQ(line.stamp, "2026-11-22T02:50:12.345Z");
    EXPECT_EQ(line.text, "text 2");
    EXPECT_EQ(parse_log_line("a", "2026-11-22T02:50:12.345Z ").text, "");
    EXPECT_EQ(parse_log_line("a", "2026-11-22X02:50:12.345Z x").stamp, "");
    EXPECT_EQ(parse_log_line("a", "short").text, "short");
    EXPECT_EQ(parse_log_line("a", "").text, "");
}

TEST_F(Initctl, RunAsAScope) {
    answer("scope|build", R"({"scope":"build","start_id":"0000000512ab34cd"})" "\n" R"({"end":0})" "\n");
    answer("scope|httpd", R"({"end":1,"message":"there is a service httpd already"})" "\n");
    answer("scope|mine", R"({"end":6,"message":""})" "\n");
    answer("scope|odd", R"({"scope":"odd","start_id":"no number"})" "\n" R"({"end":0})" "\n");
    listen();
    EXPECT_EQ(run({"initctl", "run", "--scope", "build", "--", "make", "--json", "-h"}), 127);
    EXPECT_EQ(became, (std::vector<std::string>{"make", "--json", "-h", "build@0000000512ab34cd"}));
    EXPECT_EQ(err, "initctl: cannot execute make: No such file or directory\n");
    became.clear();
    EXPECT_EQ(run({"initctl", "run", "--scope", "httpd", "make"}), 1);
    EXPECT_EQ(err, "initctl: there is a service httpd already\n");
    EXPECT_EQ(run({"initctl", "run", "--scope=mine", "make"}), 6);
    EXPECT_EQ(err, "initctl: only root may do that\n");
    EXPECT_EQ(run({"initctl", "run", "--scope", "odd", "make"}), 5);
    EXPECT_EQ(run({"initctl", "run", "make"}), 2);
    EXPECT_EQ(err, "initctl: run needs --scope NAME\n");
    EXPECT_EQ(run({"initctl", "run", "--scope", "build"}), 2);
    EXPECT_EQ(run({"initctl", "run", "--scope", "a/b", "make"}), 4);
    EXPECT_EQ(became, std::vector<std::string>{});
}

TEST_F(Initctl, TargetsAndConditions) {
    answer("status", R"({"state":"running","target":"safe"})" "\n" R"({"end":0,"message":""})" "\n");
    answer("target|rescue", R"({"target":"rescue","failed":0})" "\n" R"({"end":0,"message":""})" "\n");
    answer("target|+no-wait|rescue", R"({"end":0,"message":""})" "\n");
    answer("target|default", R"({"target":"default","failed":2})" "\n" R"({"end":1,"message":""})" "\n");
    answer("cond-list", R"({"condition":"user:x","holds":true,"services":["a","b"]})" "\n"
                        R"({"condition":"path:/y","holds":null,"services":[]})" "\n"
                        R"({"end":0,"message":""})" "\n");
    answer("cond-set|x|y", R"({"end":0,"message":""})" "\n");
    answer("cond-clear|x", R"({"end":6,"message":"only root may do that"})" "\n");
    listen();
    EXPECT_EQ(run({"initctl", "target"}), 0);
    EXPECT_EQ(out, "safe\n");
    EXPECT_EQ(run({"initctl", "target", "rescue"}), 0);
    EXPECT_EQ(out, "target rescue is up\n");
    EXPECT_EQ(run({"initctl", "target", "rescue", "--no-wait"}), 0);
    EXPECT_EQ(run({"initctl", "target", "default"}), 1);
    EXPECT_EQ(err, "target default has settled, 2 of its services failed\n");
    EXPECT_EQ(run({"initctl", "cond", "list"}), 0);
    EXPECT_EQ(out, "CONDITION  HOLDS          SERVICES\n"
                   "user:x     yes            a, b\n"
                   "path:/y    not known yet  -\n");
    EXPECT_EQ(run({"initctl", "cond", "set", "x", "y"}), 0);
    EXPECT_EQ(out + err, "");
    EXPECT_EQ(run({"initctl", "cond", "clear", "x"}), 6);
    EXPECT_EQ(run({"initctl", "cond", "set", "a b"}), 2);
    EXPECT_EQ(err, "initctl: 'a b' is no condition's name: 1 to 31 of letters, digits and . _ @ -\n");
    for (auto words : {std::vector<std::string>{"initctl", "cond", "set"},
                       {"initctl", "cond", "list", "x"}, {"initctl", "cond", "toggle", "x"}})
        EXPECT_EQ(run(words), 2);
}
