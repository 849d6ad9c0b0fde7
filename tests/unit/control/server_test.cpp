// SPDX-License-Identifier: MIT
#include "control/server.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

using namespace leash;
using namespace leash::control;

namespace {

class Server : public testing::Test {
  protected:
    Server() {
        char folder[] = "/tmp/leash-control-XXXXXX";
        folder_ = mkdtemp(folder);
        path_ = folder_ + "/control";
        limits_.request_time = Ms{60};
        limits_.write_time = Ms{60};
    }
    ~Server() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    void serve(ControlServer::Handler handler) {
        server_ = std::make_unique<ControlServer>(loop_, std::move(handler), limits_);
        server_->set_peer_lookup([this](int) -> Result<Peer> { return Peer{uid_, 0, 42}; });
        auto opened = server_->open(path_);
        ASSERT_TRUE(opened) << opened.error().text;
    }

    UniqueFd connect() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, path_.size());
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return fd;
    }

    static void send(const UniqueFd& fd, std::string text) {
        for (char& c : text)
            if (c == '|') c = '\0';
        ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

    void run(Ms time) {
        Timer end(loop_, [this] { loop_.stop(); });
        end.in(time);
        loop_.run();
    }

    // Everything that is there, without waiting; "<open>" at the end if it is not at its end.
    static std::string received(const UniqueFd& fd) {
        std::string text;
        char buffer[65536];
        while (true) {
            auto got = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) return text + "<open>";
            if (got <= 0) return text;
            text.append(buffer, static_cast<std::size_t>(got));
        }
    }

    EventLoop loop_;
    std::string folder_, path_;
    ServerLimits limits_;
    uid_t uid_ = 0;
    std::unique_ptr<ControlServer> server_;
};

void answer_done(const Request& request, const std::shared_ptr<Reply>& reply) {
    reply->line(R"({"verb":")" + request.verb + R"("})");
    reply->end(0, "");
}

} // namespace

TEST_F(Server, AnswersAndCloses) {
    Request seen;
    serve([&](const Request& request, const std::shared_ptr<Reply>& reply) {
        seen = request;
        answer_done(request, reply);
    });
    struct stat info{};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0666U);
    auto client = connect();
    send(client, "leash/1|start|httpd|+no");
    run(Ms{20});
    EXPECT_EQ(server_->clients(), 1U);
    send(client, "-wait\n");
    run(Ms{60});
    EXPECT_EQ(received(client), "{\"verb\":\"start\"}\n{\"end\":0,\"message\":\"\"}\n");
    EXPECT_EQ(seen.args, std::vector<std::string>{"httpd"});
    EXPECT_TRUE(seen.option);
    EXPECT_EQ(seen.pid, 42);
    EXPECT_EQ(server_->clients(), 0U);
}

TEST_F(Server, OthersThanRootMayOnlyRead) {
    int handled = 0;
    serve([&](const Request& request, const std::shared_ptr<Reply>& reply) {
        ++handled;
        answer_done(request, reply);
    });
    uid_ = 1000;
    auto stop = connect(), list = connect();
    send(stop, "leash/1|stop|httpd\n");
    send(list, "leash/1|list\n");
    run(Ms{60});
    EXPECT_EQ(received(stop), "{\"end\":6,\"message\":\"'stop' is for root only\"}\n");
    EXPECT_EQ(received(list), "{\"verb\":\"list\"}\n{\"end\":0,\"message\":\"\"}\n");
    EXPECT_EQ(handled, 1);
}

TEST_F(Server, GarbageAndOversize) {
    serve(answer_done);
    auto garbage = connect(), big = connect(), half = connect(), empty = connect();
    send(garbage, "GET /\n");
    send(big, std::string(5000, 'x'));
    send(half, "leash/1|li");
    ::shutdown(half.get(), SHUT_WR);
    empty.reset();
    run(Ms{60});
    EXPECT_EQ(received(garbage),
              "{\"end\":2,\"message\":\"this init speaks leash/1, not 'GET /'\"}\n");
    EXPECT_EQ(received(big), "{\"end\":2,\"message\":\"request longer than 4096 bytes\"}\n");
    EXPECT_EQ(received(half), "{\"end\":2,\"message\":\"request without an end\"}\n");
    EXPECT_EQ(server_->clients(), 0U);
}

TEST_F(Server, AHalfClosedClientStillGetsItsReply) {
    std::shared_ptr<Reply> kept;
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) { kept = reply; });
    auto client = connect();
    send(client, "leash/1|list\n");
    ::shutdown(client.get(), SHUT_WR);
    run(Ms{60});
    ASSERT_TRUE(kept);
    EXPECT_FALSE(kept->gone());
    kept->end(0, "here");
    EXPECT_EQ(received(client), "{\"end\":0,\"message\":\"here\"}\n");
    EXPECT_TRUE(kept->gone());
}

TEST_F(Server, ASilentClientIsTurnedOut) {
    serve(answer_done);
    auto client = connect();
    run(Ms{20});
    EXPECT_EQ(server_->clients(), 1U);
    run(Ms{80});
    EXPECT_EQ(server_->clients(), 0U);
    EXPECT_EQ(received(client), "{\"end\":2,\"message\":\"no request came in time\"}\n");
}

TEST_F(Server, NoTimeLimitOnceItHasAsked) {
    std::shared_ptr<Reply> kept;
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) { kept = reply; });
    auto client = connect();
    send(client, "leash/1|start|a\n");
    run(Ms{150});
    ASSERT_TRUE(kept);
    kept->line("{}");
    run(Ms{60}); // lines go out without an end, too
    EXPECT_EQ(received(client), "{}\n<open>");
    client.reset();
    run(Ms{60});
    EXPECT_TRUE(kept->gone());
    EXPECT_EQ(kept->fd(), -1);
    EXPECT_EQ(server_->clients(), 0U);
    kept->line("{}");
    kept->end(0, "");
}

