// SPDX-License-Identifier: MIT
#include "init/closer.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/child_process.h"
#include "base/log.h"

namespace leash {
namespace {

// By its name alone: no other question that a file system could be asked.
bool closes_at_once(int fd) {
    char target[32] = "";
    auto path = fmt::format("/proc/self/fd/{}", fd);
    if (::readlink(path.c_str(), target, sizeof target - 1) < 0) return false;
    std::string_view name(target);
    return name.starts_with("pipe:[") || name.starts_with("anon_inode:[pidfd]") ||
           name.starts_with("pidfd:[");
}

} // namespace

void Closer::close(std::vector<UniqueFd> descriptors) {
    for (auto& fd : descriptors) {
        if (!fd || closes_at_once(fd.get())) fd.reset();
        else if (waiting_.size() < kMaxWaiting) waiting_.push_back(std::move(fd));
        else log::error("too many descriptors wait to be closed: closing one may hold up init");
    }
    launch();
}

void Closer::launch() {
    if (waiting_.empty() || running_.size() >= kMaxRunning) return;
    auto pid = static_cast<pid_t>(
        ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid == 0) {
        ::prctl(PR_SET_NAME, "leash-closer");
        reset_signals_to_default();
        for (const auto& fd : waiting_) ::close(fd.get());
        ::_exit(0);
    }
    if (pid < 0) { // tried again with the next ones
        log::warning("closing descriptors apart from init: {}", std::strerror(errno));
        return;
    }
    running_.insert(pid);
    for (auto& fd : waiting_) (void)fd.release(); // the child's from now on
    waiting_.clear();
}

bool Closer::child_exited(pid_t pid) {
    if (running_.erase(pid) == 0) return false;
    launch();
    return true;
}

} // namespace leash
