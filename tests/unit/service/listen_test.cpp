// SPDX-License-Identifier: MIT
// Sockets of a service: when they are made and closed, and what traffic does.
#include "core_harness.h"
#include "service/life_record.h"

using namespace leash;
using namespace leash::test;

namespace {

void sockets(ServiceSettings& s, ListenStart start = ListenStart::always) {
    s.listen.edit().sockets = {{"http", ListenKind::stream, "80"}, {"", ListenKind::fifo, "/run/f"}};
    s.listen.edit().start = start;
    s.restart = RestartWhen::always;
    s.restart_limit = {2, Ms{60'000}};
}
void demand(ServiceSettings& s) { sockets(s, ListenStart::demand); }

Lines boot(Bench& b) { return b.send(event::TargetRequested{"default"}); }
Lines listening(Bench& b) { return b.send(event::Listening{"a"}); }
Lines traffic(Bench& b) { return b.send(event::Traffic{"a", "http"}); }
Lines emptied_with_traffic(Bench& b) { return b.send(event::Emptied{b.start("a"), 0, true}); }

const std::string kWhere = "listens on stream:80, fifo:/run/f";

// On demand, waiting for traffic.
void wait_for_traffic(Bench& b, const std::function<void(ServiceSettings&)>& change = {}) {
    b.define("a", [&](auto& s) {
        demand(s);
        if (change) change(s);
    });
    boot(b);
    listening(b);
    ASSERT_TRUE(b.manager.life("a")->listens);
}

} // namespace

TEST(Listen, BeforeTheServiceAndOverItsStarts) {
    Bench b;
    b.define("a", [](auto& s) { sockets(s); });
    EXPECT_EQ(b.request("a"), Lines{"listen a"});
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_EQ(listening(b), Lines{"spawn a#1"});
    b.spawned("a");
    EXPECT_EQ(b.manager.view("a")->listens_on, (Lines{"http=stream:80", "fifo:/run/f"}));
    b.end("a", killed_by(SIGKILL));
    EXPECT_EQ(b.state("a"), State::backoff);
    EXPECT_EQ(b.pass(Ms{200}), Lines{"spawn a#2"}); // nothing is closed or opened in between
    b.spawned("a");
    b.restart("a");
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), Lines{"spawn a#3"});
    b.spawned("a");
    b.stop("a");
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), Lines{"unlisten a"});
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_TRUE(b.manager.view("a")->listens_on.empty());
    EXPECT_EQ(b.request("a"), Lines{"listen a"});
}

TEST(Listen, MadeAtOnceThoughItWaitsForOthers) {
    Bench b;
    b.define("base", [](auto& s) { s.notify.kind = NotifyKind::systemd; });
    b.define("a", [](auto& s) { sockets(s), s.needs = {"base"}; });
    b.define("later", [](auto& s) { s.needs = {"a"}; });
    EXPECT_EQ(boot(b), (Lines{"spawn base#1", "listen a"}));
    EXPECT_EQ(listening(b), Lines{});
    b.spawned("base");
    EXPECT_EQ(b.ready("base"), Lines{"spawn a#2"});
    EXPECT_EQ(b.spawned("a"), Lines{"spawn later#3"});
}

TEST(Listen, NoSocketsNoService) {
    Bench b;
    b.define("a", [](auto& s) { sockets(s); });
    b.define("later", [](auto& s) { s.needs = {"a"}; });
    b.define("other");
    boot(b);
    EXPECT_EQ(b.send(event::ListenFailed{"a", "cannot listen on stream:80: taken"}), Lines{});
    EXPECT_EQ(b.state("a"), State::failed);
    EXPECT_EQ(b.reason("a"), "cannot listen on stream:80: taken");
    EXPECT_EQ(b.state("later"), State::failed);
    EXPECT_EQ(b.state("other"), State::starting);
    EXPECT_EQ(b.request("a"), Lines{"listen a"}); // try again
}

