// SPDX-License-Identifier: MIT
// The sockets of the helper: connections come, bring a message, and go.
#include "watchdog/clients/server.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace leash_clients {

namespace {

// What epoll gives back: whose event it is, and which one of them.
enum What : std::uint64_t { kLink, kListener, kConnection, kClient };
constexpr std::uint64_t event_of(What what, std::uint64_t number) { return what << 32 | number; }

constexpr int kAcceptsAtOnce = 64;
constexpr std::int64_t kDrainMs = 50;  // at most, before anybody is called late
constexpr std::int64_t kStallMs = 1500; // a round that took longer: nobody could be heard
constexpr std::int64_t kLongestRound = 1000;

// The innermost pid of a process in PID namespaces, as it calls itself; 0: not known.
std::int32_t own_pid_of(std::int32_t pid) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[2048];
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0) return 0;
    text[got] = '\0';
    char* line = std::strstr(text, "\nNSpid:");
    if (line == nullptr) return 0;
    line += 7;
    line[std::strcspn(line, "\n")] = '\0';
    char* last = std::strrchr(line, '\t');
    return last == nullptr ? 0 : static_cast<std::int32_t>(std::atoi(last + 1));
}

int open_pidfd(std::int32_t pid) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

bool hung_up(int fd, short events) {
    pollfd look{fd, events, 0};
    return poll(&look, 1, 0) > 0 && (look.revents & (events | POLLHUP | POLLERR)) != 0;
}

} // namespace

bool own_number(std::int32_t pid, std::int32_t said) {
    return said > 0 && (said == pid || own_pid_of(pid) == said);
}

std::int64_t Server::now() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return std::int64_t{at.tv_sec} * 1000 + at.tv_nsec / 1'000'000;
}

bool Server::watch(int fd, std::uint64_t what, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = what;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

int Server::run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return 1;
    for (int fd : {kLinkFd, kSocketFd, kOldSocketFd})
        if (!watch(fd, event_of(fd == kLinkFd ? kLink : kListener, static_cast<unsigned>(fd)), EPOLLIN))
            return 1;
    std::int64_t before = now();
    while (!link_gone_) {
        std::int64_t at = now();
        // With clients it looks around once a second at least, and so notices that it could not.
        std::int64_t wake = next_wake();
        std::int64_t pause = wake == kNever ? -1 : std::clamp<std::int64_t>(wake - at, 0, kLongestRound);
        if (table_.count() > 0 && pause < 0) pause = kLongestRound;
        handle_events(static_cast<int>(pause));
        at = now();
        if (pause >= 0 && at - before > kStallMs) table_.shift(at - before);
        before = at;
        // What lies in the sockets was sent in time: silence is only what has not been sent.
        if (at >= table_.next())
            while (now() - at < kDrainMs && handle_events(0)) {}
        housekeeping(now());
    }
    return 0;
}

// True: something but the end of a process was there.
bool Server::handle_events(int timeout) {
    epoll_event events[64];
    int count = epoll_wait(epoll_, events, 64, timeout);
    bool heard = false;
    for (int i = 0; i < count; ++i) {
        auto number = static_cast<int>(events[i].data.u64 & 0xffffffffU);
        switch (static_cast<What>(events[i].data.u64 >> 32)) {
        case kLink: read_link(); break;
        case kListener:
            accept_from(number);
            heard = true;
            break;
        case kConnection: {
            auto& connection = connections_[static_cast<std::size_t>(number)];
            heard = true;
            if (connection.state == State::reading) read_from(number);
            else if (connection.state == State::listing) list(number);
            else if (connection.state == State::asking && hung_up(connection.fd, 0))
                abandon(number);
            break;
        }
        case kClient: death(number); break;
        }
    }
    return heard;
}

void Server::accept_from(int listener) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
        int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return;
        ucred peer{};
        socklen_t size = sizeof peer;
        // 0: of a PID namespace that this one cannot see.
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
            close(fd);
            continue;
        }
        int index = claim(peer.uid);
        auto& connection = connections_[static_cast<std::size_t>(index)];
        connection = Connection{};
        connection.fd = fd;
        connection.state = State::reading;
        connection.uid = peer.uid;
        connection.peer = peer.pid;
        connection.serial = ++serial_;
        connection.opened = now();
        connection.deadline = connection.opened + kReadMs;
        ++open_;
        read_from(index); // mostly it is there already
        auto& later = connections_[static_cast<std::size_t>(index)];
        if (later.fd != fd || later.state == State::free || later.polled) continue;
        poll_for(index, later.state == State::reading ? std::uint32_t{EPOLLIN} : 0);
    }
}

