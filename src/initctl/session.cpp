// SPDX-License-Identifier: MIT
#include "initctl/session.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tag.h"
#include "control/protocol.h"

namespace leash::initctl {
namespace {

using namespace std::chrono_literals;

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        auto done = ::write(fd, text.data(), text.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
}

Terminal terminal_of(int fd) {
    Terminal terminal;
    if (!::isatty(fd)) return terminal;
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    bool dumb = term != nullptr && std::string_view(term) == "dumb";
    terminal.colour = (no_color == nullptr || *no_color == '\0') && !dumb;
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0) terminal.width = size.ws_col;
    return terminal;
}

// A file system that hangs must not keep the machine up: sync for 10 s at most.
void sync_with_limit() {
    pid_t child = ::fork();
    if (child == 0) {
        ::sync();
        ::_exit(0);
    }
    for (int i = 0; child > 0 && i < 100 && ::waitpid(child, nullptr, WNOHANG) == 0; ++i)
        std::this_thread::sleep_for(100ms);
}

} // namespace

Session real_session() {
    // A reader that goes away ends the output, not the program; and a restart of the service under
    // which this very login runs must still be seen through by init.
    std::signal(SIGPIPE, SIG_IGN);
    Session session;
    session.out = [](std::string_view text) { return write_all(STDOUT_FILENO, text); };
    session.err = [](std::string_view text) { write_all(STDERR_FILENO, text); };
    session.terminal = terminal_of(STDOUT_FILENO);
    session.socket = control::kSocketPath;
    session.log_folder = "/run/leash/log";
    session.etc = "/etc/leash";
    session.reboot_now = [](int command) {
        sync_with_limit();
        ::reboot(command);
    };
    session.become = [](const std::vector<std::string>& command, const std::string& tag) {
        ::setenv(std::string(kTagVariable).c_str(), tag.c_str(), 1);
        std::signal(SIGPIPE, SIG_DFL);
        std::vector<char*> argv;
        for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        ::execvp(argv[0], argv.data());
        return errno;
    };
    session.next_look = [] {
        std::this_thread::sleep_for(250ms);
        return true;
    };
    return session;
}

} // namespace leash::initctl
