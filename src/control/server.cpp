// SPDX-License-Identifier: MIT
#include "control/server.h"

#include <set>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "control/render.h"

namespace leash::control {
namespace {

constexpr int kAcceptsPerRound = 16;
constexpr std::size_t kSendAtOnce = 32 * 1024; // shorter output waits for the end of the round
constexpr Ms kPauseWithoutDescriptors{100};

Result<Peer> peer_of(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return fail_errno(errno, "credentials of a client");
    return Peer{credentials.uid, credentials.gid, credentials.pid};
}

class Connection;

} // namespace

struct ControlServer::Core {
    EventLoop& loop;
    Handler handler;
    ServerLimits limits;
    PeerLookup lookup = peer_of;
    UniqueFd listening;
    std::unique_ptr<IoWatch> watch;
    Timer resume;
    std::set<std::shared_ptr<Connection>> connections;
    std::size_t foreign = 0;

    Core(EventLoop& the_loop, Handler the_handler, ServerLimits the_limits)
        : loop(the_loop), handler(std::move(the_handler)), limits(the_limits),
          resume(the_loop, [this] { listen(); }) {}

    void listen() {
        watch = std::make_unique<IoWatch>(loop, listening.get(), UEV_READ,
                                          [this](int) { accept_some(); });
    }
    void accept_some();
    void take(UniqueFd client);
    void remove(const std::shared_ptr<Connection>& connection);
};

namespace {


// One client: reads the request, then holds the output until it is sent.
// The socket itself is in blocking mode, because a worker may write to it; whatever PID 1 does with
// it is MSG_DONTWAIT.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    struct Owner {
        std::function<void(const std::shared_ptr<Connection>&)> remove;
        std::function<void(const std::shared_ptr<Connection>&, std::string_view)> request;
    };

    Connection(EventLoop& loop, UniqueFd fd, Peer peer, const ServerLimits& limits, Owner owner)
        : peer_(peer), limits_(limits), owner_(std::move(owner)), fd_(std::move(fd)),
          timer_(loop, [this] { time_is_up(); }) {
        watch_ = std::make_unique<IoWatch>(loop, fd_.get(), UEV_READ,
                                           [this](int events) { on_events(events); });
        timer_.in(limits_.request_time);
    }

    [[nodiscard]] const Peer& peer() const { return peer_; }
    [[nodiscard]] bool closed() const { return !fd_; }
    [[nodiscard]] int fd() const { return fd_.get(); }

    void close() {
        if (closed()) return;
        auto self = shared_from_this();
        watch_.reset();
        timer_.cancel();
        fd_.reset();
        auto remove = std::exchange(owner_.remove, nullptr);
        if (remove) remove(self);
    }

    void line(std::string json) {
        if (closed() || ended_ || left_to_worker_) return;
        out_ += json;
        out_ += '\n';
        if (out_.size() - sent_ > limits_.output) {
            log::warning("control: client {} does not read its reply: dropped", peer_.pid);
            close();
        } else if (out_.size() - sent_ >= kSendAtOnce) {
            send_some();
        } else {
            want(UEV_WRITE);
        }
    }

    void end(int status, std::string_view message) {
        if (closed() || ended_) return;
        if (left_to_worker_) {
            out_ = "\n"; // the worker may have ended in the middle of a line
            sent_ = 0;
        }
        ended_ = true;
        out_ += render_end(status, message);
        out_ += '\n';
        send_some();
    }

    void leave_to_worker() {
        left_to_worker_ = true;
        timer_.cancel();
        if (!closed()) want(0);
    }

    bool worker_line(std::string json) {
        json += '\n';
        for (std::string* text : {&out_, &json}) {
            while (!closed() && sent_ < text->size()) {
                auto done = ::send(fd_.get(), text->data() + sent_, text->size() - sent_,
                                   MSG_NOSIGNAL);
                if (done < 0 && errno == EINTR) continue;
                if (done <= 0) return false;
                sent_ += static_cast<std::size_t>(done);
            }
            sent_ = 0;
            text->clear();
        }
        return !closed();
    }

  private:
    void on_events(int events) {
        auto self = shared_from_this();
        if (!asked_ && (events & (UEV_READ | UEV_HUP | UEV_ERROR))) read_request();
        if (!closed() && (events & UEV_WRITE)) send_some();
        if (!closed() && (events & (UEV_HUP | UEV_ERROR))) close();
    }

    void read_request() {
        char buffer[kMaxRequest];
        auto got = ::recv(fd_.get(), buffer, kMaxRequest - in_.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got < 0) return close();
        in_.append(buffer, static_cast<std::size_t>(got));
        auto newline = in_.find('\n');
        if (newline == std::string::npos && got > 0 && in_.size() < kMaxRequest) return;

        asked_ = true;
        timer_.cancel();
        want(0); // from now on only to hear that the client went away
        if (newline != std::string::npos)
            owner_.request(shared_from_this(), std::string_view(in_).substr(0, newline));
        else if (in_.size() >= kMaxRequest)
            end(status::usage, fmt::format("request longer than {} bytes", kMaxRequest));
        else if (in_.empty()) close();
        else end(status::usage, "request without an end");
        in_ = {};
    }