// Of one that waits for an answer only its end is of interest, which epoll always tells.
void Server::poll_for(int index, std::uint32_t events) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    epoll_event event{};
    event.events = events;
    event.data.u64 = event_of(kConnection, static_cast<unsigned>(index));
    int call = connection.polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    connection.polled = true;
    if (epoll_ctl(epoll_, call, connection.fd, &event) != 0) close_connection(index);
}

// A free place. Where there is none, the oldest of the user who has most has to go: who floods is in
// nobody's way but his own.
int Server::claim(std::uint32_t uid) {
    if (free_.empty() && connections_.size() < kMaxConnections) {
        connections_.emplace_back();
        return static_cast<int>(connections_.size()) - 1;
    }
    if (free_.empty()) {
        struct User {
            std::uint32_t uid;
            int count;
        };
        User users[16]; // of more than that, none has many
        int known = 0;
        for (const auto& each : connections_) {
            auto* end = users + known;
            auto* user = std::find_if(users, end, [&](const User& u) { return u.uid == each.uid; });
            if (user != end) ++user->count;
            else if (known < 16) users[known++] = {each.uid, 1};
        }
        auto* most = std::max_element(users, users + known, [&](const User& a, const User& b) {
            return a.count != b.count ? a.count < b.count : b.uid == uid;
        });
        int oldest = -1;
        for (int i = 0; i < static_cast<int>(connections_.size()); ++i) {
            const auto& each = connections_[static_cast<std::size_t>(i)];
            if (each.uid != most->uid) continue;
            if (oldest < 0 || each.opened < connections_[static_cast<std::size_t>(oldest)].opened)
                oldest = i;
        }
        close_connection(oldest);
    }
    int index = free_.back();
    free_.pop_back();
    return index;
}

// The one who asked has gone. A subscription that he has not heard of could never be kicked.
void Server::abandon(int index) {
    int id = connections_[static_cast<std::size_t>(index)].client;
    close_connection(index);
    if (id != 0 && table_.used(id)) forget(id);
}

void Server::close_connection(int index) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    if (connection.state == State::free) return;
    if (connection.client != 0 && table_.used(connection.client) &&
        table_.at(connection.client).connection == index)
        table_.at(connection.client).connection = -1;
    close(connection.fd);
    connection.fd = -1;
    connection.state = State::free;
    --open_;
    free_.push_back(index);
}

// The first read is the whole message, since clients write it at once; from others parts are taken
// until the time is up.
void Server::read_from(int index) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    bool first = connection.length == 0;
    ssize_t got = recv(connection.fd, connection.bytes + connection.length,
                       sizeof connection.bytes - connection.length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) {
        close_connection(index);
        return;
    }
    connection.length += static_cast<std::uint32_t>(got);
    bool whole = decode(connection.bytes, connection.length, connection.question);
    bool no_more = got == 0 || connection.length == kMaxMessage;
    if (whole && (first || no_more)) {
        serve(index);
    } else if (no_more) {
        close_connection(index);
    }
}

bool Server::send_bytes(int index, const void* bytes, std::size_t length) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    // An answer always fits into an empty buffer; who has gone already does not get it.
    auto sent = send(connection.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    close_connection(index);
    return sent == static_cast<ssize_t>(length);
}

bool Server::answer(int index, int error) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    connection.question.error = error;
    char bytes[kMaxMessage];
    return send_bytes(index, bytes, encode(connection.question, bytes));
}

