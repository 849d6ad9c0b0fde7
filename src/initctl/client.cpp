// SPDX-License-Identifier: MIT
#include "initctl/client.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "control/protocol.h"

namespace leash::initctl {
namespace {

constexpr std::size_t kMaxLine = 16 * 1024 * 1024; // a service with very many tasks

Answer unreachable(const std::string& path, std::string_view why) {
    return {control::status::unreachable,
            fmt::format("init is not reachable at {}: {}", path, why), false};
}

} // namespace

std::string text_of(const Json& object, const char* key) {
    auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t number_of(const Json& object, const char* key) {
    auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
    std::vector<std::string> texts;
    auto found = object.find(key);
    if (found == object.end() || !found->is_array()) return texts;
    for (const auto& item : *found)
        if (item.is_string()) texts.push_back(item.get<std::string>());
    return texts;
}

Answer ask(const std::string& socket_path, std::string_view verb,
           const std::vector<std::string>& names, bool option, Ms patience, const OnLine& on_line) {
    auto request = control::encode_request(verb, names, option);
    if (!request) {
        bool name = request.error().text.starts_with("no such service");
        return {name ? control::status::no_such_service : control::status::usage,
                request.error().text, false};
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path)
        return unreachable(socket_path, "path too long");
    socket_path.copy(address.sun_path, socket_path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
        int error = errno;
        auto answer = unreachable(socket_path, std::strerror(error));
        if (error == EACCES || error == EPERM) answer.status = control::status::not_permitted;
        answer.nobody = error == ENOENT || error == ECONNREFUSED;
        return answer;
    }
    // A server that is full answers before it has read: a failure here shows below.
    [[maybe_unused]] auto sent = ::send(fd.get(), request->data(), request->size(), MSG_NOSIGNAL);

    std::string buffer;
    std::size_t searched = 0;
    while (true) {
        auto newline = buffer.find('\n', searched);
        if (newline == std::string::npos) {
            searched = buffer.size();
            pollfd readable{fd.get(), POLLIN, 0};
            int ready = ::poll(&readable, 1, patience.count() > 0 ? int(patience.count()) : -1);
            if (ready < 0 && errno == EINTR) continue;
            if (ready == 0) return unreachable(socket_path, "no answer in time");
            char bytes[65536];
            auto got = ::recv(fd.get(), bytes, sizeof bytes, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0 || buffer.size() > kMaxLine)
                return unreachable(socket_path, "it closed the connection");
            buffer.append(bytes, static_cast<std::size_t>(got));
            continue;
        }
        std::string line = buffer.substr(0, newline);
        buffer.erase(0, newline + 1);
        searched = 0;
        auto object = Json::parse(line, nullptr, false);
        if (!object.is_object()) continue; // empty, or cut off by a worker's time limit
        if (auto end = object.find("end"); end != object.end() && end->is_number())
            return {static_cast<int>(number_of(object, "end")), text_of(object, "message"), false};
        on_line(line, object);
    }
}

} // namespace leash::initctl
