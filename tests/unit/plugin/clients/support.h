// SPDX-License-Identifier: MIT
// The real helper for watchdogd's clients, with a stand-in for init at the other end of its link; and
// messages made by hand, by the offsets that watchdogd's own have.
#pragma once

#include "watchdog/clients/link.h"
#include "watchdog/clients/table.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_clients::test {

using Bytes = std::vector<unsigned char>;
using namespace std::chrono_literals;

inline std::int64_t now_ms() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
}

inline void put(Bytes& bytes, std::size_t at, std::int64_t value) {
    auto number = static_cast<std::uint32_t>(value);
    std::memcpy(bytes.data() + at, &number, 4);
}
inline std::int64_t get(const Bytes& bytes, std::size_t at) {
    std::int32_t number = 0;
    if (at + 4 <= bytes.size()) std::memcpy(&number, bytes.data() + at, 4);
    return number;
}

struct Fields {
    std::int64_t id = 0, pid = getpid(), timeout = 0, ack = 0;
    std::string label;
};

// Where the fields are in a message of 44, and of 76 or 204 bytes.
struct Layout {
    std::size_t size, timeout, ack, next_ack, label, label_size;
    std::int64_t error_mark;
};
inline constexpr Layout k44{44, 32, 36, 40, 16, 16, 255};
inline constexpr Layout k76{76, 16, 20, 24, 28, 48, -1};
inline constexpr Layout k204{204, 16, 20, 24, 28, 48, -1};

inline Bytes question(const Layout& layout, int command, const Fields& fields) {
    Bytes bytes(layout.size);
    put(bytes, 0, command);
    put(bytes, 8, fields.id);
    put(bytes, 12, fields.pid);
    put(bytes, layout.timeout, fields.timeout);
    put(bytes, layout.ack, fields.ack);
    std::memcpy(bytes.data() + layout.label, fields.label.data(),
                std::min(fields.label.size(), layout.label_size));
    return bytes;
}

struct Reply {
    bool came = false;
    int command = 0, error = 0, id = 0;
    std::uint32_t next_ack = 0;
    Bytes bytes;
};

class Machine {
  public:
    Machine() {
        char folder[] = "/tmp/leash-clients-XXXXXX";
        folder_ = mkdtemp(folder);
        chmod(folder_.c_str(), 0755);
        new_socket_ = listening("sock");
        old_socket_ = listening("watchdogd.sock"); // where 2.x' test mode looks, too
        start(false);
    }
    ~Machine() {
        stop();
        close(new_socket_);
        close(old_socket_);
        for (auto name : {"/sock", "/watchdogd.sock"}) unlink((folder_ + name).c_str());
        rmdir(folder_.c_str());
    }

