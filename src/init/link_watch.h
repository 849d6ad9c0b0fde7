// SPDX-License-Identifier: MIT
// Which network interfaces are up, as the kernel tells it over a netlink socket.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

// Interfaces by their index. Values only: fed with what the socket gives.
class Links {
  public:
    // One datagram. False: it cannot be believed, ask for all of them again.
    bool take(std::span<const std::byte> datagram);
    void forget() { links_.clear(); }
    // Up and with a carrier.
    [[nodiscard]] bool up(const std::string& name) const;

  private:
    struct Link {
        std::string name;
        bool up = false;
    };
    std::map<int, Link> links_;
};

class LinkWatch {
  public:
    LinkWatch(EventLoop& loop, std::function<void()> changed);
    Result<void> open();
    [[nodiscard]] bool up(const std::string& name) const { return links_.up(name); }

  private:
    void ask_for_all();
    void on_readable();

    EventLoop& loop_;
    std::function<void()> changed_;
    Links links_;
    UniqueFd fd_;
    std::unique_ptr<IoWatch> watch_;
};

} // namespace leash
