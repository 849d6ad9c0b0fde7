// SPDX-License-Identifier: MIT
#include "prober.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cookies.h"
#include "../say.h"
#include "../sealed_program.h"

namespace leash_watchdog {

namespace {

constexpr const char* kName = "prober";
constexpr std::int64_t kPause = 500; // from one loss to the next start
constexpr std::int64_t kLongPause = 10'000; // after a start that failed

} // namespace

void Prober::start(const leash_host* host, WatchTable* table, std::function<void()> lost) {
    host_ = host;
    table_ = table;
    lost_ = std::move(lost);
    fd_ = host->saved_fd(kName);
    pid_ = table->prober();
    if (fd_ >= 0 && host->watch_fd(fd_, kFdProber) == 0) return;
    fd_ = -1;
    host->save_fd(kName, -1);
}

bool Prober::spawn(std::int64_t now) {
    if (now < not_before_) return false;
    not_before_ = now + kLongPause;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        say(host_, LEASH_ERROR, "no prober: socketpair: %s", std::strerror(errno));
        return false;
    }
    int program = helpers_program();
    const char* argv[] = {"leash-prober", nullptr};
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.exec_fd = program;
    helper.argv = argv;
    helper.fds = &pair[1];
    helper.fd_count = 1;
    helper.cookie = kHelperProber;
    int pid = program < 0 ? program : host_->spawn_helper(&helper);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        say(host_, LEASH_ERROR, "no prober, so services that are probed are not judged: %s",
            std::strerror(-pid));
        return false;
    }
    fd_ = pair[0];
    pid_ = pid;
    not_before_ = now + kPause;
    table_->note_prober(pid);
    host_->save_fd(kName, fd_);
    host_->watch_fd(fd_, kFdProber);
    return true;
}

bool Prober::ask(const ProbeAsk& ask, std::int64_t now) {
    if (fd_ < 0 && !spawn(now)) {
        lost_();
        return false;
    }
    if (send(fd_, &ask, sizeof ask, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof ask) return true;
    replace(errno == EAGAIN ? "it does not read what it is asked" : std::strerror(errno), now);
    return false;
}

void Prober::read(const std::function<void(const ProbeTold&)>& told, std::int64_t now) {
    for (unsigned i = 0; fd_ >= 0 && i < kMostProbes; ++i) {
        ProbeTold message;
        ssize_t got = recv(fd_, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got == 0) { // HELPER_EXIT follows
            drop(now);
            return;
        }
        if (got != sizeof message || message.magic != kToldMagic) {
            replace("it says what it cannot say", now);
            return;
        }
        message.why[sizeof message.why - 1] = '\0';
        told(message);
    }
}

void Prober::drop(std::int64_t now) {
    if (fd_ < 0) return;
    host_->unwatch_fd(fd_);
    host_->save_fd(kName, -1);
    close(fd_);
    fd_ = -1;
    not_before_ = now + kPause;
    lost_();
}

bool Prober::exited(int pid, int status, std::int64_t now) {
    if (pid != pid_) return false;
    pid_ = 0;
    table_->note_prober(0);
    bool killed = WIFSIGNALED(status);
    say(host_, LEASH_WARNING,
        "the prober has ended (%s %d); another one is started when it is needed",
        killed ? "signal" : "status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
    drop(now);
    return true;
}

void Prober::replace(const char* why, std::int64_t now) {
    say(host_, LEASH_WARNING, "the prober is replaced: %s", why);
    // A child of PID 1 that has not been told to have ended: the number is its own.
    if (pid_ > 1) kill(pid_, SIGKILL);
    pid_ = 0;
    table_->note_prober(0);
    drop(now);
}

} // namespace leash_watchdog