// A message for each client as the buffer takes it, then EOF.
void Server::list(int index) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    std::int64_t at = now();
    while (connection.cursor < table_.end()) {
        if (connection.sent == 0) {
            int id = connection.cursor;
            if (!table_.used(id) || table_.at(id).dead) {
                ++connection.cursor;
                continue;
            }
            const auto& client = table_.at(id);
            Message line;
            line.command = kListClients;
            line.id = id;
            line.pid = client.pid;
            line.timeout = client.timeout;
            auto deadline = table_.deadline(id);
            bool open = deadline == kNever && client.verdict == Verdict::none; // it is off
            auto left = open ? client.timeout : deadline == kNever ? 0 : deadline - at - kSlackMs;
            line.next_ack = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, INT_MAX));
            std::memcpy(line.label, client.label, sizeof line.label);
            std::memcpy(line.service, client.service, sizeof line.service);
            encode(line, connection.bytes);
        }
        ssize_t sent = send(connection.fd, connection.bytes + connection.sent,
                            kMaxMessage - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            poll_for(index, EPOLLOUT);
            return;
        }
        if (sent < 0) break;
        connection.sent += static_cast<std::uint32_t>(sent);
        if (connection.sent == kMaxMessage) {
            connection.sent = 0;
            ++connection.cursor;
        }
    }
    close_connection(index);
}

// A root process may act for another one, as `watchdogctl -p` does; in a PID namespace of its own it
// only calls itself by another number.
std::int32_t Server::effective_pid(const Connection& connection) const {
    auto said = connection.question.pid;
    if (connection.uid != 0 || said <= 0 || said == connection.peer) return connection.peer;
    if (own_number(connection.peer, said)) return connection.peer;
    int fd = open_pidfd(said);
    if (fd < 0) return connection.peer;
    close(fd);
    return said;
}

void Server::subscribe(int index, std::int32_t pid) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    // The kernel's own word on who connected, where it gives it (6.5): no pid can be taken anew.
    if (pid != connection.peer ||
        getsockopt(connection.fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0)
        pidfd = open_pidfd(pid);
    if (pidfd < 0) {
        answer(index, errno == ESRCH ? EINVAL : ENOMEM);
        return;
    }
    std::int32_t id = 0;
    int error = table_.subscribe(pid, connection.uid, connection.question, now(), id);
    if (error == 0 && !watch(pidfd, event_of(kClient, static_cast<unsigned>(id)), EPOLLIN)) {
        table_.forget(id);
        error = ENOMEM;
    }
    if (error != 0) {
        close(pidfd);
        answer(index, error);
        return;
    }
    auto& client = table_.at(id);
    client.pidfd = pidfd;
    client.connection = index;
    connection.state = State::asking;
    connection.client = id;
    connection.deadline = now() + kOwnerMs;
    if (connection.polled) poll_for(index, 0);
    tell_of(id, now());
}

void Server::confirm(int id) {
    auto& client = table_.at(id);
    if (client.connection < 0) return;
    int index = client.connection;
    auto& question = connections_[static_cast<std::size_t>(index)].question;
    question.id = id;
    question.next_ack = client.ack;
    connections_[static_cast<std::size_t>(index)].client = 0;
    client.connection = -1;
    if (!answer(index, 0)) forget(id);
}

void Server::death(int id) {
    // The slot may be another's since epoll has told.
    if (!table_.used(id) || table_.at(id).pidfd < 0 || !hung_up(table_.at(id).pidfd, POLLIN)) return;
    auto& client = table_.at(id);
    epoll_ctl(epoll_, EPOLL_CTL_DEL, client.pidfd, nullptr);
    close(client.pidfd);
    client.pidfd = -1;
    if (client.connection >= 0) close_connection(client.connection);
    if (table_.died(id)) tell_of(id, now());
    else forget(id);
}

void Server::forget(int id) {
    auto& client = table_.at(id);
    if (client.connection >= 0) close_connection(client.connection);
    if (client.pidfd >= 0) {
        epoll_ctl(epoll_, EPOLL_CTL_DEL, client.pidfd, nullptr);
        close(client.pidfd);
    }
    table_.forget(id);
}

void Server::verdict_on(std::int32_t pid, std::int32_t id, Verdict verdict) {
    int whose = table_.id_of(pid, id);
    if (whose == 0 || !table_.enabled()) return;
    table_.judge(whose, verdict);
    tell_of(whose, now());
}

std::int64_t Server::next_wake() const {
    std::int64_t wake = table_.next();
    if (open_ > 0)
        for (const auto& each : connections_)
            if (each.state != State::free) wake = std::min(wake, each.deadline);
    if (to_tell_) wake = std::min(wake, tell_at_);
    if (reset_.set) wake = std::min(wake, reset_.due);
    return std::min(wake, hello_at_);
}

} // namespace leash_clients
