// SPDX-License-Identifier: MIT
// watchdog.so with its clients, as PID 1 has it: whose a client is, and what follows from a verdict.
#include "plugin/support.h"

#include "clients/support.h"

#include <gtest/gtest.h>

namespace leash {
namespace {

using namespace leash_clients::test;
using leash::test::SmallInit;

struct ClientsPluginTest : testing::Test {
    ClientsPluginTest() : init(std::make_unique<SmallInit>(PLUGINS)) {
        char folder[] = "/tmp/leash-clients-XXXXXX";
        root = mkdtemp(folder);
        chmod(root.c_str(), 0755);
        mkdir((root + "/run").c_str(), 0755);
        init->services.keys = {{"device", "none"}, {"clients", "yes"}, {"clients-root", root}};
    }
    ~ClientsPluginTest() override {
        init.reset();
        for (auto name : {"/run/watchdogd/sock", "/run/watchdogd.sock"}) unlink((root + name).c_str());
        for (auto name : {"/run/watchdogd", "/run", ""}) rmdir((root + name).c_str());
    }
    void load() { ASSERT_TRUE(init->host.load("watchdog")); }
    // Sends while init's loop goes round, and gives back the answer.
    Bytes exchange(const Bytes& message, const char* path = "/run/watchdogd/sock") {
        int fd = send_to(message, path);
        Bytes reply;
        init->run(5s, [&] {
            unsigned char bytes[256];
            ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (got > 0) reply.insert(reply.end(), bytes, bytes + got);
            return got == 0;
        });
        close(fd);
        return reply;
    }
    int send_to(const Bytes& message, const char* path) const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s%s", root.c_str(), path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        send(fd, message.data(), message.size(), MSG_NOSIGNAL);
        return fd;
    }
    // In the name of a process: only root can.
    void subscribe(pid_t pid, int timeout) {
        auto reply = exchange(question(k204, 1, {.pid = pid, .timeout = timeout, .label = "engine"}));
        ASSERT_EQ(reply.size(), 204U);
        ASSERT_EQ(get(reply, 4), 0) << init->services.logged;
    }
    pid_t helper() {
        auto states = init->host.states();
        return states.empty() || states[0].helpers.empty() ? 0 : states[0].helpers[0].pid;
    }
    bool logged(const std::string& text) {
        return init->services.logged.find(text) != std::string::npos;
    }

    std::string root;
    std::unique_ptr<SmallInit> init;
};

TEST_F(ClientsPluginTest, BothSocketsAreForEveryone) {
    load();
    for (auto path : {"/run/watchdogd/sock", "/run/watchdogd.sock"}) {
        auto reply = exchange(question(k44, 11, {}), path);
        ASSERT_EQ(reply.size(), 44U) << path;
        EXPECT_EQ(get(reply, 0), 11);
        EXPECT_EQ(get(reply, k44.next_ack), 0) << "there is no WDT, and it says so (defect 4)";
        struct stat info{};
        ASSERT_EQ(stat((root + path).c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0666U);
    }
}

TEST_F(ClientsPluginTest, TheHelperIsMadeWhenTheFirstClientComes) {
    for (auto path : {"/run/watchdogd/sock", "/run/watchdogd.sock"}) {
        load();
        init->run(100ms, [] { return false; });
        EXPECT_EQ(helper(), 0) << path;
        EXPECT_EQ(exchange(question(k44, 11, {}), path).size(), 44U) << path;
        pid_t first = helper();
        EXPECT_GT(first, 0) << path;
        for (auto other : {"/run/watchdogd.sock", "/run/watchdogd/sock"})
            EXPECT_EQ(exchange(question(k44, 11, {}), other).size(), 44U) << path;
        EXPECT_EQ(helper(), first) << path;
        init = std::make_unique<SmallInit>(PLUGINS);
        init->services.keys = {{"device", "none"}, {"clients", "yes"}, {"clients-root", root}};
    }
}

TEST_F(ClientsPluginTest, WithoutTheKeyThereAreNone) {
    init->services.keys["clients"] = "no";
    load();
    EXPECT_NE(access((root + "/run/watchdogd.sock").c_str(), F_OK), 0);
    EXPECT_EQ(helper(), 0);
}

TEST_F(ClientsPluginTest, AMissedDeadlineIsTroubleOfItsService) {
    load();
    Child client([] { return true; });
    init->services.owners[client.pid] = {"web", 7};
    subscribe(client.pid, 1000);
    ASSERT_TRUE(init->run(10s, [&] { return !init->services.troubles.empty(); }));
    EXPECT_EQ(init->services.troubles[0].start, 7U);
    EXPECT_EQ(init->services.troubles[0].kind, "client-deadline");
    EXPECT_NE(init->services.troubles[0].evidence.find("client engine (pid "), std::string::npos);
    EXPECT_NE(init->services.troubles[0].evidence.find("has not kicked within 1.000 s"),
              std::string::npos) << init->services.troubles[0].evidence;
    auto kick = exchange(question(k204, 3, {.id = 1, .pid = client.pid, .ack = 42}));
    EXPECT_EQ(get(kick, 4), 0);
    EXPECT_TRUE(init->run(5s, [&] { return init->services.over == std::vector<StartId>{7}; }));
    EXPECT_TRUE(init->services.machine_troubles.empty());
}

TEST_F(ClientsPluginTest, TheDeathOfATaskIsTroubleAtOnce) {
    load();
    Child client([] { return true; });
    init->services.owners[client.pid] = {"web", 7};
    init->host.service_state("web", 7, State::running, 0ms, WatchdogSource::tasks, 4321);
    subscribe(client.pid, 60'000);
    client.end();
    init->services.owners.clear(); // nobody could be asked now
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.troubles.empty(); }));
    EXPECT_EQ(init->services.troubles[0].start, 7U);
    EXPECT_NE(init->services.troubles[0].evidence.find("has ended without unsubscribing"),
              std::string::npos);
}

