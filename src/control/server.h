// SPDX-License-Identifier: MIT
// PID 1's end of the control socket. Never blocks; bounds what a client may take of memory, time
// and descriptors. control/protocol.h tells what is spoken.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "control/protocol.h"

namespace leash::control {

// How one request is answered, at once or whenever the answer is known. Keep the pointer until
// then; when the last one goes without end(), the client is told that it failed.
class Reply {
  public:
    Reply() = default;
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    virtual ~Reply() = default;

    virtual void line(std::string json) = 0;
    // The last word; later calls do nothing.
    virtual void end(int status, std::string message) = 0;
    // The client has closed its end or was dropped: nobody listens any more.
    [[nodiscard]] virtual bool gone() const = 0;

    // A worker process that writes the lines itself. PID 1 calls leave_to_worker() (before or right
    // after the fork), the worker calls worker_line() as often as it likes, and PID 1 calls end()
    // when the worker has exited. Meanwhile PID 1 writes nothing, but still notices when the client
    // goes away. worker_line() blocks, for 10 s at most; false: nobody listens.
    virtual void leave_to_worker() = 0;
    virtual bool worker_line(std::string json) = 0;
    [[nodiscard]] virtual int fd() const = 0; // -1 once gone. In blocking mode
};

struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
};

struct ServerLimits {
    std::size_t clients = 64;
    std::size_t foreign_clients = 32; // with a uid other than 0: nobody locks root out
    Ms request_time{5'000};
    Ms write_time{10'000};
    std::size_t output = kMaxOutput;
};

class ControlServer {
  public:
    // Gets requests that are well-formed and permitted.
    using Handler = std::function<void(Request, std::shared_ptr<Reply>)>;
    using PeerLookup = std::function<Result<Peer>(int fd)>;

    ControlServer(EventLoop& loop, Handler handler, ServerLimits limits = {});
    ~ControlServer(); // clients are dropped, the socket's file stays
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    // Takes the place of whatever is at `path`; mode 0666. The folder must be there.
    [[nodiscard]] Result<void> open(const std::string& path);
    // A listening socket that an earlier life of init has opened.
    void adopt(UniqueFd listening);
    [[nodiscard]] int listen_fd() const; // -1: not open; close-on-exec

    [[nodiscard]] std::size_t clients() const;
    void set_peer_lookup(PeerLookup lookup); // for tests; default: SO_PEERCRED

  private:
    struct Core;
    std::shared_ptr<Core> core_;
};

} // namespace leash::control
