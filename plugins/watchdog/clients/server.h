// SPDX-License-Identifier: MIT
// Serves watchdogd's clients: one thread, one epoll, nothing in it waits for anybody. A connection has
// kReadMs to bring its message, and what is not 44, 76 or 204 bytes by then is not answered. Which
// process asks is what the kernel says (SO_PEERCRED); `pid` of a message is another one only where
// root asks, and then has to be a process that lives.
//
// Everyone may subscribe, kick, unsubscribe and read. ENABLE, SET_DEBUG, SET_LOGLEVEL, CLEAR, RELOAD,
// FAILED and RESET are root's: EPERM. A RESET of a client's own that is not root's is a verdict on that
// client, which its service's policy answers.
#pragma once

#include "watchdog/clients/link.h"
#include "watchdog/clients/table.h"

#include <vector>

namespace leash_clients {

inline constexpr int kMaxConnections = 1200;
inline constexpr std::int64_t kReadMs = 100;
inline constexpr std::int64_t kOwnerMs = 600; // then the client is told without init's having answered
inline constexpr std::int64_t kAnswerMs = 950; // clients give up after 1000
inline constexpr std::int64_t kAgainMs = 300;  // to say again what init has not answered

// Whether `said` is what process `pid` is called in its own PID namespace.
[[nodiscard]] bool own_number(std::int32_t pid, std::int32_t said);

class Server {
  public:
    // `restarted`: an earlier one was lost, with all that it knew.
    explicit Server(bool restarted) : table_(restarted) {}
    // Serves until PID 1's end of the link is gone. Exit status.
    int run();

  private:
    enum class State : std::uint8_t { free, reading, asking, listing };
    struct Connection {
        int fd = -1;
        State state = State::free;
        bool polled = false; // epoll knows it
        std::uint32_t uid = 0;
        std::int32_t peer = 0; // pid
        std::uint32_t serial = 0;
        std::int64_t deadline = 0;
        std::int64_t opened = 0;
        int client = 0;      // asking: its id, or 0
        int cursor = 0;      // listing: the next id
        std::uint32_t sent = 0;   // listing: bytes of the present message
        std::uint32_t length = 0;
        Message question{};
        char bytes[kMaxMessage]{};
    };

    static std::int64_t now();
    bool watch(int fd, std::uint64_t what, std::uint32_t events);
    bool handle_events(int timeout);
    void accept_from(int listener);
    int claim(std::uint32_t uid);
    void close_connection(int index);
    void abandon(int index);
    void read_from(int index);
    void serve(int index);
    void serve_client(Connection& connection, std::int32_t pid);
    void subscribe(int index, std::int32_t pid);
    void verdict_on(std::int32_t pid, std::int32_t id, Verdict verdict);
    void reset_or_fail(int index, std::int32_t pid);
    void ask(int index, std::int32_t pid);
    bool answer(int index, int error); // false: nobody was there to hear it
    bool send_bytes(int index, const void* bytes, std::size_t length); // and closes
    void poll_for(int index, std::uint32_t events);
    void list(int index);
    [[nodiscard]] std::int32_t effective_pid(const Connection& connection) const;

    void read_link();
    void hear(const LinkMessage& message);
    bool tell(const LinkMessage& message);
    void tell_of(int id, std::int64_t at);
    void tell_reset(std::int64_t at);
    void confirm(int id);
    void death(int id);
    void forget(int id);
    void tell_all(std::int64_t at);
    void housekeeping(std::int64_t at);
    [[nodiscard]] std::int64_t next_wake() const;

    struct PendingReset {
        bool set = false;
        std::uint32_t serial = 0;
        std::int64_t due = 0;
        std::int32_t pid = 0;
        std::uint32_t code = 0;
        char label[kLabelSize] = "";
    };

    ClientTable table_;
    std::vector<Connection> connections_;
    std::vector<int> free_;
    int epoll_ = -1;
    int open_ = 0;
    std::uint32_t serial_ = 0;
    PendingReset reset_;
    bool to_tell_ = false; // some client's slot waits for init
    std::int64_t tell_at_ = 0;
    bool link_gone_ = false;
    bool told_hello_ = false;
    std::int64_t hello_at_ = 0;
};

} // namespace leash_clients
