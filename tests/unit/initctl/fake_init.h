// SPDX-License-Identifier: MIT
// A server with answers prepared in advance, and a session that keeps what is printed.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "initctl/commands.h"

namespace leash::initctl {

class FakeInit {
  public:
    FakeInit() {
        char folder[] = "/tmp/leash-initctl-XXXXXX";
        folder_ = mkdtemp(folder);
        session_.out = [this](std::string_view text) { out += text; return true; };
        session_.err = [this](std::string_view text) { err += text; };
        session_.socket = folder_ + "/control";
        session_.log_folder = folder_ + "/log";
        session_.records_folder = folder_;
        session_.records_spool = folder_ + "/spool";
        session_.config_root = folder_;
        session_.reboot_now = [this](int command) { rebooted = command; errno = EPERM; };
        session_.next_look = [] { return false; };
        session_.become = [this](const std::vector<std::string>& command, const std::string& tag) {
            became = command;
            became.push_back(tag);
            return ENOENT; // it has come back
        };
    }
    ~FakeInit() {
        if (listening_) {
            ::shutdown(listening_.get(), SHUT_RDWR);
            thread_.join();
        }
        std::filesystem::remove_all(folder_);
    }

    // The reply to a request, written with '|' for NUL and without the protocol: "start|httpd".
    void answer(const std::string& request, const std::string& reply) { replies_[request] = reply; }

    void listen() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        session_.socket.copy(address.sun_path, session_.socket.size());
        listening_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
            ::listen(listening_.get(), 8) < 0)
            std::abort();
        thread_ = std::thread([this] { serve(); });
    }

    int run(std::vector<std::string> args) {
        out.clear();
        err.clear();
        return initctl::run(args, session_);
    }

    [[nodiscard]] int listening_fd() const { return listening_.get(); }

    Session session_;
    std::string folder_, out, err;
    [[nodiscard]] std::string etc_folder() const { return folder_ + "/etc/leash"; }
    int rebooted = 0;
    std::vector<std::string> became; // the command, then the tag

  private:
    void serve() {
        while (true) {
            UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client) return;
            std::string request;
            char byte = 0;
            while (::read(client.get(), &byte, 1) == 1 && byte != '\n')
                request += byte == '\0' ? '|' : byte;
            auto known = replies_.find(request.substr(request.find('|') + 1));
            std::string reply = known != replies_.end()
                ? known->second
                : "{\"end\":2,\"message\":\"unexpected request " + request + "\"}\n";
            [[maybe_unused]] auto sent =
                ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        }
    }

    std::map<std::string, std::string> replies_;
    UniqueFd listening_;
    std::thread thread_;
};

} // namespace leash::initctl
