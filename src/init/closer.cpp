// SPDX-License-Identifier: MIT
#include "init/closer.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child_process.h"
#include "base/log.h"
#include "base/process.h"

namespace leash {
namespace {

bool closes_at_once(int fd) {
    auto kind = kind_of_descriptor(fd);
    return kind == DescriptorKind::pipe || kind == DescriptorKind::pidfd;
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
