// SPDX-License-Identifier: MIT
#include "spawn/outcome.h"

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "base/result.h"
#include "spawn/child_plan.h"

namespace leash {
namespace {

struct Orphan {
    UniqueFd fd;
    std::unique_ptr<ChildPlan> plan;
};
std::vector<Orphan>& all_orphans() {
    static std::vector<Orphan> orphans;
    return orphans;
}

// The kernel closes a child's end when it executes, or is no more: either way it has left the plan.
bool is_through(int fd) {
    pollfd look{fd, 0, 0};
    return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLNVAL)) != 0;
}

} // namespace

ExecOutcome::ExecOutcome() = default;
ExecOutcome::ExecOutcome(UniqueFd fd) : fd_(std::move(fd)) {}
ExecOutcome::ExecOutcome(ExecOutcome&& other) noexcept = default;
ExecOutcome& ExecOutcome::operator=(ExecOutcome&& other) noexcept {
    reset();
    fd_ = std::move(other.fd_);
    plan_ = std::move(other.plan_);
    return *this;
}
ExecOutcome::~ExecOutcome() { reset(); }

void ExecOutcome::reset() {
    auto& orphans = all_orphans();
    std::erase_if(orphans, [](const Orphan& orphan) { return is_through(orphan.fd.get()); });
    if (plan_ && fd_ && !is_through(fd_.get()))
        orphans.push_back({std::move(fd_), std::move(plan_)});
    plan_.reset();
    fd_.reset();
}

void ExecOutcome::keep(std::unique_ptr<ChildPlan> plan) { plan_ = std::move(plan); }
std::size_t ExecOutcome::orphans() { return all_orphans().size(); }

std::optional<std::string> read_outcome(int outcome_fd) {
    std::string reason;
    char buffer[4096];
    while (true) {
        auto got = ::read(outcome_fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        reason.append(buffer, static_cast<std::size_t>(got));
    }
    if (reason.empty()) return std::nullopt;
    // TEXT NUL CODE, of a child that could not say it in words.
    if (auto end = reason.find('\0'); end != std::string::npos) {
        int code = std::atoi(reason.c_str() + end + 1);
        reason.resize(end);
        if (code == 0) return reason;
        return fail_errno(code, "{}", reason).error().text;
    }
    return reason;
}

} // namespace leash
