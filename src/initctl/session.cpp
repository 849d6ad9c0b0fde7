// SPDX-License-Identifier: MIT
#include "initctl/session.h"

#include <chrono>
#include <csignal>
#include <thread>

#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "base/tag.h"
#include "control/protocol.h"
#include "records/store.h"

namespace leash::initctl {
namespace {

using namespace std::chrono_literals;

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
    session.out = [](std::string_view text) { return taskview::write_text(STDOUT_FILENO, text); };
    session.err = [](std::string_view text) { taskview::write_text(STDERR_FILENO, text); };
    session.terminal = taskview::terminal_of(STDOUT_FILENO);
    session.socket = control::kSocketPath;
    session.log_folder = "/run/leash/log";
    session.records_folder = records::kFolder;
    session.records_spool = records::kSpool;
    session.process_one = []() -> std::optional<std::pair<std::string, char>> {
        auto stat = read_stat(1);
        if (!stat) return std::nullopt;
        return std::pair{stat->comm, stat->state};
    };
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
    session.open_tasks = taskview::open_kernel_source;
    session.open_events = taskview::open_kernel_events;
    session.open_screen = open_real_screen;
    return session;
}

} // namespace leash::initctl
