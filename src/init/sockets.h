// SPDX-License-Identifier: MIT
// What init listens on for its services: opened by a worker, held here over all starts of a service,
// watched while a service waits for traffic, named in the state page.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "init/core_loop.h"
#include "init/recovery.h"
#include "init/workers.h"
#include "service/manager.h"
#include "spawn/listening.h"
#include "spawn/spawn.h"

namespace leash {

class ListeningSockets {
  public:
    ListeningSockets(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers,
                     Recovery& recovery);

    void open(const std::string& service);  // action::Listen
    void close(const std::string& service); // action::Unlisten, and where a service is forgotten
    void watch(const std::string& service); // action::Watch
    void unwatch(const std::string& service);

    // For a start that is to be spawned: in the order of its `listen`.
    [[nodiscard]] std::vector<PassedDescriptor> passed(const ServiceSettings& settings) const;
    // Whether there is anything to accept or to read on any of them.
    [[nodiscard]] bool has_traffic(const std::string& service) const;

    // In a next life of init: takes what is recorded and still described.
    void take_over();
    // ... and that was all that is described, and no more.
    [[nodiscard]] bool complete(const std::string& service) const;

  private:
    struct Socket {
        ListenSocket what;
        std::string identity;
        UniqueFd fd;
        SocketFile file;
        std::unique_ptr<IoWatch> watch; // behind fd: to go before it
    };
    using Sockets = std::vector<std::unique_ptr<Socket>>;
    struct Set {
        unsigned serial = 0; // of the last open(): what comes of an earlier one is closed
        bool odd = false;    // the earlier life had others than are described now
        Sockets sockets;     // in the order of `listen`
    };
    void open_missing(const std::string& service, Set& set);
    void opened(const std::string& service, unsigned serial, int channel, int status,
                const std::string& complaint);
    void drop(Socket& socket);
    void take_over(const SocketsRecord& record);
    void record(const std::string& service);
    [[nodiscard]] std::string owner_of(const std::string& address, const std::string& but) const;
    [[nodiscard]] const Set* find(const std::string& service) const;

    EventLoop& loop_;
    Manager& manager_;
    CoreLoop& core_;
    Workers& workers_;
    Recovery& recovery_;
    std::map<std::string, Set> sets_;
    unsigned serial_ = 0;
};

} // namespace leash
