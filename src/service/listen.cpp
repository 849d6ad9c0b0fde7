// SPDX-License-Identifier: MIT
#include "service/listen.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace leash {

std::string_view to_string(ListenKind kind) {
    constexpr std::array<std::string_view, 4> kNames{"stream", "dgram", "seqpacket", "fifo"};
    return kNames[static_cast<std::size_t>(kind)];
}

std::string address_of(const ListenSocket& socket) {
    return fmt::format("{}:{}", to_string(socket.kind), socket.address);
}

std::string to_string(const ListenSocket& socket) {
    return socket.name.empty() ? address_of(socket)
                               : fmt::format("{}={}", socket.name, address_of(socket));
}

std::string identity_of(const Listen& listen, const ListenSocket& socket) {
    auto text = address_of(socket);
    if (socket.kind != ListenKind::fifo) text += fmt::format(" {}", listen.backlog);
    if (socket.address.starts_with('/'))
        text += fmt::format(" {:o} {} {}", listen.mode, listen.user, listen.group);
    return text;
}

bool same_sockets(const Listen& one, const Listen& other) {
    if (one.sockets != other.sockets) return false;
    return std::ranges::all_of(one.sockets, [&](const auto& socket) {
        return identity_of(one, socket) == identity_of(other, socket);
    });
}

} // namespace leash