    void send_some() {
        while (sent_ < out_.size()) {
            auto done = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0 && errno == EAGAIN) {
                if (!timer_.armed()) timer_.in(limits_.write_time);
                return want(UEV_WRITE);
            }
            if (done <= 0) return close();
            sent_ += static_cast<std::size_t>(done);
            timer_.cancel(); // it reads: a new time limit
        }
        out_.clear();
        sent_ = 0;
        if (ended_) close();
        else want(0);
    }

    void time_is_up() {
        auto self = shared_from_this();
        if (asked_) {
            log::warning("control: client {} does not read its reply: dropped", peer_.pid);
            close();
        } else {
            asked_ = true;
            end(status::usage, "no request came in time");
            close();
        }
    }

    void want(int events) {
        if (events == wanted_) return;
        wanted_ = events;
        watch_->set_events(events);
    }

    Peer peer_;
    const ServerLimits limits_;
    Owner owner_;
    UniqueFd fd_;
    std::unique_ptr<IoWatch> watch_;
    Timer timer_; // for the request, then for unsent output
    std::string in_, out_;
    std::size_t sent_ = 0; // of out_
    int wanted_ = UEV_READ;
    bool asked_ = false, ended_ = false, left_to_worker_ = false;
};

class ConnectionReply : public Reply {
  public:
    explicit ConnectionReply(std::shared_ptr<Connection> connection)
        : connection_(std::move(connection)) {}
    ~ConnectionReply() override { connection_->end(status::failed, "init has lost the request"); }

    void line(std::string json) override { connection_->line(std::move(json)); }
    void end(int status, std::string message) override { connection_->end(status, message); }
    bool gone() const override { return connection_->closed(); }
    void leave_to_worker() override { connection_->leave_to_worker(); }
    bool worker_line(std::string json) override {
        return connection_->worker_line(std::move(json));
    }
    int fd() const override { return connection_->fd(); }

  private:
    std::shared_ptr<Connection> connection_;
};

void tell_and_close(UniqueFd client, int status, std::string_view message) {
    auto text = render_end(status, message) + "\n";
    // A fresh socket has room for it; if not, the client finds the connection closed.
    [[maybe_unused]] auto sent =
        ::send(client.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace

void ControlServer::Core::accept_some() {
    for (int i = 0; i < kAcceptsPerRound; ++i) {
        UniqueFd client(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client) {
            take(std::move(client));
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // The connection stays in the queue and the socket readable: do not spin.
            watch.reset();
            resume.in(kPauseWithoutDescriptors);
            return;
        } else if (errno == EAGAIN) {
            return;
        } // else this one has gone already
    }
}

void ControlServer::Core::take(UniqueFd client) {
    auto peer = lookup(client.get());
    if (!peer) return;
    bool is_foreign = peer->uid != 0;
    if (connections.size() >= limits.clients || (is_foreign && foreign >= limits.foreign_clients))
        return tell_and_close(std::move(client), status::failed, "too many clients");

    // Only a worker ever blocks in writing; it must not do so for ever.
    timeval patience{};
    patience.tv_sec = limits.write_time.count() / 1000;
    patience.tv_usec = (limits.write_time.count() % 1000) * 1000;
    setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);

    Connection::Owner owner;
    owner.remove = [this](const std::shared_ptr<Connection>& connection) { remove(connection); };
    owner.request = [this](const std::shared_ptr<Connection>& connection, std::string_view line) {
        auto request = parse_request(line);
        if (!request) return connection->end(request.error().status, request.error().message);
        const auto& from = connection->peer();
        if (!permitted(request->verb, from.uid))
            return connection->end(status::not_permitted,
                                   fmt::format("'{}' is for root only", request->verb));
        request->uid = from.uid;
        request->gid = from.gid;
        request->pid = from.pid;
        handler(std::move(*request), std::make_shared<ConnectionReply>(connection));
    };
    connections.insert(std::make_shared<Connection>(loop, std::move(client), *peer, limits,
                                                    std::move(owner)));
    if (is_foreign) ++foreign;
}

void ControlServer::Core::remove(const std::shared_ptr<Connection>& connection) {
    if (connections.erase(connection) > 0 && connection->peer().uid != 0) --foreign;
}

ControlServer::ControlServer(EventLoop& loop, Handler handler, ServerLimits limits)
    : core_(std::make_shared<Core>(loop, std::move(handler), limits)) {}

ControlServer::~ControlServer() {
    while (!core_->connections.empty()) {
        auto connection = *core_->connections.begin();
        connection->close();
    }
}

Result<void> ControlServer::open(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail("{}: path too long", path);
    path.copy(address.sun_path, path.size());

    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno(errno, "control socket");
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) return fail_errno(errno, "{}", path);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return fail_errno(errno, "{}", path);
    if (::chmod(path.c_str(), 0666) < 0) return fail_errno(errno, "{}", path);
    if (::listen(fd.get(), SOMAXCONN) < 0) return fail_errno(errno, "{}", path);
    adopt(std::move(fd));
    return {};
}

void ControlServer::adopt(UniqueFd listening) {
    core_->watch.reset();
    core_->resume.cancel();
    core_->listening = std::move(listening);
    core_->listen();
}

int ControlServer::listen_fd() const { return core_->listening.get(); }
std::size_t ControlServer::clients() const { return core_->connections.size(); }
void ControlServer::set_peer_lookup(PeerLookup lookup) { core_->lookup = std::move(lookup); }

} // namespace leash::control
