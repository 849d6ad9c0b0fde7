// SPDX-License-Identifier: MIT
#include "probe_target.h"

#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace leash_watchdog {

namespace {

bool parse_port(const char* text, const char* end, in_port_t& port) {
    if (text == end || end - text > 5) return false;
    unsigned long value = 0;
    for (; text < end; ++text) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + static_cast<unsigned long>(*text - '0');
    }
    if (value == 0 || value > 65'535) return false;
    port = htons(static_cast<in_port_t>(value));
    return true;
}

// ADDRESS[:PORT] in [text, end).
bool parse_address(const char* text, const char* end, bool needs_port, ProbeTarget& target) {
    char host[INET6_ADDRSTRLEN] = "";
    bool six = text < end && *text == '[';
    const char* host_begin = text + (six ? 1 : 0);
    const char* host_end = host_begin;
    while (host_end < end && *host_end != (six ? ']' : ':')) ++host_end;
    auto length = static_cast<std::size_t>(host_end - host_begin);
    if (length >= sizeof host || (six && host_end == end)) return false;
    std::memcpy(host, host_begin, length);
    const char* rest = host_end + (six ? 1 : 0);
    in_port_t port = htons(80);
    if (rest == end ? needs_port : *rest != ':' || !parse_port(rest + 1, end, port)) return false;
    if (six) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = port;
        if (inet_pton(AF_INET6, host, &address.sin6_addr) != 1) return false;
        std::memcpy(&target.address, &address, target.length = sizeof address);
        return true;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = port;
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return false;
    std::memcpy(&target.address, &address, target.length = sizeof address);
    return true;
}

} // namespace

bool parse_target(const char* text, ProbeTarget& target) {
    for (const char* at = text; *at != '\0'; ++at)
        if (*at <= ' ' || *at > '~') return false; // no line of its own in the request
    if (std::strncmp(text, "tcp:", 4) == 0)
        return parse_address(text + 4, text + std::strlen(text), true, target);
    if (std::strncmp(text, "unix:/", 6) == 0) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        auto length = std::strlen(text + 5);
        if (length >= sizeof address.sun_path) return false;
        std::memcpy(address.sun_path, text + 5, length);
        std::memcpy(&target.address, &address, target.length = sizeof address);
        return true;
    }
    if (std::strncmp(text, "http://", 7) != 0) return false;
    const char* slash = std::strchr(text + 7, '/');
    if (slash == nullptr || !parse_address(text + 7, slash, false, target)) return false;
    int wrote = std::snprintf(target.request, sizeof target.request,
                              "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: leash\r\nAccept: */*\r\n"
                              "Connection: close\r\n\r\n",
                              slash, static_cast<int>(slash - text - 7), text + 7);
    if (wrote < 0 || static_cast<std::size_t>(wrote) >= sizeof target.request) return false;
    target.request_length = static_cast<std::size_t>(wrote);
    return target.http = true;
}

} // namespace leash_watchdog