    void start(bool again) {
        int pair[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        helper = fork();
        if (helper == 0) {
            int fds[3];
            int from[3] = {pair[1], new_socket_, old_socket_};
            for (int i = 0; i < 3; ++i) fds[i] = fcntl(from[i], F_DUPFD, 20);
            for (int i = 0; i < 3; ++i) dup2(fds[i], 3 + i);
            for (int fd = 6; fd < 64; ++fd) close(fd);
            execl(HELPER, "leash-clients", again ? "again" : nullptr, nullptr);
            _exit(127);
        }
        close(pair[1]);
        link_ = pair[0];
        running_ = true;
        thread_ = std::thread([this] { pump(); });
    }
    void stop() {
        running_ = false;
        if (thread_.joinable()) thread_.join();
        close(link_);
        kill(helper, SIGKILL);
        waitpid(helper, nullptr, 0);
    }
    // Init stands still from now on.
    void be_deaf() {
        deaf = true;
        std::this_thread::sleep_for(60ms); // it may just have been listening
    }
    void tell(const LinkMessage& message) {
        if (message.kind == Kind::enabled) enabled_ = message.value;
        send(link_, &message, sizeof message, MSG_NOSIGNAL);
    }

    // What init has been told of one kind, so far.
    std::vector<LinkMessage> told(Kind kind) {
        std::scoped_lock lock(mutex_);
        std::vector<LinkMessage> found;
        for (const auto& each : told_)
            if (each.kind == kind) found.push_back(each);
        return found;
    }
    bool wait_for(Kind kind, std::size_t count, std::chrono::milliseconds limit = 5s) {
        return wait([&] { return told(kind).size() >= count; }, limit);
    }
    static bool wait(const std::function<bool()>& done, std::chrono::milliseconds limit = 5s) {
        auto end = std::chrono::steady_clock::now() + limit;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }

    int connected(bool old = false) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder_.c_str(),
                      old ? "watchdogd.sock" : "sock");
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
            << std::strerror(errno);
        return fd;
    }
    // All that comes until the end of the connection.
    static Bytes rest_of(int fd, int limit_ms = 3000) {
        Bytes all;
        unsigned char bytes[4096];
        pollfd look{fd, POLLIN, 0};
        while (poll(&look, 1, limit_ms) > 0) {
            ssize_t got = recv(fd, bytes, sizeof bytes, 0);
            if (got <= 0) break;
            all.insert(all.end(), bytes, bytes + got);
        }
        close(fd);
        return all;
    }
    Bytes exchange(const Bytes& message, bool old = false) {
        int fd = connected(old);
        send(fd, message.data(), message.size(), MSG_NOSIGNAL);
        return rest_of(fd);
    }
    Reply say(const Layout& layout, int command, const Fields& fields, bool old = false) {
        Reply reply;
        reply.bytes = exchange(question(layout, command, fields), old);
        reply.came = reply.bytes.size() == layout.size;
        reply.command = static_cast<int>(get(reply.bytes, 0));
        reply.error = static_cast<int>(get(reply.bytes, 4));
        reply.id = static_cast<int>(get(reply.bytes, 8));
        reply.next_ack = static_cast<std::uint32_t>(get(reply.bytes, layout.next_ack));
        if (reply.error == 0) EXPECT_NE(reply.command, layout.error_mark);
        else EXPECT_EQ(reply.command, layout.error_mark);
        return reply;
    }

    // What init answers: to `whose` this start, if it is not 0; to `ask` what the function says.
    std::atomic<std::uint64_t> start_id{7};
    std::atomic<bool> deaf{false}; // init stands still
    std::function<void(const LinkMessage&, LinkMessage&)> on_ask = [](const auto&, auto&) {};
    pid_t helper = 0;
    [[nodiscard]] const std::string& folder() const { return folder_; }

  private:
    int listening(const char* name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder_.c_str(), name);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        chmod(address.sun_path, 0666);
        listen(fd, 1024);
        return fd;
    }
    void pump() {
        while (running_) {
            pollfd look{link_, POLLIN, 0};
            if (deaf || poll(&look, 1, 20) <= 0) {
                if (deaf) std::this_thread::sleep_for(5ms);
                continue;
            }
            LinkMessage message;
            char bytes[sizeof message + 1];
            ssize_t got = recv(link_, bytes, sizeof bytes, MSG_DONTWAIT);
            if (got <= 0) return;
            EXPECT_TRUE(take_link(bytes, static_cast<std::size_t>(got), message));
            {
                std::scoped_lock lock(mutex_);
                told_.push_back(message);
            }
            LinkMessage reply;
            reply.id = message.id;
            reply.serial = message.serial;
            switch (message.kind) {
            case Kind::hello:
                reply.kind = Kind::enabled;
                reply.value = enabled_;
                break;
            case Kind::whose:
                reply.kind = Kind::owner;
                reply.start = start_id;
                if (start_id != 0) std::strcpy(reply.service, "web");
                break;
            case Kind::verdict: reply.kind = Kind::taken; break;
            case Kind::reset:
                reply.kind = Kind::taken;
                reply.id = 0;
                break;
            case Kind::ask:
                reply.kind = Kind::answer;
                reply.id = 0;
                on_ask(message, reply);
                break;
            default: continue;
            }
            tell(reply);
        }
    }

    std::string folder_;
    int new_socket_ = -1, old_socket_ = -1, link_ = -1;
    std::atomic<bool> running_{false};
    std::atomic<std::uint32_t> enabled_{1}; // as init has said last
    std::thread thread_;
    std::mutex mutex_;
    std::vector<LinkMessage> told_;
};

// A process that does something as somebody and then waits to be killed, or says that it failed.
class Child {
  public:
    explicit Child(const std::function<bool()>& work, uid_t uid = 0) {
        int pair[2];
        EXPECT_EQ(pipe2(pair, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
            if (uid != 0 && (setgid(uid) != 0 || setuid(uid) != 0)) _exit(1);
            char good = work() ? 'y' : 'n';
            [[maybe_unused]] auto wrote = write(pair[1], &good, 1);
            for (;;) pause();
        }
        close(pair[1]);
        char said = 0;
        ok = read(pair[0], &said, 1) == 1 && said == 'y';
        close(pair[0]);
    }
    ~Child() { end(); }
    void end() {
        if (pid <= 0) return;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        pid = 0;
    }
    pid_t pid = 0;
    bool ok = false;
};

} // namespace leash_clients::test
