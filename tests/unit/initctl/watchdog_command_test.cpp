// SPDX-License-Identifier: MIT
// initctl watchdog, initctl plugin, and watchdogctl.
#include <cstring>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/un.h>

#include "base/clock.h"
#include "fake_init.h"
#include "initctl/commands.h"

namespace leash::initctl {
namespace {

struct WatchdogCommand : testing::Test, FakeInit {};

TEST_F(WatchdogCommand, OneAnswerIsAPage) {
    answer("plugin|watchdog|status",
           "{\"device\":\"/dev/watchdog\",\"state\":\"fed\",\"timeout_s\":20,\"locked\":true,"
           "\"nowayout\":null}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "watchdog"}), 0);
    EXPECT_EQ(out, "  device      /dev/watchdog\n"
                   "  state       fed\n"
                   "  timeout s   20\n"
                   "  locked      yes\n"
                   "  nowayout    -\n");
}

TEST_F(WatchdogCommand, AlikeAnswersAreATable) {
    answer("plugin|toy|list", "{\"name\":\"a\",\"size\":1}\n{\"name\":\"bcd\",\"size\":22}\n"
                              "{\"end\":0,\"message\":\"two of them\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "plugin", "toy", "list"}), 0);
    EXPECT_EQ(out, "NAME  SIZE\na        1\nbcd     22\ntwo of them\n");
}

TEST_F(WatchdogCommand, JsonIsHandedThrough) {
    answer("plugin|watchdog|counter", "{\"resets\":3}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"watchdogctl", "-j", "counter"}), 0);
    EXPECT_EQ(out, "{\"resets\":3}\n");
}

// A plugin may have a member of that name, too; only a number ends the answer.
TEST_F(WatchdogCommand, TheEndIsANumber) {
    answer("plugin|watchdog|reason", "{\"cause\":\"panic\",\"end\":\"\"}\n"
                                     "{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "watchdog", "reason"}), 0);
    EXPECT_EQ(out, "  cause       panic\n  end         -\n");
}

TEST_F(WatchdogCommand, RefusalsAreComplaintsWithTheirStatus) {
    answer("plugin|watchdog|disable", "{\"end\":6,\"message\":\"only root may do that\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "watchdog", "disable"}), 6);
    EXPECT_EQ(err, "initctl: only root may do that\n");
}

TEST_F(WatchdogCommand, Usage) {
    EXPECT_EQ(run({"initctl", "plugin"}), 2);
    EXPECT_NE(err.find("needs the name of a plugin"), std::string::npos);
    EXPECT_EQ(run({"initctl", "watchdog", "status", "-c", "5"}), 2);
    EXPECT_EQ(run({"initctl", "watchdog", "clients", "all"}), 2);
    EXPECT_EQ(run({"watchdogctl", "help"}), 0);
    EXPECT_NE(out.find("fail -c CODE -p PID"), std::string::npos);
}

TEST(Watchdogctl, ItsCommandsAreOurs) {
    using Words = std::vector<std::string>;
    auto all = [](const Words& args) {
        std::string line;
        for (const auto& word : from_watchdogctl(args)) line += (line.empty() ? "" : " ") + word;
        return line;
    };
    EXPECT_EQ(all({}), "watchdog status");
    EXPECT_EQ(all({"-j"}), "watchdog status --json");
    EXPECT_EQ(all({"enable"}), "watchdog enable");
    EXPECT_EQ(all({"disable"}), "watchdog disable");
    EXPECT_EQ(all({"reset", "500", "bye"}), "watchdog reset 500 bye");
    EXPECT_EQ(all({"reboot"}), "watchdog reset");
    EXPECT_EQ(all({"force-reset"}), "watchdog reset");
    EXPECT_EQ(all({"-c", "9", "-p", "12", "fail", "0", "leak"}), "watchdog fail -c 9 -p 12 0 leak");
    EXPECT_EQ(all({"fail", "-c", "9"}), "watchdog fail -c 9");
    EXPECT_EQ(all({"clear"}), "watchdog clear");
    EXPECT_EQ(all({"counter"}), "watchdog counter");
    EXPECT_EQ(all({"list-clients", "-j"}), "watchdog list-clients --json");
    EXPECT_EQ(all({"loglevel", "warn"}), "watchdog loglevel warning");
    EXPECT_EQ(all({"debug"}), "watchdog loglevel debug");
    EXPECT_EQ(all({"reload"}), "reload");
    EXPECT_EQ(all({"version"}), "version");
    EXPECT_EQ(all({"-v"}), "version");
}

TEST_F(WatchdogCommand, FailTakesItsCodeBothWays) {
    answer("plugin|watchdog|fail|9|100|leak", "{\"end\":0,\"message\":\"a\"}\n");
    answer("plugin|watchdog|fail|9|100|leak|(pid 12)", "{\"end\":0,\"message\":\"b\"}\n");
    answer("plugin|watchdog|fail|5", "{\"end\":0,\"message\":\"c\"}\n");
    listen();
    run({"initctl", "watchdog", "fail", "9", "100", "leak"});
    EXPECT_EQ(out, "a\n");
    run({"watchdogctl", "-c", "9", "-p", "12", "fail", "100", "leak"});
    EXPECT_EQ(out, "b\n");
    run({"watchdogctl", "fail"});
    EXPECT_EQ(out, "c\n");
}

// One connection of `clients`, answered with these messages of 204 bytes.
struct Clients : WatchdogCommand {
    sockaddr_un open_socket() {
        path = "/tmp/leash-clients-" + std::to_string(::getpid());
        session_.clients_socket = path;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, path.size());
        fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd.get(), 1), 0);
        return address;
    }
    void serve(std::string answer) {
        open_socket();
        server = std::thread([this, answer = std::move(answer)] {
            UniqueFd client(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char question[204];
            auto got = ::recv(client.get(), question, sizeof question, MSG_WAITALL);
            if (got != 204 || question[0] != 31) return;
            ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        });
    }
    ~Clients() override {
        if (server.joinable()) server.join();
        if (!path.empty()) ::unlink(path.c_str());
    }
    static std::string client(int id, int pid, unsigned timeout, unsigned left, const char* label,
                              const char* service) {
        std::string bytes(204, '\0');
        auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
        put(0, 31);
        put(8, static_cast<std::uint32_t>(id));
        put(12, static_cast<std::uint32_t>(pid));
        put(16, timeout);
        put(24, left);
        std::strcpy(&bytes[28], label);
        std::strcpy(&bytes[76], service);
        return bytes;
    }
    std::string path;
    UniqueFd fd;
    std::thread server;
};

TEST_F(Clients, AreListed) {
    ::prctl(PR_SET_NAME, "client");
    serve(client(1, ::getpid(), 3000, 1250, "engine", "web") +
          client(300, 99999999, 10000, 0, "", ""));
    EXPECT_EQ(run({"initctl", "watchdog", "clients"}), 0) << err;
    auto pid = std::to_string(::getpid());
    EXPECT_NE(out.find("NAME    SERVICE  TIMEOUT  LEFT  LABEL\n"), std::string::npos) << out;
    EXPECT_NE(out.find(fmt::format("  {}  client  web         3.0s  1.2s  engine\n", pid)),
              std::string::npos) << out;
    EXPECT_NE(out.find("300  99999999  -       -          10.0s  0.0s  -\n"), std::string::npos)
        << out;
}

TEST_F(Clients, AsJson) {
    serve(client(1, 99999999, 3000, 1250, "eng\"ine", "web"));
    EXPECT_EQ(run({"watchdogctl", "list-clients", "-j"}), 0) << err;
    EXPECT_EQ(out, "{\"id\":1,\"pid\":99999999,\"name\":\"\",\"service\":\"web\","
                   "\"label\":\"eng\\\"ine\",\"timeout_ms\":3000,\"left_ms\":1250}\n");
}

// Whoever should accept stands still, and others wait already.
TEST_F(Clients, AFullSocketIsNotWaitedForWithoutEnd) {
    auto address = open_socket();
    std::vector<UniqueFd> others;
    int connected = 0;
    while (connected == 0 && others.size() < 100) {
        others.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        connected =
            ::connect(others.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    ASSERT_EQ(errno, EAGAIN);
    auto begun = monotonic_now();
    EXPECT_EQ(run({"initctl", "watchdog", "clients"}), 5);
    EXPECT_NE(err.find("no answer in time"), std::string::npos) << err;
    EXPECT_LT(monotonic_now() - begun, Ms{20'000});
}

TEST_F(Clients, NoneAndNobody) {
    serve("");
    EXPECT_EQ(run({"initctl", "watchdog", "clients"}), 0);
    EXPECT_EQ(out, "no clients\n");
    session_.clients_socket = "/nowhere";
    EXPECT_EQ(run({"initctl", "watchdog", "clients"}), 5);
    EXPECT_NE(err.find("/nowhere: No such file"), std::string::npos);
}

} // namespace
} // namespace leash::initctl