TEST_F(ClientsPluginTest, WhoKicksAgainDoesNotSpeakForAnother) {
    load();
    Child dies([] { return true; }), late([] { return true; });
    for (pid_t pid : {dies.pid, late.pid}) init->services.owners[pid] = {"web", 7};
    init->host.service_state("web", 7, State::running, 0ms, WatchdogSource::tasks, 4321);
    subscribe(dies.pid, 60'000);
    subscribe(late.pid, 1000);
    dies.end();
    ASSERT_TRUE(init->run(10s, [&] { return init->services.troubles.size() == 2; }));
    EXPECT_EQ(get(exchange(question(k204, 3, {.id = 2, .pid = late.pid, .ack = 42})), 4), 0);
    ASSERT_TRUE(init->run(5s, [&] { return logged("kicks again"); }));
    EXPECT_TRUE(init->services.over.empty()) << "the other one is dead still";
}

// A login is a task of the service that let it in, and anybody may log in.
TEST_F(ClientsPluginTest, ATaskOfAnotherUserThanItsServiceIsOnlyReported) {
    load();
    pid_t user = fork();
    if (user == 0) {
        if (setgid(65530) != 0 || setuid(65530) != 0) _exit(1);
        usleep(100'000); // until it is known whose it is
        auto bytes = question(k204, 1, {.timeout = 60'000, .label = "login"});
        (void)Machine::rest_of(send_to(bytes, "/run/watchdogd/sock"));
        _exit(0);
    }
    init->services.owners[user] = {"sshd", 9};
    init->host.service_state("sshd", 9, State::running, 0ms, WatchdogSource::tasks, getpid());
    ASSERT_TRUE(init->run(10s, [&] { return logged("not of the user that sshd runs as"); }))
        << init->services.logged;
    waitpid(user, nullptr, 0);
    EXPECT_TRUE(init->services.troubles.empty());
}

TEST_F(ClientsPluginTest, TheEndOfAMainProcessIsAnExit) {
    load();
    Child client([] { return true; });
    init->services.owners[client.pid] = {"web", 7};
    init->host.service_state("web", 7, State::running, 0ms, WatchdogSource::tasks, client.pid);
    subscribe(client.pid, 60'000);
    client.end();
    EXPECT_FALSE(init->run(700ms, [&] { return !init->services.troubles.empty(); }));
    EXPECT_TRUE(init->services.machine_troubles.empty());
}

TEST_F(ClientsPluginTest, ClientsOfNoServiceHaveAPolicyOfTheirOwn) {
    init->services.keys["client-policy"] = "exec:/bin/x, poweroff";
    load();
    Child client([] { return true; });
    subscribe(client.pid, 60'000);
    client.end();
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.machine_troubles.empty(); }));
    EXPECT_TRUE(init->services.machine_troubles[0].starts_with(
        "client engine|client-deadline|exec:/bin/x, poweroff|")) << init->services.machine_troubles[0];
    EXPECT_TRUE(init->services.ends.empty());
    EXPECT_TRUE(init->services.troubles.empty());

    // Its successor's end is answered, too: the dead one will never kick again.
    init->services.machine_over.clear();
    Child next([] { return true; });
    subscribe(next.pid, 60'000);
    EXPECT_EQ(init->services.machine_over, std::vector<std::string>{"client engine|client-deadline"});
    next.end();
    EXPECT_TRUE(init->run(5s, [&] { return init->services.machine_troubles.size() == 2; }));
}

TEST_F(ClientsPluginTest, AHostWithoutTroublesOfTheMachineEndsItInOrder) {
    init->services.knows_machine_trouble = false;
    load();
    Child client([] { return true; });
    subscribe(client.pid, 60'000);
    client.end();
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.ends.empty(); }));
    EXPECT_EQ(init->services.ends[0].find("0|client-deadline|client engine"), 0U);
}

TEST_F(ClientsPluginTest, OtherUsersClientsOfNoServiceAreOnlyReported) {
    load();
    int pair[2];
    ASSERT_EQ(pipe(pair), 0);
    pid_t user = fork();
    if (user == 0) {
        if (setgid(65533) != 0 || setuid(65533) != 0) _exit(1);
        auto bytes = question(k204, 1, {.timeout = 60'000, .label = "user"});
        Bytes reply = Machine::rest_of(send_to(bytes, "/run/watchdogd/sock"));
        _exit(reply.size() == 204 && get(reply, 4) == 0 ? 0 : 1);
    }
    ASSERT_TRUE(init->run(10s, [&] { return logged("only reported"); })) << init->services.logged;
    waitpid(user, nullptr, 0);
    close(pair[0]);
    close(pair[1]);
    EXPECT_TRUE(init->services.machine_troubles.empty());
    EXPECT_TRUE(init->services.ends.empty());
}

TEST_F(ClientsPluginTest, AResetEndsTheMachineInOrderAndByTheWdt) {
    load();
    exchange(question(k204, 12, {.id = getpid(), .label = "*RESET*"}));
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.ends.empty(); }));
    EXPECT_EQ(init->services.ends[0].find("3|forced|client *RESET* (pid "), 0U)
        << init->services.ends[0];
    init->run(700ms);
    EXPECT_EQ(init->services.ends.size(), 1U) << "once";
}

TEST_F(ClientsPluginTest, LevelsOfTheLogAndWhatIsNotThere) {
    load();
    EXPECT_EQ(get(exchange(question(k204, 17, {})), 24), 5) << "notice, as watchdogd's";
    EXPECT_EQ(get(exchange(question(k204, 16, {.id = 7})), 4), 0);
    EXPECT_EQ(get(exchange(question(k204, 5, {})), 24), 1);
    EXPECT_EQ(get(exchange(question(k204, 16, {.id = 0x10})), 4), 0) << "none";
    EXPECT_EQ(get(exchange(question(k204, 17, {})), 24), 0x10);
    EXPECT_EQ(get(exchange(question(k204, 16, {.id = 99})), 4), EINVAL);
    EXPECT_EQ(get(exchange(question(k204, 10, {.id = 2})), 4), EINVAL);
}

// Who connects while there is no helper is answered by the next one.
TEST_F(ClientsPluginTest, AHelperThatDiesIsReplacedAndSaysSo) {
    load();
    subscribe(getpid(), 60'000);
    pid_t first = helper();
    kill(first, SIGKILL);
    auto reply = exchange(question(k204, 3, {.id = 1, .ack = 42}));
    ASSERT_EQ(reply.size(), 204U);
    EXPECT_EQ(get(reply, 4), EIDRM);
    EXPECT_NE(helper(), first);
    EXPECT_TRUE(logged("is lost")) << init->services.logged;
    subscribe(getpid(), 60'000);
    EXPECT_TRUE(init->services.machine_troubles.empty());
}

TEST_F(ClientsPluginTest, AHelperThatStandsStillIsReplaced) {
    load();
    subscribe(getpid(), 60'000);
    pid_t first = helper();
    EXPECT_FALSE(init->run(6s, [&] { return helper() != first; })) << "it says hello";
    kill(first, SIGSTOP);
    ASSERT_TRUE(init->run(30s, [&] { return helper() != first && helper() != 0; }));
    EXPECT_TRUE(logged("has said nothing for 15 s: it is replaced")) << init->services.logged;
    auto reply = exchange(question(k204, 3, {.id = 1, .ack = 42}));
    ASSERT_EQ(reply.size(), 204U);
    EXPECT_EQ(get(reply, 4), EIDRM);
}

// A life that finds it standing still knows which process to end.
TEST_F(ClientsPluginTest, OneThatStoodStillBeforeANewLifeOfPid1Too) {
    load();
    subscribe(getpid(), 60'000);
    pid_t first = helper();
    kill(first, SIGSTOP);
    auto kept = init->host.states()[0];
    for (auto& [name, fd] : kept.fds) fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    ASSERT_TRUE(next.run(30s, [&] {
        return next.services.logged.find("it is replaced") != std::string::npos;
    }));
    EXPECT_TRUE(next.run(5s, [&] {
        return kill(first, 0) != 0 || waitpid(first, nullptr, WNOHANG) != 0;
    }));
}

TEST_F(ClientsPluginTest, AReloadSwitchesThemOnAndOffAndBringsAPolicy) {
    init->services.keys["clients"] = "no";
    load();
    EXPECT_NE(access((root + "/run/watchdogd/sock").c_str(), F_OK), 0);
    init->services.keys["clients"] = "yes";
    init->host.configured();
    subscribe(getpid(), 60'000);
    init->services.keys["client-policy"] = "report";
    init->host.configured();
    EXPECT_EQ(get(exchange(question(k204, 3, {.id = 1, .ack = 7})), 4), EBADRQC);
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.machine_troubles.empty(); }));
    EXPECT_NE(init->services.machine_troubles[0].find("|report|"), std::string::npos);
    pid_t first = helper();
    init->services.keys["clients"] = "no";
    init->host.configured();
    EXPECT_NE(access((root + "/run/watchdogd/sock").c_str(), F_OK), 0);
    EXPECT_FALSE(init->services.machine_over.empty()) << "nobody watches any more";
    EXPECT_TRUE(init->run(5s, [&] { return kill(first, 0) != 0; }));
    EXPECT_FALSE(init->run(1s, [&] { return helper() != 0; })) << "and stays away";
    init->services.keys["clients"] = "yes";
    init->host.configured();
    subscribe(getpid(), 60'000);
}

// Whose troubles an earlier life of PID 1 has told, this one has not heard: init has, and ends them all.
TEST_F(ClientsPluginTest, SwitchedOffAfterANewLifeOfPid1TroublesAreOverAllTheSame) {
    load();
    subscribe(getpid(), 60'000);
    EXPECT_EQ(get(exchange(question(k204, 3, {.id = 1, .ack = 7})), 4), EBADRQC);
    ASSERT_TRUE(init->run(5s, [&] { return !init->services.machine_troubles.empty(); }));
    auto kept = init->host.states()[0];
    for (auto& [name, fd] : kept.fds) fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    next.services.keys["clients"] = "no";
    next.host.configured();
    EXPECT_EQ(next.services.machine_over, std::vector<std::string>{"|client-deadline"});
}

TEST_F(ClientsPluginTest, ClientsSurviveANewLifeOfPid1) {
    load();
    Child client([] { return true; });
    init->services.owners[client.pid] = {"web", 7};
    subscribe(client.pid, 60'000);
    auto kept = init->host.states()[0];
    pid_t before = helper();
    for (auto& [name, fd] : kept.fds) fd = dup(fd);
    SmallInit next(PLUGINS);
    next.services.keys = init->services.keys;
    ASSERT_TRUE(next.host.load("watchdog", &kept));
    EXPECT_EQ(next.host.states()[0].helpers[0].pid, before);
    EXPECT_EQ(waitpid(before, nullptr, WNOHANG), 0);
    client.end(); // while nobody asks `whose` any more
    ASSERT_TRUE(next.run(5s, [&] { return !next.services.troubles.empty(); }));
    EXPECT_EQ(next.services.troubles[0].start, 7U);
}

} // namespace
} // namespace leash
