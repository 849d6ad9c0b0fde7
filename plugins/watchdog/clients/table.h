// SPDX-License-Identifier: MIT
// The clients that have subscribed, and by when each has to kick. No system call, no clock: the time
// comes in, errnos as watchdogd has them go out.
//
// Ids     The lowest that is free, from 1. Up to 255 they are what watchdogd's own clients know; where
//         more are alive, ids beyond 255 follow. EINVAL: an id that cannot have been given out: beyond
//         0..255 and beyond the highest one that was. EIDRM: one whose slot is free. A table that
//         takes over from one that is lost (`restarted`) answers EIDRM to all that it may have given.
// Acks    42 at first, 2 more with each kick, as watchdogd has it.
// Slack   500 ms beyond what is asked for, at each deadline and not at the first one alone.
#pragma once

#include "watchdog/clients/wire.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace leash_clients {

inline constexpr int kMaxClients = 4096;
inline constexpr int kMaxOfUser = kMaxClients / 2; // of one user other than root
inline constexpr int kLeastTimeoutMs = 1000;
inline constexpr std::int64_t kSlackMs = 500;
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Why a client is in trouble; none: it is well.
enum class Verdict : std::uint16_t { none, deadline, died, wrong_kick, wrong_unsubscribe, forced };
[[nodiscard]] std::uint32_t code_of(Verdict verdict); // enum Code

struct Client {
    std::uint32_t serial = 0; // of this subscription; 0: the slot is free
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::int32_t pidfd = -1;     // the server's
    std::int32_t connection = -1; // that waits for its subscription to be known to init; the server's
    std::int32_t timeout = 0;    // ms, as subscribed
    std::uint32_t ack = 0;
    bool dead = false;    // the slot is kept until init has heard of it
    bool owned = false;   // init has said whose it is:
    std::uint64_t start = 0; // 0: of no service
    char service[kServiceSize] = "";
    Verdict verdict = Verdict::none; // until it kicks again
    bool taken = false;     // init has heard of the verdict
    bool over = false;      // init is to hear that it kicks again
    std::int64_t ask_again = 0; // when to ask or to tell init the next time
    char label[kLabelSize] = "";
};

class ClientTable {
  public:
    explicit ClientTable(bool restarted) : highest_(restarted ? kMaxClients : 255) {}

    // Each gives 0 or an errno. subscribe() gives `id`; the slot is the caller's to fill up.
    int subscribe(std::int32_t pid, std::uint32_t uid, const Message& question, std::int64_t now,
                  std::int32_t& id);
    int kick(std::int32_t pid, const Message& question, std::int64_t now, std::uint32_t& next_ack);
    int unsubscribe(std::int32_t pid, const Message& question);

    // Its process has ended. True: the slot is kept, since there is a verdict to tell.
    bool died(int id);
    // A verdict that does not come from the time. One that stands already stays.
    void judge(int id, Verdict verdict);
    void forget(int id);
    // A client of this process: `preferred` if it is one, else the lowest; 0: there is none.
    [[nodiscard]] int id_of(std::int32_t pid, std::int32_t preferred) const;

    // While off, nobody is late; when it is on again each has its full time.
    void set_enabled(bool enabled, std::int64_t now);
    [[nodiscard]] bool enabled() const { return enabled_; }
    // Time in which nobody could be heard counts for nobody.
    void shift(std::int64_t ms);
    // The earliest deadline, or earlier; kNever if there is none.
    [[nodiscard]] std::int64_t next() const { return next_; }
    // Gives each client that is late its verdict; how many there were.
    int tick(std::int64_t now);

    [[nodiscard]] int count() const { return count_; }
    [[nodiscard]] int end() const { return end_; } // ids in use are below
    [[nodiscard]] bool used(int id) const {
        return id >= 1 && id < end_ && at(id).serial != 0;
    }
    [[nodiscard]] Client& at(int id) { return clients_[static_cast<std::size_t>(id - 1)]; }
    [[nodiscard]] const Client& at(int id) const { return clients_[static_cast<std::size_t>(id - 1)]; }
    [[nodiscard]] std::int64_t deadline(int id) const {
        return deadlines_[static_cast<std::size_t>(id - 1)];
    }

  private:
    int find(std::int32_t pid, const Message& question) const;
    void arm(int id, std::int64_t ms, std::int64_t now);

    std::vector<Client> clients_;
    std::vector<std::int64_t> deadlines_; // apart, so that a look at all is quick
    bool enabled_ = true;
    int highest_; // id that may have been given out
    int end_ = 1;
    int count_ = 0;
    std::uint32_t serial_ = 0;
    std::int64_t next_ = kNever;
};

} // namespace leash_clients