TEST(Listen, OnDemandItCountsAsUpAndTrafficStartsIt) {
    Bench b;
    b.define("a", demand);
    b.define("later", [](auto& s) { s.needs = {"a"}; });
    EXPECT_EQ(boot(b), Lines{"listen a"});
    EXPECT_EQ(listening(b), (Lines{"watch a", "tell a: " + kWhere, "spawn later#1"}));
    EXPECT_EQ(b.spawned("later"), Lines{"settled default 0"});
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_EQ(b.reason("a"), kWhere);
    EXPECT_EQ(traffic(b), (Lines{"tell a: traffic on http, starting it", "spawn a#2"}));
    EXPECT_EQ(traffic(b), Lines{}); // late
    b.spawned("a");
    EXPECT_EQ(b.state("a"), State::running);
    // Nothing left to do: it waits for traffic again, whatever `restart` says.
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), (Lines{"watch a", "tell a: " + kWhere}));
    EXPECT_EQ(b.state("a"), State::waiting);
    EXPECT_EQ(b.manager.life("a")->restarts, 0);
    EXPECT_EQ(b.state("later"), State::running);
    EXPECT_EQ(b.stop("a"), Lines{"signal later#1 15"}); // who depends on it goes first
    EXPECT_EQ(traffic(b), Lines{});
    b.exited("later", 0);
    EXPECT_EQ(b.emptied("later"), Lines{"unlisten a"});
    EXPECT_EQ(b.state("a"), State::stopped); // and nothing starts it again
    EXPECT_EQ(traffic(b), Lines{});
}

TEST(Listen, ByNameItStartsAtOnce) {
    for (bool again : {false, true}) {
        Bench b;
        wait_for_traffic(b);
        EXPECT_EQ(again ? b.restart("a") : b.request("a"), Lines{"spawn a#1"});
        EXPECT_EQ(traffic(b), Lines{});
        b.spawned("a");
        b.stop("a");
        b.exited("a", 0);
        EXPECT_EQ(b.emptied("a"), Lines{"unlisten a"});
        EXPECT_EQ(b.request("a"), Lines{"listen a"});
        EXPECT_EQ(listening(b), Lines{"spawn a#2"});
    }
}

