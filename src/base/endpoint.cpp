// SPDX-License-Identifier: MIT
#include "base/endpoint.h"

#include <cstddef>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/text.h"

namespace leash {
namespace {

static_assert(kMostSocketPath + 1 == sizeof sockaddr_un::sun_path);

template <class Address> Endpoint endpoint_of(const Address& address, std::size_t length) {
    Endpoint endpoint;
    std::memcpy(&endpoint.address, &address, sizeof address);
    endpoint.length = static_cast<socklen_t>(length);
    return endpoint;
}

Result<Endpoint> unix_endpoint(std::string_view text) {
    bool abstract = text[0] == '@';
    if (abstract && text.size() == 1) return fail("'@' is a name of no letters");
    if (text.size() > kMostSocketPath)
        return fail("'{}' has {} bytes; a socket's path has at most {}", text, text.size(),
                    kMostSocketPath);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    text.copy(address.sun_path, text.size());
    if (abstract) address.sun_path[0] = '\0';
    return endpoint_of(address, offsetof(sockaddr_un, sun_path) + text.size() + (abstract ? 0 : 1));
}

std::optional<in_port_t> parse_port(std::string_view text) {
    auto number = parse_unsigned(text);
    if (!number || *number < 1 || *number > 65'535) return std::nullopt;
    return htons(static_cast<in_port_t>(*number));
}

} // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
    auto refuse = [&](std::string_view why) {
        return fail("'{}' {}; allowed: PORT, A.B.C.D:PORT, [IPV6]:PORT, /path, @name", text, why);
    };
    if (text.starts_with('/') || text.starts_with('@')) return unix_endpoint(text);
    auto colon = text.rfind(':');
    auto port = parse_port(colon == std::string_view::npos ? text : text.substr(colon + 1));
    if (!port)
        return refuse(colon == std::string_view::npos ? "is no port (1..65535)"
                                                      : "does not end in a port (1..65535)");
    bool alone = colon == std::string_view::npos;
    std::string host(alone ? "[::]" : text.substr(0, colon));
    if (host.starts_with('[') && host.ends_with(']')) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = *port;
        if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address.sin6_addr) != 1)
            return refuse("has no IPv6 address in its brackets");
        auto endpoint = endpoint_of(address, sizeof address);
        endpoint.both = alone;
        return endpoint;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = *port;
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1)
        return endpoint_of(address, sizeof address);
    return refuse(host.find(':') != std::string::npos
                      ? "has an IPv6 address without brackets"
                      : "has no numeric address (names are not looked up)");
}

} // namespace leash
