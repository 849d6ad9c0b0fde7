// SPDX-License-Identifier: MIT
#include "initctl/tables.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace leash;
using namespace leash::initctl;

namespace {

const std::vector<Json> kServices{
    Json::parse(R"({"name":"httpd","state":"running","main_pid":123,"restarts":0,"since_ms":301000,
                    "description":"Small web server"})"),
    Json::parse(R"({"name":"getty@ttyS0","state":"backoff","main_pid":null,"restarts":12,
                    "since_ms":900,"description":"Caf\u00e9 \u001b[2J"})"),
    Json::parse(R"({"name":"net","state":"done","main_pid":null,"restarts":0,"since_ms":400000000,
                    "description":""})"),
};

} // namespace

TEST(Tables, Services) {
    EXPECT_EQ(service_table(kServices, {}),
              "NAME         STATE    PID  RESTARTS  SINCE  DESCRIPTION\n"
              "httpd        running  123         0     5m  Small web server\n"
              "getty@ttyS0  backoff    -        12     0s  Caf\u00e9 ?[2J\n"
              "net          done       -         0     4d\n");
}

TEST(Tables, ANarrowTerminal) {
    EXPECT_EQ(service_table(kServices, {false, 53}),
              "NAME         STATE    PID  RESTARTS  SINCE  DESCRIP..\n"
              "httpd        running  123         0     5m  Small w..\n"
              "getty@ttyS0  backoff    -        12     0s  Caf\u00e9 ?[2J\n"
              "net          done       -         0     4d\n");
    EXPECT_FALSE(service_table(kServices, {false, 10}).empty());
}

TEST(Tables, ColoursDoNotShiftColumns) {
    EXPECT_EQ(service_table({kServices[0]}, {true, 0}),
              "NAME   STATE    PID  RESTARTS  SINCE  DESCRIPTION\n"
              "httpd  \033[32mrunning\033[0m  123         0     5m  Small web server\n");
}

TEST(Tables, WhatStartsByItselfSaysWhen) {
    auto timer = Json::parse(R"({"name":"job","state":"done","main_pid":null,"restarts":0,
        "since_ms":1000,"description":"Backup","next_attempt_ms":59001})");
    auto other = timer;
    other["name"] = "other", other["next_attempt_ms"] = nullptr;
    EXPECT_EQ(service_table({timer, other}, {}),
              "NAME   STATE  PID  RESTARTS  SINCE  NEXT  DESCRIPTION\n"
              "job    done     -         0     1s    1m  Backup\n"
              "other  done     -         0     1s     -  Backup\n");
    EXPECT_NE(service_page(timer, {}).find("  next run    in 1m\n"), std::string::npos);
}

TEST(Tables, NothingIsSaidInWords) {
    EXPECT_EQ(service_table({}, {}), "no services\n");
    EXPECT_EQ(task_table({}, {}), "no tasks\n");
}

TEST(Tables, Tasks) {
    EXPECT_EQ(task_table({Json::parse(R"({"pid":1,"tid":1,"service":null,"source":null,
                                          "state":"S","command":"/sbin/init"})"),
                          Json::parse(R"({"pid":1234,"tid":1235,"service":"httpd",
                                          "source":"lineage","state":"R","command":"httpd -f"})"),
                          Json::parse(R"({"pid":1236,"tid":1236,"service":"httpd","stray":true,
                                          "source":"lineage","state":"R","command":"hydra"})")},
                         {}),
              " PID   TID  SERVICE  SOURCE          STATE  COMMAND\n"
              "   1     1  -        -               S      /sbin/init\n"
              "1234  1235  httpd    lineage         R      httpd -f\n"
              "1236  1236  httpd    lineage, stray  R      hydra\n");
}