TEST_F(Server, AClientThatDoesNotReadIsDropped) {
    std::shared_ptr<Reply> kept;
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) { kept = reply; });
    auto slow = connect();
    send(slow, "leash/1|list\n");
    run(Ms{60});
    ASSERT_TRUE(kept);
    for (int i = 0; i < 500; ++i) kept->line(std::string(1000, 'x'));
    EXPECT_FALSE(kept->gone()); // within the bound
    run(Ms{120});
    EXPECT_TRUE(kept->gone()); // but not in time

    auto greedy = connect();
    send(greedy, "leash/1|list\n");
    run(Ms{60});
    for (int i = 0; i < 2000; ++i) kept->line(std::string(1000, 'x'));
    EXPECT_TRUE(kept->gone()); // beyond the bound
    EXPECT_EQ(server_->clients(), 0U);
}

TEST_F(Server, ASlowReaderGetsEverything) {
    limits_.write_time = Ms{5000};
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) {
        for (int i = 0; i < 500; ++i) reply->line(std::string(999, 'x'));
        reply->end(0, "");
    });
    auto client = connect();
    send(client, "leash/1|list\n");
    std::string text;
    for (int i = 0; i < 200 && !text.ends_with("}\n"); ++i) {
        run(Ms{2});
        char buffer[20'000];
        auto got = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    }
    EXPECT_EQ(text.size(), 500'000U + std::string("{\"end\":0,\"message\":\"\"}\n").size());
}

TEST_F(Server, TooManyClients) {
    limits_.clients = 4;
    limits_.foreign_clients = 2;
    limits_.request_time = Ms{5000};
    serve(answer_done);
    const std::string full = "{\"end\":1,\"message\":\"too many clients\"}\n";
    uid_ = 1000;
    auto a = connect(), b = connect(), c = connect();
    run(Ms{60});
    EXPECT_EQ(received(b), "<open>");
    EXPECT_EQ(received(c), full);
    uid_ = 0;
    auto d = connect(), e = connect(), f = connect();
    run(Ms{60});
    EXPECT_EQ(received(e), "<open>");
    EXPECT_EQ(received(f), full);
    a.reset();
    run(Ms{60});
    uid_ = 1000;
    auto g = connect();
    run(Ms{60});
    EXPECT_EQ(received(g), "<open>");
    EXPECT_EQ(server_->clients(), 4U);
}

TEST_F(Server, AForgottenReplyEndsWithFailure) {
    serve([](const Request&, const std::shared_ptr<Reply>&) {});
    auto client = connect();
    send(client, "leash/1|list\n");
    run(Ms{60});
    EXPECT_EQ(received(client), "{\"end\":1,\"message\":\"init has lost the request\"}\n");
}

TEST_F(Server, AWorkerWritesItself) {
    std::shared_ptr<Reply> kept;
    pid_t worker = 0;
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) {
        kept = reply;
        reply->line("{\"before\":1}");
        reply->leave_to_worker();
        worker = ::fork();
        if (worker == 0) {
            // More than a socket holds: must block, not fail.
            for (int i = 0; i < 1000; ++i)
                if (!reply->worker_line(std::string(999, 'x'))) _exit(1);
            [[maybe_unused]] auto cut = ::write(reply->fd(), "{\"cut", 5);
            _exit(0);
        }
        reply->line("{\"lost\":1}");
    });
    auto client = connect();
    send(client, "leash/1|list\n");
    std::string text;
    std::thread reader([&] {
        char buffer[4096];
        while (true) {
            auto got = ::recv(client.get(), buffer, sizeof buffer, 0);
            if (got <= 0) return;
            text.append(buffer, static_cast<std::size_t>(got));
        }
    });
    run(Ms{50});
    int status = -1;
    ASSERT_EQ(::waitpid(worker, &status, 0), worker);
    EXPECT_EQ(status, 0);
    kept->end(0, "");
    reader.join();
    EXPECT_TRUE(text.starts_with("{\"before\":1}\nxxx"));
    EXPECT_TRUE(text.ends_with("x\n{\"cut\n{\"end\":0,\"message\":\"\"}\n"))
        << text.substr(text.size() - 80);
    EXPECT_EQ(text.find("lost"), std::string::npos);
}

TEST_F(Server, AReplyOutlivesTheServer) {
    std::shared_ptr<Reply> kept;
    serve([&](const Request&, const std::shared_ptr<Reply>& reply) { kept = reply; });
    auto client = connect();
    send(client, "leash/1|list\n");
    run(Ms{60});
    server_.reset();
    EXPECT_TRUE(kept->gone());
    kept->end(0, "");
    kept.reset();
}

TEST_F(Server, RealCredentialsAndAStaleSocket) {
    serve(answer_done);
    server_ = std::make_unique<ControlServer>(
        loop_, [](const Request& request, const std::shared_ptr<Reply>& reply) {
            reply->end(0, fmt::format("{} {}", request.uid, request.pid));
        });
    ASSERT_TRUE(server_->open(path_)); // the old one is in the way
    auto client = connect();
    send(client, "leash/1|version\n");
    run(Ms{60});
    EXPECT_EQ(received(client),
              fmt::format("{{\"end\":0,\"message\":\"{} {}\"}}\n", ::getuid(), ::getpid()));
    EXPECT_FALSE(server_->open("/nonexistent/control"));
    EXPECT_FALSE(server_->open("/tmp/" + std::string(200, 'x')));
}
