// SPDX-License-Identifier: MIT
// The prober itself, over real sockets, against peers that are well, slow, endless, huge or not there;
// and the plugin with it.
#include "support.h"
#include "watchdog/heartbeats/prober_protocol.h"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash {
namespace {

using namespace leash_watchdog;
using test::SmallInit;

std::int64_t now() { return monotonic_now().count(); }

// A server on a free port of 127.0.0.1 that treats each connection as `serve` says, in a process of its
// own.
class Server {
  public:
    explicit Server(void (*serve)(int)) {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(listen(fd_, 16), 0);
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        if (serve == nullptr) return; // listens, and that is all
        pid_ = fork();
        if (pid_ > 0) setpgid(pid_, pid_);
        if (pid_ != 0) return;
        setpgid(0, 0);
        signal(SIGPIPE, SIG_DFL);
        for (;;) {
            int client = accept(fd_, nullptr, nullptr);
            if (client < 0) _exit(1);
            if (fork() == 0) {
                serve(client);
                _exit(0);
            }
            close(client);
        }
    }
    ~Server() {
        close(fd_);
        if (pid_ <= 0) return;
        kill(-pid_, SIGKILL); // with those that serve: they hold the prober's socket open
        waitpid(pid_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  private:
    int fd_ = -1, port_ = 0;
    pid_t pid_ = 0;
};

void say_all(int fd, const char* text) {
    char request[1024];
    (void)!read(fd, request, sizeof request);
    (void)!write(fd, text, std::strlen(text));
}
void well(int fd) { say_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); }
void unwell(int fd) { say_all(fd, "HTTP/1.1 503 Service Unavailable\r\n\r\n"); }
void mute(int) { pause(); }
void slow(int fd) {
    for (const char* at = "HTTP/1.1 200 OK"; *at != '\0'; ++at) {
        (void)!write(fd, at, 1);
        usleep(100'000);
    }
}
void endless_line(int fd) {
    (void)!write(fd, "HTTP/1.1 200 ", 13);
    for (;;)
        if (write(fd, "xxxxxxxxxxxxxxxx", 16) < 0) return;
}
void huge(int fd) {
    static char block[65536];
    std::memset(block, 'x', sizeof block);
    say_all(fd, "HTTP/1.1 200 OK\r\n");
    for (;;)
        if (write(fd, block, sizeof block) < 0) return;
}
void garbage(int fd) { say_all(fd, "SSH-2.0-OpenSSH\r\n"); }
void shut(int) {}

struct ProberTest : testing::Test {
    ProberTest() {
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        pid = fork();
        if (pid == 0) {
            dup2(pair[1], 63);
            dup2(63, kProberSocket);
            execl(PROBER, "leash-prober", nullptr);
            _exit(127);
        }
        close(pair[1]);
    }
    ~ProberTest() override {
        close(pair[0]);
        int status = 0;
        EXPECT_EQ(waitpid(pid, &status, 0), pid) << "it ends with its socket";
        EXPECT_EQ(status, 0);
    }
    void ask(const std::string& target, std::int64_t limit, std::uint64_t id = 7) {
        ProbeAsk message;
        message.id = id;
        message.serial = static_cast<std::uint32_t>(id + 1);
        message.limit = limit;
        std::snprintf(message.target, sizeof message.target, "%s", target.c_str());
        ASSERT_EQ(send(pair[0], &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
    }
    ProbeTold told(int wait = 20'000) {
        ProbeTold message;
        message.good = -1;
        pollfd ready{pair[0], POLLIN, 0};
        if (poll(&ready, 1, wait) != 1) return message;
        EXPECT_EQ(recv(pair[0], &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
        return message;
    }
    ProbeTold probe(const std::string& target, std::int64_t limit) {
        ask(target, limit);
        return told();
    }

    int pair[2] = {-1, -1};
    pid_t pid = 0;
};

TEST_F(ProberTest, what_is_well) {
    Server web(well);
    auto answer = probe("http://" + web.address() + "/x", 20'000);
    EXPECT_EQ(answer.good, 1) << answer.why;
    EXPECT_EQ(answer.id, 7u);
    EXPECT_EQ(answer.serial, 8u);
    EXPECT_EQ(probe("tcp:" + web.address(), 20'000).good, 1);
    Server big(huge);
    EXPECT_EQ(probe("http://" + big.address() + "/", 20'000).good, 1) << "the rest is not read";
}

TEST_F(ProberTest, what_is_not) {
    struct Case {
        void (*serve)(int);
        const char* why;
        std::int32_t limit = 8'000; // ms; short only for those that never answer
    };
    for (auto each : {Case{unwell, "status 503"}, Case{mute, "connected, but no answer within ", 400},
                      Case{slow, "connected, but no answer within ", 400},
                      Case{endless_line, "the first line of the answer is too long"},
                      Case{garbage, "the answer is no HTTP"}, Case{shut, ""}}) {
        Server web(each.serve);
        auto began = now();
        auto answer = probe("http://" + web.address() + "/", each.limit);
        EXPECT_EQ(answer.good, 0);
        EXPECT_EQ(std::string(answer.why).find(each.why), 0u) << answer.why;
        EXPECT_LT(now() - began, 10'000);
    }
    std::string gone;
    {
        Server web(nullptr);
        gone = web.address();
    }
    EXPECT_STREQ(probe("tcp:" + gone, 400).why, "connect: Connection refused");
    EXPECT_STREQ(probe("unix:/nowhere/at/all", 400).why, "connect: No such file or directory");
    EXPECT_STREQ(probe("tcp:localhost:80", 400).why, "its target is not understood");
}

TEST_F(ProberTest, a_full_backlog_is_tried_again_until_the_limit) {
    std::string path = "/tmp/leash-prober-" + std::to_string(getpid());
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
    unlink(path.c_str());
    ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(server, 0), 0);
    EXPECT_EQ(probe("unix:" + path, 20'000).good, 1);
    auto full = probe("unix:" + path, 300);
    EXPECT_EQ(full.good, 0);
    EXPECT_EQ(std::string(full.why).find("no connection within "), 0u) << full.why;
    ask("unix:" + path, 20'000);
    usleep(200'000);
    close(accept(server, nullptr, nullptr));
    EXPECT_EQ(told().good, 1);
    close(server);
    unlink(path.c_str());
}

TEST_F(ProberTest, slow_ones_do_not_hold_up_others) {
    Server dead(mute);
    Server web(well);
    for (std::uint64_t id = 100; id < 120; ++id) ask("http://" + dead.address() + "/", 60'000, id);
    EXPECT_EQ(probe("http://" + web.address() + "/", 20'000).good, 1);
}

TEST_F(ProberTest, too_many_are_refused) {
    Server dead(nullptr);
    for (std::uint64_t id = 1000; id < 1000 + kMostProbes; ++id)
        ask("http://" + dead.address() + "/", 60'000, id);
    auto answer = probe("http://" + dead.address() + "/", 60'000);
    EXPECT_EQ(answer.good, 0);
    EXPECT_EQ(answer.id, 7u);
    EXPECT_STREQ(answer.why, "more than 256 probes at a time");
}

TEST_F(ProberTest, reads_the_progress_of_others) {
    ProbeAsk message;
    message.kind = ProbeKind::progress;
    message.id = 5;
    message.pid = getpid();
    ASSERT_EQ(send(pair[0], &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
    auto answer = told();
    EXPECT_EQ(answer.good, 1);
    EXPECT_GE(answer.progress.threads, 1u);
    EXPECT_GT(answer.progress.io, 0u) << "which takes a capability, of another user's process";
    message.pid = 0;
    ASSERT_EQ(send(pair[0], &message, sizeof message, 0), static_cast<ssize_t>(sizeof message));
    EXPECT_EQ(told().good, 0);
}

TEST_F(ProberTest, ends_when_it_hears_nonsense) {
    ASSERT_EQ(send(pair[0], "x", 1, 0), 1);
    pollfd ready{pair[0], POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 20'000), 1);
    char byte = 0;
    EXPECT_EQ(recv(pair[0], &byte, 1, 0), 0);
}

// ---- the plugin with it --------------------------------------------------------------------------

struct ProbedService : testing::Test {
    ProbedService() : init(PLUGINS) {
        init.services.keys = {{"device", ""}};
        EXPECT_TRUE(init.host.load("watchdog"));
    }
    void watch(const std::string& text, WatchdogSource source = WatchdogSource::probe, pid_t main = 0) {
        init.host.service_state("web", 7, State::running, Ms{1000}, source, main, text);
    }
    pid_t prober() {
        auto states = init.host.states();
        for (const auto& helper : states[0].helpers)
            if (helper.cookie >= 32) return helper.pid;
        return 0;
    }
    SmallInit init;
};

TEST_F(ProbedService, is_left_alone_while_it_answers) {
    Server web(well);
    watch("timers=main:2000 probe=http://" + web.address() + "/ interval=100");
    init.run(3s);
    EXPECT_TRUE(init.services.troubles.empty()) << init.services.troubles[0].evidence;
    auto timers = init.host.timers(7);
    ASSERT_EQ(timers.size(), 1u);
    EXPECT_STREQ(timers[0].name, "main");
    EXPECT_EQ(timers[0].limit_ms, 2000);
    EXPECT_GT(timers[0].left_ms, 0);
}

TEST_F(ProbedService, is_in_trouble_when_it_does_not) {
    Server web(unwell);
    watch("timers=main:1000 probe=http://" + web.address() + "/ interval=100");
    ASSERT_TRUE(init.run(20s, [&] { return !init.services.troubles.empty(); }));
    EXPECT_NE(init.services.troubles[0].evidence.find("failed: status 503"), std::string::npos)
        << init.services.troubles[0].evidence;
}

TEST_F(ProbedService, outlives_the_death_of_the_prober) {
    Server web(well);
    watch("timers=main:3000 probe=tcp:" + web.address() + " interval=100");
    ASSERT_TRUE(init.run(10s, [&] { return prober() != 0; }));
    auto first = prober();
    kill(first, SIGKILL);
    ASSERT_TRUE(init.run(20s, [&] { return prober() != 0 && prober() != first; }));
    init.run(1s);
    EXPECT_TRUE(init.services.troubles.empty()) << init.services.troubles[0].evidence;
}

TEST_F(ProbedService, that_spins_makes_no_progress) {
    pid_t spins = fork();
    if (spins == 0) {
        static volatile int turns = 0;
        for (;;) turns = turns + 1;
    }
    pid_t works = fork();
    if (works == 0)
        for (;;) usleep(10'000);
    init.host.service_state("good", 8, State::running, Ms{1000}, WatchdogSource::progress, works,
                            "timers=main:1000");
    watch("timers=main:1000", WatchdogSource::progress, spins);
    EXPECT_TRUE(init.run(20s, [&] { return !init.services.troubles.empty(); }));
    init.run(2s);
    for (const auto& trouble : init.services.troubles) EXPECT_EQ(trouble.start, 7u) << trouble.evidence;
    for (pid_t child : {spins, works}) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
}

TEST_F(ProbedService, verdicts_come_in_time) {
    std::int64_t worst = 0;
    for (StartId start = 1; start <= 10; ++start) {
        init.services.troubles.clear();
        auto began = now();
        init.host.service_state("web", start, State::running, Ms{100}, WatchdogSource::heartbeat, 0,
                                "timers=main:100");
        ASSERT_TRUE(init.run(10s, [&] { return !init.services.troubles.empty(); }));
        worst = std::max(worst, now() - began - 100);
        init.host.service_state("web", start, State::stopping, Ms{100}, WatchdogSource::heartbeat, 0);
    }
    RecordProperty("worst_ms", static_cast<int>(worst));
    EXPECT_LT(worst, 500) << "no timer is rounded to seconds";
    std::printf("the latest of 10 verdicts came %lld ms after its deadline\n",
                static_cast<long long>(worst));
}

} // namespace
} // namespace leash
