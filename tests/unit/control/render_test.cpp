// SPDX-License-Identifier: MIT
// The exact text: scripts of other people rely on keys and order.
#include "control/render.h"

#include <gtest/gtest.h>

using namespace leash;
using namespace leash::control;

namespace {

ServiceView httpd() {
    ServiceView view;
    view.name = "httpd";
    view.state = State::running;
    view.start = 0x0000000512ab34cd;
    view.main_pid = 123;
    view.restarts = 2;
    view.since = Ms{1000};
    view.last_exit = 1 << 8;
    view.status_text = "serving \"all\"";
    return view;
}

ServiceSettings settings() {
    ServiceSettings settings;
    settings.description = "Small web server";
    settings.watchdog = Ms{10'000};
    return settings;
}

} // namespace

TEST(Render, AServiceOfAList) {
    auto about = settings();
    EXPECT_EQ(render_service(httpd(), &about, Ms{4500}),
              R"({"name":"httpd","state":"running","main_pid":123,"restarts":2,)"
              R"("start_id":"0000000512ab34cd","reason":"","description":"Small web server",)"
              R"("type":"daemon","since_ms":3500,"last_exit":"exit 1",)"
              R"("status_text":"serving \"all\"","waiting_for":[],"watchdog_ms":10000,)"
              R"("next_attempt_ms":null,"errno":null,"exit_status":null,"error":null,)"
              R"("conditions":[],"binds_to":[],"bound_by":[],"started_for":"",)"
              R"("listens_on":[],"start":"auto","frozen":false})");
    auto frozen = httpd();
    frozen.frozen = true;
    EXPECT_TRUE(render_service(frozen, &about, Ms{0}).ends_with(R"("frozen":true})"));
    EXPECT_EQ(render_frozen(httpd(), true),
              R"({"result":"httpd","state":"running","main_pid":123,"frozen":true})");
    about.start = StartMode::manual;
    EXPECT_TRUE(render_service(httpd(), &about, Ms{0}).ends_with(R"("start":"manual","frozen":false})"));
    auto masked = httpd();
    masked.masked = true;
    EXPECT_TRUE(render_service(masked, &about, Ms{0}).ends_with(R"("start":"masked","frozen":false})"));
    EXPECT_EQ(render_change("new", "httpd", "it is started"),
              R"({"change":"new","service":"httpd","text":"it is started"})");
}

TEST(Render, WhatAServiceSaysOfItself) {
    auto about = settings();
    auto view = httpd();
    view.error_number = 28;
    view.said_exit = 0;
    view.error_text = "a.b";
    view.watchdog = Ms{2000};
    view.stored = {"one", "two"};
    view.notify_access = NotifyAccess::exec;
    view.messages = {5, 4, 3, 2};
    view.timers = {{"io", 5s, -20ms}};
    auto line = render_service(view, &about, Ms{4500}, {});
    for (auto part : {R"("watchdog_ms":2000,)",
                      R"("errno":28,"exit_status":0,"error":"a.b",)", R"("stored":["one","two"],)"
                      R"("notify_access":"exec","messages":{"received":5,"dropped":4,"ignored":3,)"
                      R"("pauses":2},"timers":[{"name":"io","limit_ms":5000,"left_ms":-20}]})"})
        EXPECT_NE(line.find(part), std::string::npos) << line;
    view.notify_access.reset();
    line = render_service(view, &about, Ms{4500}, {});
    EXPECT_TRUE(line.ends_with(R"("notify_access":null,"messages":null,"timers":[{"name":"io",)"
                               R"("limit_ms":5000,"left_ms":-20}]})"))
        << line;
}

TEST(Render, AScope) {
    ServiceSettings scope;
    scope.scope = true;
    auto line = render_service(httpd(), &scope, Ms{4500});
    EXPECT_NE(line.find(R"("type":"scope")"), std::string::npos) << line;
    EXPECT_EQ(render_scope("build", 0x5'12ab'34cd),
              R"({"scope":"build","start_id":"0000000512ab34cd"})");
}

TEST(Render, AServiceWithTasks) {
    EXPECT_EQ(render_service(httpd(), nullptr, Ms{0},
                             {{123, 123, "httpd", "lineage", 'S', "/usr/sbin/httpd -f"},
                              {130, 131, "httpd", "tag", 'R', "x\x01\xff", 0x5'12ab'34cd, true}}),
              R"({"name":"httpd","state":"running","main_pid":123,"restarts":2,)"
              R"("start_id":"0000000512ab34cd","tasks":[)"
              R"({"pid":123,"tid":123,"service":"httpd","source":"lineage","state":"S",)"
              R"("command":"/usr/sbin/httpd -f","start_id":null,"stray":false},)"
              R"({"pid":130,"tid":131,"service":"httpd","source":"tag","state":"R",)"
              R"("command":"x\u0001\ufffd","start_id":"0000000512ab34cd","stray":true}],)"
              R"("reason":"","description":"","type":"","since_ms":0,"last_exit":"exit 1",)"
              R"("status_text":"serving \"all\"","waiting_for":[],"watchdog_ms":0,)"
              R"("next_attempt_ms":null,"errno":null,"exit_status":null,"error":null,)"
              R"("conditions":[],"binds_to":[],"bound_by":[],"started_for":"",)"
              R"("listens_on":[],"start":null,"frozen":false,)"
              R"("stored":[],"notify_access":null,"messages":null,)"
              R"("timers":[]})");
}

