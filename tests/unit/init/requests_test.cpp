// SPDX-License-Identifier: MIT
#include "init/requests.h"

#include <gtest/gtest.h>

#include "init/scopes.h"

using namespace leash;

namespace {

struct Answer final : control::Reply {
    void line(std::string) override {}
    void end(int told, std::string text) override {
        status = told;
        message = std::move(text);
    }
    [[nodiscard]] bool gone() const override { return false; }
    void leave_to_worker() override {}
    bool worker_line(std::string) override { return false; }
    [[nodiscard]] int fd() const override { return -1; }
    int status = -1;
    std::string message;
};

using Told = Answer; // the core has an Answer, too

struct RequestsTest : testing::Test {
    RequestsTest() {
        core.set_actor([this](const Action& action) {
            if (const auto* spawn = std::get_if<action::Spawn>(&action)) start = spawn->start;
        });
        core.set_settled([] {});
        core.set_touched([](const std::string&) {});
        manager.define(scope_settings("job"));
        core.post(event::StartRequested{"job"});
        core.post(event::Spawned{start, 100});
        core.post(event::Executed{start});
    }
    std::shared_ptr<Answer> ask(const std::string& verb) {
        auto answer = std::make_shared<Answer>();
        control::Request request;
        request.verb = verb;
        request.args = {"job"};
        requests.handle(request, answer);
        return answer;
    }
    EventLoop loop;
    Manager manager{[this] { return ++last; }};
    CoreLoop core{loop, manager};
    Workers workers{loop};
    Requests requests{manager, core, workers, {[] { return control::SystemView{}; }, {}, {}, {}, {}}};
    StartId start = 0, last = 0;
};

} // namespace

TEST_F(RequestsTest, AScopeCanBeStoppedAndNothingElse) {
    ASSERT_EQ(manager.view("job")->state, State::running);
    for (const auto* verb : {"start", "restart"}) {
        auto answer = ask(verb);
        EXPECT_EQ(answer->status, control::status::failed) << verb;
        EXPECT_NE(answer->message.find("job is a scope"), std::string::npos) << answer->message;
        EXPECT_EQ(manager.view("job")->state, State::running) << verb;
    }
    auto answer = ask("stop");
    EXPECT_EQ(answer->status, -1); // not yet
    EXPECT_EQ(manager.view("job")->state, State::stopping);
}

TEST(Requests, ATargetIsWaitedForUntilAnotherIsAskedFor) {
    EventLoop loop;
    Manager manager([] { return StartId{1}; });
    CoreLoop core(loop, manager);
    Workers workers(loop);
    RequestHooks hooks;
    std::vector<std::string> entered;
    hooks.target = [&](const std::string& target, const std::string&) -> Result<void> {
        if (target == "nonsense") return fail("there is no target nonsense");
        entered.push_back(target);
        return {};
    };
    Requests requests(manager, core, workers, hooks);
    auto ask = [&](const std::string& target, bool no_wait = false) {
        auto answer = std::make_shared<Told>();
        control::Request request;
        request.verb = "target";
        request.args = {target};
        request.option = no_wait;
        requests.handle(request, answer);
        return answer;
    };
    EXPECT_EQ(ask("nonsense")->status, control::status::failed);
    EXPECT_EQ(ask("safe", true)->status, control::status::done);
    auto rescue = ask("rescue");
    auto first = ask("default"), second = ask("default");
    EXPECT_EQ(rescue->status, control::status::failed);
    EXPECT_EQ(rescue->message, "target default was asked for meanwhile");
    requests.target_settled("rescue", 0);
    EXPECT_EQ(first->status, -1);
    requests.target_settled("default", 1);
    EXPECT_EQ(first->status, control::status::failed);
    EXPECT_EQ(second->status, control::status::failed);
    EXPECT_EQ(entered, (std::vector<std::string>{"safe", "rescue", "default", "default"}));
}

TEST(Requests, FreezeAndThawOfWhatRuns) {
    EventLoop loop;
    StartId last = 0;
    Manager manager([&] { return ++last; });
    CoreLoop core(loop, manager);
    core.set_actor([](const Action&) {});
    core.set_settled([] {});
    core.set_touched([](const std::string&) {});
    Workers workers(loop);
    RequestHooks hooks;
    std::string state = "running";
    hooks.system = [&] {
        control::SystemView system;
        system.state = state;
        return system;
    };
    std::set<std::string> frozen;
    hooks.freeze = [&](const std::string& name, bool wanted, const std::string&) -> Result<void> {
        if (name == "stubborn") return fail("there is no cgroup v2");
        if (wanted) frozen.insert(name);
        else frozen.erase(name);
        return {};
    };
    hooks.is_frozen = [&](const std::string& name) { return frozen.contains(name); };
    Requests requests(manager, core, workers, hooks);
    for (const auto* name : {"web", "stubborn", "idle"}) {
        ServiceSettings settings;
        settings.name = name;
        settings.command = {"/bin/true"};
        if (settings.name == "web") settings.watchdog = 10s;
        manager.define(settings);
        if (settings.name == "idle") continue;
        core.post(event::StartRequested{name});
        core.post(event::Spawned{last, 100});
        core.post(event::Executed{last});
        ASSERT_EQ(manager.view(name)->state, State::running) << name;
    }
    auto ask = [&](const char* verb, const char* name) {
        auto answer = std::make_shared<Told>();
        control::Request request;
        request.verb = verb;
        request.args = {name};
        requests.handle(request, answer);
        return std::pair(answer->status, answer->message);
    };
    using control::status::done, control::status::failed;
    EXPECT_EQ(ask("freeze", "web"),
              std::pair(done, std::string("web owes a sign of life every 10s, which it cannot give: its "
                                          "watchdog will act")));
    EXPECT_TRUE(frozen.contains("web"));
    EXPECT_EQ(ask("thaw", "web"), std::pair(done, std::string()));
    EXPECT_TRUE(frozen.empty());
    EXPECT_EQ(ask("thaw", "web"), std::pair(done, std::string())) << "it is as asked";
    EXPECT_EQ(ask("freeze", "stubborn"),
              std::pair(failed, std::string("stubborn cannot be frozen: there is no cgroup v2")));
    EXPECT_EQ(ask("freeze", "idle"),
              std::pair(failed, std::string("idle cannot be frozen: it is stopped: see initctl start")));
    EXPECT_EQ(ask("freeze", "nobody").first, control::status::no_such_service);
    state = "stopping";
    EXPECT_EQ(ask("freeze", "web"),
              std::pair(failed, std::string("web cannot be frozen: the machine is going down")));
}
