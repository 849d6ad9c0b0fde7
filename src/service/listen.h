// SPDX-License-Identifier: MIT
// The sockets and FIFOs that init listens on for a service and passes to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace leash {

enum class ListenKind { stream, dgram, seqpacket, fifo };
enum class ListenStart { always, demand }; // demand: the service starts when traffic comes

struct ListenSocket {
    std::string name; // in LISTEN_FDNAMES; empty: SERVICE.socket
    ListenKind kind = ListenKind::stream;
    std::string address; // as base/endpoint.h reads it; of a FIFO, a path
    friend bool operator==(const ListenSocket&, const ListenSocket&) = default;
};

inline constexpr std::size_t kMostListening = 16; // of one service
inline constexpr std::size_t kLongestListenName = 64;

struct Listen {
    std::vector<ListenSocket> sockets; // passed from descriptor 3 on, in this order
    ListenStart start = ListenStart::always;
    unsigned mode = 0666;    // of paths
    std::string user, group; // of paths; empty: root; numbers are allowed
    int backlog = 4096;

    [[nodiscard]] bool on_demand() const {
        return start == ListenStart::demand && !sockets.empty();
    }
    friend bool operator==(const Listen&, const Listen&) = default;
};

[[nodiscard]] std::string_view to_string(ListenKind kind);        // "stream"
[[nodiscard]] std::string to_string(const ListenSocket& socket);  // "http=stream:80"
[[nodiscard]] std::string address_of(const ListenSocket& socket); // "stream:80"
// Whether nothing has to be opened or closed to come from the one to the other.
[[nodiscard]] bool same_sockets(const Listen& one, const Listen& other);
// What a socket is made from, all of it, as one line: two that are equal are interchangeable.
[[nodiscard]] std::string identity_of(const Listen& listen, const ListenSocket& socket);

} // namespace leash