TEST(Tables, AServicePage) {
    EXPECT_EQ(service_page(Json::parse(R"({"name":"httpd","state":"running","main_pid":123,
        "restarts":2,"start_id":"0000000512ab34cd","tasks":[{"pid":123,"tid":123,
        "service":"httpd","source":"cgroup","state":"S","command":"httpd -f"}],"reason":"",
        "description":"Small web server","type":"daemon","since_ms":61000,"last_exit":"exit 1",
        "status_text":"3 clients","waiting_for":[],"watchdog_ms":10000,
        "next_attempt_ms":null})"), {}),
              "httpd: running (pid 123) since 1m\n"
              "  description Small web server\n"
              "  type        daemon\n"
              "  says        3 clients\n"
              "  last exit   exit 1\n"
              "  restarts    2\n"
              "  watchdog    10000 ms\n"
              "  start id    0000000512ab34cd\n"
              "  tasks       1\n"
              "PID  TID  SOURCE  STATE  COMMAND\n"
              "123  123  cgroup  S      httpd -f\n");
    EXPECT_EQ(service_page(Json::parse(R"({"name":"a","state":"backoff","main_pid":null,
        "start_id":null,"tasks":[],"reason":"main process ended with SIGSEGV","since_ms":0,
        "waiting_for":["b","c"],"next_attempt_ms":1500})"), {}),
              "a: backoff since 0s\n"
              "  reason      main process ended with SIGSEGV\n"
              "  waits for   b, c\n"
              "  next try    in 2s\n");
}

TEST(Tables, WhatAServiceSaysOfItself) {
    EXPECT_EQ(service_page(Json::parse(R"({"name":"a","state":"running","since_ms":0,"errno":28,
        "exit_status":0,"error":"a.b","stored":["one","two"],"notify_access":"main",
        "messages":{"received":9,"dropped":2,"ignored":0,"pauses":1}})"), {}),
              "a: running since 0s\n"
              "  says errno  28 (No space left on device)\n"
              "  says exit   0\n"
              "  says error  a.b\n"
              "  stored      one, two\n"
              "  messages    of main, 2 dropped, 1 pauses\n");
    EXPECT_EQ(service_page(Json::parse(R"({"name":"a","state":"running","since_ms":0,"errno":null,
        "exit_status":null,"error":null,"stored":[],"notify_access":"all",
        "messages":{"received":9,"dropped":0,"ignored":0,"pauses":0}})"), {}),
              "a: running since 0s\n");
}

TEST(Tables, TheSystem) {
    EXPECT_EQ(system_page(Json::parse(R"({"state":"degraded","target":"default",
        "uptime_ms":7200000,"version":"0.1.0","module":"loaded","cgroup":"/sys/fs/cgroup",
        "services":3,"running":2,"failed":["httpd"],"plugins":[{"name":"watchdog",
        "status":"feeding /dev/watchdog"}],"notes":["no WDT"]})"), {}),
              "Leash 0.1.0: degraded\n"
              "  target      default\n"
              "  uptime      2h\n"
              "  services    3, 2 of them up\n"
              "  failed      httpd\n"
              "  module      loaded\n"
              "  cgroup      /sys/fs/cgroup\n"
              "  watchdog    feeding /dev/watchdog\n"
              "  note        no WDT\n");
}

TEST(Tables, WhateverInitSends) {
    for (const char* text :
         {"{}", R"({"name":7,"state":null,"tasks":"x","waiting_for":{},"pid":1.5})",
          R"({"tasks":[7,{"pid":"x"}],"failed":[1],"plugins":[2]})"}) {
        auto object = Json::parse(text);
        EXPECT_FALSE(service_page(object, {true, 5}).empty());
        EXPECT_FALSE(system_page(object, {true, 5}).empty());
        EXPECT_FALSE(service_table({object}, {true, 5}).empty());
        EXPECT_FALSE(task_table({object}, {true, 5}).empty());
    }
}

TEST(Tables, Pieces) {
    EXPECT_EQ(age(Ms{0}), "0s");
    EXPECT_EQ(age(Ms{59'999}), "59s");
    EXPECT_EQ(age(Ms{60'000}), "1m");
    EXPECT_EQ(age(Ms{3'600'000}), "1h");
    EXPECT_EQ(age(Ms{47 * 3'600'000}), "47h");
    EXPECT_EQ(age(Ms{72 * 3'600'000}), "3d");
    EXPECT_EQ(cut("abcdef", 6), "abcdef");
    EXPECT_EQ(cut("abcdef", 4), "ab..");
    EXPECT_EQ(cut("\u00e9\u00e9\u00e9\u00e9", 3), "\u00e9..");
    EXPECT_EQ(cut("abc", 1), ".");
    EXPECT_EQ(cut("abc", 0), "");
}
