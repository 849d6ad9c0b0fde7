// SPDX-License-Identifier: MIT
#include "config/listen_value.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "config/complaint.h"
#include "config/values.h"

namespace leash {
namespace {

using S = ServiceSettings;
using V = Value;

constexpr std::array<std::string_view, 4> kKinds{"stream", "dgram", "seqpacket", "fifo"};
constexpr std::string_view kGrammar = "[NAME=]KIND:ADDRESS";
constexpr std::string_view kExample = "for example stream:80, stream:127.0.0.1:80, "
                                      "adm=stream:/run/adm.sock, fifo:/run/in";

Checked<std::string> checked_address(ListenKind kind, std::string_view text) {
    if (text.starts_with('/') || kind == ListenKind::fifo) {
        auto path = parse_path(text);
        if (!path) return path;
        if (*path == "/") return fault("'/' is a folder");
        if (kind == ListenKind::fifo) return path;
        if (auto good = parse_endpoint(*path); !good) return fault(good.error().text);
        return path;
    }
    if (kind == ListenKind::seqpacket && !text.starts_with('@'))
        return fault(fmt::format("{} is no address of a seqpacket; allowed: /path, @name", quote(text)));
    if (auto good = parse_endpoint(text); !good) return fault(good.error().text);
    return std::string(text);
}

Checked<void> set_listen(S& s, const V& v) {
    auto sockets = v.items.empty() ? std::vector<ListenSocket>{} : s.listen->sockets;
    for (const auto& item : v.items) {
        auto socket = parse_listen(item);
        if (!socket) return std::unexpected(socket.error());
        auto address = address_of(*socket);
        for (const auto& other : sockets)
            if (address_of(other) == address)
                return fault(fmt::format("{} is there twice", quote(address)));
        if (sockets.size() == kMostListening)
            return fault(fmt::format("more than {} of them", kMostListening),
                         "split the service, or let it open the others itself");
        sockets.push_back(std::move(*socket));
    }
    s.listen.edit().sockets = std::move(sockets);
    return {};
}

Checked<void> set_mode(S& s, const V& v) {
    bool octal = v.text.size() >= 3 && v.text.size() <= 4 &&
                 v.text.find_first_not_of("01234567") == std::string::npos;
    auto mode = octal ? std::stoul(v.text, nullptr, 8) : 01000UL;
    if (mode > 0777)
        return fault(fmt::format("{} is no mode; allowed: 000..777 (octal)", quote(v.text)),
                     "for example 0660");
    s.listen.edit().mode = static_cast<unsigned>(mode);
    return {};
}

Checked<void> set_backlog(S& s, const V& v) {
    auto number = parse_unsigned(v.text);
    if (!number || *number < 1 || *number > 65'535)
        return fault(fmt::format("{} is no number of connections; allowed: 1..65535", quote(v.text)));
    s.listen.edit().backlog = static_cast<int>(*number);
    return {};
}

template <std::string Listen::*member> Checked<void> set_owner(S& s, const V& v) {
    auto account = parse_account(v.text);
    if (!account) return std::unexpected(account.error());
    s.listen.edit().*member = std::move(*account);
    return {};
}

} // namespace

Checked<ListenSocket> parse_listen(std::string_view item) {
    ListenSocket socket;
    auto colon = item.find(':');
    auto equals = item.substr(0, colon).find('=');
    auto rest = item;
    if (equals != std::string_view::npos) {
        socket.name = item.substr(0, equals);
        rest.remove_prefix(equals + 1);
        colon -= colon == std::string_view::npos ? 0 : equals + 1;
        if (socket.name.empty() || socket.name.size() > kLongestListenName ||
            !only_of(socket.name, "._@-"))
            return fault(fmt::format("{} is no name for a socket; allowed: 1 to {} of letters, digits "
                                     "and . _ @ -", quote(socket.name), kLongestListenName));
    }
    if (colon == std::string_view::npos)
        return fault(fmt::format("{} is not {}", quote(item), kGrammar), std::string(kExample));
    auto word = rest.substr(0, colon);
    auto kind = std::ranges::find(kKinds, word);
    if (kind == kKinds.end()) {
        auto close = closest_word(word, {kKinds.begin(), kKinds.end()});
        return fault(fmt::format("{} is no kind of socket; allowed: {}", quote(word),
                                 "stream, dgram, seqpacket, fifo"),
                     close.empty() ? std::string(kExample) : did_you_mean(close));
    }
    socket.kind = static_cast<ListenKind>(kind - kKinds.begin());
    auto address = checked_address(socket.kind, rest.substr(colon + 1));
    if (!address) return std::unexpected(address.error());
    socket.address = std::move(*address);
    return socket;
}

void add_listen_rows(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "service", group = "Sockets";
    table.push_back({.section = section, .group = group, .key = "listen", .type = list,
        .grammar = kGrammar, .types = kDaemon,
        .text = "Sockets and FIFOs that init opens before the service is started, and passes to it "
                "from descriptor 3 on, in this order, with LISTEN_FDS, LISTEN_PID and "
                "LISTEN_FDNAMES set (see sd_listen_fds(3)). KIND is `stream`, `dgram`, `seqpacket` "
                "or `fifo`. ADDRESS is a `/path`, an abstract `@name`, `A.B.C.D:PORT`, "
                "`[IPV6]:PORT`, or a `PORT` alone, which is all addresses of IPv4 and IPv6; a "
                "`seqpacket` has no port, a `fifo` has a path. NAME is for LISTEN_FDNAMES; without "
                "it it is the service's name and `.socket`. See SOCKETS.",
        .set = ServiceSetter{set_listen}});
    table.push_back({.section = section, .group = group, .key = "listen-start", .type = word,
        .words = {"always", "demand"}, .fallback = "always", .types = kDaemon,
        .text = "`always`: the service is started as any other. `demand`: where it is wanted (at "
                "boot, or by a service that requires or wants it) its sockets are opened, and it "
                "starts when traffic comes. See SOCKETS.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.listen.edit().start = static_cast<ListenStart>(v.word);
            return {};
        }}});
    table.push_back({.section = section, .group = group, .key = "listen-mode", .type = grammar,
        .grammar = "000..777 (octal)", .fallback = "0666", .types = kDaemon,
        .text = "The permissions of sockets and FIFOs that are paths.",
        .set = ServiceSetter{set_mode}});
    table.push_back({.section = section, .group = group, .key = "listen-user", .type = grammar,
        .grammar = "a user's name, or a number 0..4294967294", .fallback_note = "root",
        .types = kDaemon,
        .text = "The owner of sockets and FIFOs that are paths.",
        .set = ServiceSetter{set_owner<&Listen::user>}});
    table.push_back({.section = section, .group = group, .key = "listen-group", .type = grammar,
        .grammar = "a group's name, or a number 0..4294967294",
        .fallback_note = "the group of `listen-user`", .types = kDaemon,
        .text = "The group of sockets and FIFOs that are paths.",
        .set = ServiceSetter{set_owner<&Listen::group>}});
    table.push_back({.section = section, .group = group, .key = "listen-backlog", .type = grammar,
        .grammar = "1..65535", .fallback = "4096", .types = kDaemon,
        .text = "How many connections may wait to be accepted, within the kernel's limit "
                "net.core.somaxconn.",
        .set = ServiceSetter{set_backlog}});
}

} // namespace leash
