// SPDX-License-Identifier: MIT
// Where a socket listens, from text to what the kernel takes. Numbers alone: a name would have to be
// looked up.
#pragma once

#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/result.h"

namespace leash {

struct Endpoint {
    sockaddr_storage address{};
    socklen_t length = 0;
    bool both = false; // a port alone: IPv6 and, by the same socket, IPv4

    [[nodiscard]] int family() const { return address.ss_family; }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

// "80" (every address), "127.0.0.1:80", "[::1]:80", "/run/x", "@abstract". The error says what is
// wrong and what is allowed. Port 1..65535; a path or name has at most kMostSocketPath bytes.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);
inline constexpr std::size_t kMostSocketPath = 107;

} // namespace leash
