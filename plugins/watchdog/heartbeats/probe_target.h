// SPDX-License-Identifier: MIT
// tcp:ADDRESS:PORT, unix:/PATH and http://ADDRESS[:PORT]/PATH, for the prober. The configuration has
// been checked; this reads it again, since what cannot be understood must fail and not guess.
#pragma once

#include <cstddef>

#include <sys/socket.h>

namespace leash_watchdog {

struct ProbeTarget {
    sockaddr_storage address{};
    socklen_t length = 0;
    bool http = false;
    char request[512] = ""; // http: what to send
    std::size_t request_length = 0;
};

// False: not understood. `text` ends with NUL.
bool parse_target(const char* text, ProbeTarget& target);

} // namespace leash_watchdog