TEST(Render, AServiceWithNothing) {
    ServiceView view;
    view.name = "a";
    view.state = State::backoff;
    view.last_start = 7;
    view.last_exit = 11; // SIGSEGV
    view.waiting_for = {"b", "c"};
    view.listens_on = {"http=stream:80"};
    view.next_attempt = Ms{250};
    view.reason = "main process ended with SIGSEGV";
    EXPECT_EQ(render_service(view, nullptr, Ms{0}, {}),
              R"({"name":"a","state":"backoff","main_pid":null,"restarts":0,"start_id":null,)"
              R"("tasks":[],"reason":"main process ended with SIGSEGV","description":"","type":"",)"
              R"("since_ms":0,"last_exit":"SIGSEGV","status_text":"","waiting_for":["b","c"],)"
              R"("watchdog_ms":0,"next_attempt_ms":250,"errno":null,"exit_status":null,)"
              R"("error":null,"conditions":[],"binds_to":[],"bound_by":[],"started_for":"",)"
              R"("listens_on":["http=stream:80"],"start":null,"frozen":false,)"
              R"("stored":[],"notify_access":null,)"
              R"("messages":null,"timers":[]})");
}

TEST(Render, ATaskOfNobody) {
    EXPECT_EQ(render_task({2, 2, "", "", 'S', "[kthreadd]"}),
              R"({"pid":2,"tid":2,"service":null,"source":null,"state":"S",)"
              R"("command":"[kthreadd]","start_id":null,"stray":false})");
}

TEST(Render, TheSystem) {
    SystemView system;
    system.state = "degraded";
    system.target = "default";
    system.uptime = Ms{61'000};
    system.module = "loaded";
    system.cgroup = "/sys/fs/cgroup";
    system.services = 3;
    system.running = 2;
    system.failed = {"httpd"};
    system.plugins = {{"watchdog", "feeding /dev/watchdog"}};
    system.notes = {"no WDT"};
    EXPECT_EQ(
        render_system(system),
        R"({"state":"degraded","target":"default","uptime_ms":61000,"version":")" LEASH_VERSION
        R"(","module":"loaded","cgroup":"/sys/fs/cgroup","services":3,"running":2,)"
        R"("failed":["httpd"],"plugins":[{"name":"watchdog",)"
        R"("status":"feeding /dev/watchdog"}],"notes":["no WDT"],)"
        R"("crashes":0,"crashed_ms":null,"crash":null,"crash_report":null,"troubles":0,"records":""})");
    system.crashes = 2;
    system.crashed = system.uptime - Ms{5'000};
    system.crash = "SIGSEGV in init+0x12";
    system.crash_report = "/run/x.txt";
    system.troubles = 1;
    system.records = "2 wait";
    EXPECT_TRUE(render_system(system).ends_with(
        R"("crashes":2,"crashed_ms":5000,"crash":"SIGSEGV in init+0x12","crash_report":"/run/x.txt",)"
        R"("troubles":1,"records":"2 wait"})"));
}

TEST(Render, SmallOnes) {
    TroubleView trouble{"web", "", "deadlock", "two threads", 0x12, Ms{1'000}, "restart", Ms{9'000}};
    EXPECT_EQ(render_trouble(trouble, Ms{4'000}),
              R"({"service":"web","source":null,"kind":"deadlock","evidence":"two threads",)"
              R"("start_id":"0000000000000012","since_ms":3000,"next":"restart","due_ms":5000})");
    EXPECT_EQ(render_trouble({"", "monitor m", "memory", "97%", 0, Ms{0}, "", Ms{0}}, Ms{1}),
              R"({"service":null,"source":"monitor m","kind":"memory","evidence":"97%",)"
              R"("start_id":null,"since_ms":1,"next":null,"due_ms":null})");
    EXPECT_EQ(render_version(), R"({"version":")" LEASH_VERSION R"(","schema":1})");
    EXPECT_EQ(render_state("starting"), R"({"state":"starting"})");
    EXPECT_EQ(render_dependant("app"), R"({"dependant":"app"})");
    EXPECT_EQ(render_complaint("a.conf:3: x"), R"({"complaint":"a.conf:3: x"})");
    EXPECT_EQ(render_end(4, "no such service 'x'"), R"({"end":4,"message":"no such service 'x'"})");
    EXPECT_EQ(render_result(httpd()),
              R"({"result":"httpd","state":"running","main_pid":123,"reason":""})");
    EXPECT_EQ(status_of(State::running), 0);
    EXPECT_EQ(status_of(State::reloading), 0);
    EXPECT_EQ(status_of(State::done), 0);
    EXPECT_EQ(status_of(State::starting), 3);
    EXPECT_EQ(status_of(State::failed), 3);
}

TEST(Render, ConditionsAndBonds) {
    ServiceView view;
    view.name = "a";
    view.conditions = {{"net:eth0", true}, {"!path:/x", std::nullopt}};
    view.binds_to = {"b"};
    view.bound_by = {"c", "d"};
    view.started_for = "e";
    auto line = render_service(view, nullptr, Ms{0});
    EXPECT_TRUE(line.ends_with(
        R"("conditions":[{"condition":"net:eth0","holds":true},{"condition":"!path:/x","holds":null}],)"
        R"("binds_to":["b"],"bound_by":["c","d"],"started_for":"e",)"
        R"("listens_on":[],"start":null,"frozen":false})")) << line;
    EXPECT_EQ(render_condition("user:x", false, {"a", "b"}),
              R"({"condition":"user:x","holds":false,"services":["a","b"]})");
    EXPECT_EQ(render_target("safe", 2), R"({"target":"safe","failed":2})");
}