TEST(Listen, AFailureIsAnsweredByRestart) {
    Bench b;
    wait_for_traffic(b);
    traffic(b);
    b.spawned("a");
    b.end("a", exit_status(1));
    EXPECT_EQ(b.state("a"), State::backoff);
    EXPECT_EQ(b.pass(Ms{200}), Lines{"spawn a#2"});
    b.spawned("a");
    b.manager.define(*b.manager.settings("a")); // the same again: nothing happens
    b.exited("a", exit_status(1));
    b.emptied("a");
    b.pass(Ms{1'000});
    b.spawned("a");
    b.exited("a", exit_status(1));
    EXPECT_EQ(b.emptied("a"), Lines{"unlisten a"});
    EXPECT_EQ(b.state("a"), State::failed);
}

// It ends well without taking what it was started for.
TEST(Listen, NoBusyLoop) {
    Bench b;
    wait_for_traffic(b);
    traffic(b);
    for (int round = 0; round < 2; ++round) {
        b.spawned("a");
        b.exited("a", 0);
        EXPECT_EQ(emptied_with_traffic(b), Lines{});
        EXPECT_EQ(b.state("a"), State::backoff);
        EXPECT_EQ(b.pass(Ms{1'000}).size(), 1U); // spawn
    }
    EXPECT_EQ(b.manager.life("a")->restarts, 2);
    b.spawned("a");
    b.exited("a", 0);
    auto lines = emptied_with_traffic(b);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_TRUE(lines[0].starts_with("tell a: trouble: crash-loop: 3 exits in 1m")) << lines[0];
    EXPECT_TRUE(lines[0].find("left traffic on its sockets") != std::string::npos) << lines[0];
    EXPECT_EQ(lines[1], "unlisten a");
    EXPECT_EQ(b.state("a"), State::failed);
}

TEST(Listen, TheCrashLoopOfADemandServiceHasAPolicy) {
    Bench b;
    wait_for_traffic(b, [](auto& s) {
        s.restart_limit = {1, Ms{60'000}};
        s.on_trouble = *parse_policy("restart 1/1h, stop");
        s.restart_delay_max = Ms{5'000};
    });
    traffic(b);
    for (int round = 0; round < 2; ++round) {
        b.spawned("a");
        b.exited("a", 0);
        emptied_with_traffic(b);
        EXPECT_EQ(b.state("a"), State::backoff) << round;
        b.pass(Ms{6'000});
    }
    EXPECT_EQ(b.state("a"), State::starting);
}

TEST(Listen, AStopWhileTheyAreMade) {
    Bench b;
    b.define("a", demand);
    boot(b);
    EXPECT_EQ(b.stop("a"), (Lines{"unlisten a", "settled default 0"}));
    EXPECT_EQ(listening(b), Lines{});
    EXPECT_EQ(b.state("a"), State::stopped);
    EXPECT_TRUE(b.manager.view("a")->listens_on.empty());
}

TEST(Listen, NewSettings) {
    struct Case {
        const char* name;
        std::function<void(ServiceSettings&)> change;
        Lines lines;
    };
    const Case cases[] = {
        {"nothing about sockets", [](auto& s) { s.description = "x"; }, {}},
        {"another backlog", [](auto& s) { s.listen.edit().backlog = 7; }, {"listen a"}},
        {"another mode", [](auto& s) { s.listen.edit().mode = 0600; }, {"listen a"}},
        {"one less", [](auto& s) { s.listen.edit().sockets.pop_back(); }, {"listen a"}},
        {"none", [](auto& s) { s.listen.edit().sockets.clear(); }, {"unlisten a", "spawn a#1"}},
        {"always", [](auto& s) { s.listen.edit().start = ListenStart::always; }, {"spawn a#1"}},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        Bench b;
        wait_for_traffic(b);
        auto settings = *b.manager.settings("a");
        each.change(settings);
        b.manager.define(settings);
        EXPECT_EQ(b.send(event::Tick{}), each.lines);
    }
    // While it lives they stay until its next start.
    Bench b;
    b.define("a", [](auto& s) { sockets(s); });
    b.request("a");
    listening(b);
    b.spawned("a");
    b.define("a", [](auto& s) { sockets(s), s.listen.edit().sockets.pop_back(); });
    EXPECT_EQ(b.send(event::Tick{}), Lines{});
    b.restart("a");
    b.exited("a", 0);
    EXPECT_EQ(b.emptied("a"), Lines{"listen a"});
    EXPECT_EQ(listening(b), Lines{"spawn a#2"});
}

TEST(Listen, ShutdownClosesThem) {
    Bench b;
    wait_for_traffic(b);
    EXPECT_EQ(b.send(event::ShutdownRequested{b.now + Ms{1'000}}), (Lines{"unlisten a", "all stopped"}));
    EXPECT_EQ(traffic(b), Lines{});
}

TEST(Listen, ANextLifeOfInitGoesOn) {
    Bench b;
    wait_for_traffic(b);
    auto resumed = [&](auto change) {
        auto next = std::make_unique<Bench>();
        next->define("a", demand);
        auto life = unpack(pack(*b.manager.life("a")));
        change(life);
        next->manager.resume("a", life);
        return next;
    };
    auto same = resumed([](Life&) {});
    EXPECT_EQ(same->send(event::Tick{}), Lines{}); // init watches by itself
    EXPECT_EQ(traffic(*same), (Lines{"tell a: traffic on http, starting it", "spawn a#1"}));
    auto lost = resumed([](Life& life) { life.sockets = Sockets::stale, life.listens = false; });
    EXPECT_EQ(lost->send(event::Tick{}), Lines{"listen a"});
    EXPECT_EQ(listening(*lost), (Lines{"watch a", "tell a: " + kWhere}));
    // The crash came while they were made.
    Bench early;
    early.define("a", demand);
    boot(early);
    EXPECT_EQ(unpack(pack(*early.manager.life("a"))).sockets, Sockets::closed);
}

TEST(Listen, Identity) {
    Listen one;
    one.sockets = {{"a", ListenKind::stream, "80"}, {"", ListenKind::dgram, "/run/x"}};
    EXPECT_EQ(to_string(one.sockets[0]), "a=stream:80");
    EXPECT_EQ(to_string(one.sockets[1]), "dgram:/run/x");
    auto other = one;
    EXPECT_TRUE(same_sockets(one, other));
    other.mode = 0600; // of the path alone
    EXPECT_EQ(identity_of(one, one.sockets[0]), identity_of(other, other.sockets[0]));
    EXPECT_NE(identity_of(one, one.sockets[1]), identity_of(other, other.sockets[1]));
    EXPECT_FALSE(same_sockets(one, other));
    other = one;
    other.sockets[0].name = "b"; // nothing is opened anew, but it is passed by another name
    EXPECT_EQ(identity_of(one, one.sockets[0]), identity_of(other, other.sockets[0]));
    EXPECT_FALSE(same_sockets(one, other));
}
