// SPDX-License-Identifier: MIT
// leash-logger: started by PID 1, with its end of their channel as descriptor 3.
//
//     leash-logger [--folder DIR] [--console FILE] [--kernel-log FILE|none]
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "logger/logger.h"

using namespace leash;

namespace {

bool parse(int argc, char** argv, LoggerOptions& options) {
    for (int i = 1; i < argc; i += 2) {
        std::string_view option = argv[i];
        if (i + 1 >= argc) return false;
        std::string value = argv[i + 1];
        if (option == "--folder") options.folder = value;
        else if (option == "--console") options.console = value;
        else if (option == "--kernel-log") options.kernel_log = value == "none" ? "" : value;
        else return false;
    }
    return true;
}

} // namespace

int main(int argc, char** argv) {
    LoggerOptions options;
    if (!parse(argc, argv, options)) {
        log::error("usage: leash-logger [--folder DIR] [--console FILE] [--kernel-log FILE|none]");
        return 2;
    }
    // It ends when PID 1 lets go of the channel, not before: the last words count most.
    for (int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM})
        std::signal(signal, SIG_IGN);
    if (::fcntl(kLoggerFd, F_SETFD, FD_CLOEXEC) < 0) {
        log::error("leash-logger: descriptor {} is not open; init starts this program", kLoggerFd);
        return 2;
    }
    ::umask(077);
    [[maybe_unused]] auto at_root = ::chdir("/");

    EventLoop loop;
    Logger logger(loop, std::move(options), UniqueFd(kLoggerFd));
    loop.run();
    return 0;
}
