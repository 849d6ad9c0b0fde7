// SPDX-License-Identifier: MIT
// Before a new start: what lives of an earlier one of the same service, and is not spared? There is
// such a thing where `kill` does not cover strays, and where a task could not be killed. Two lives of
// one service side by side would fight over ports and files, so the key `strays` decides first.
#include "init/executor.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/log.h"
#include "lineage/leftovers.h"

namespace leash {
namespace {

constexpr std::size_t kMostNamed = 8;

// Moved on PID 1's loop; a write to cgroup.procs takes its time, so a worker moves the others.
constexpr std::size_t kMovedAtOnce = 16;

std::string named(const std::vector<Leftover>& left) {
    std::string text = left.size() == 1 ? "process" : "processes";
    for (std::size_t i = 0; i < left.size() && i < kMostNamed; ++i)
        text += fmt::format("{} {}", i == 0 ? "" : ",", left[i].pid);
    if (left.size() > kMostNamed) text += fmt::format(" and {} more", left.size() - kMostNamed);
    return text + " of an earlier start";
}

} // namespace

bool Executor::clear_leftovers(const action::Spawn& wanted, const ServiceSettings& settings) {
    bool cleaned = cleaned_.erase(wanted.start) > 0;
    if (!kernel_) return true; // nobody could tell which start a stray is of
    if (!has_leftovers(*kernel_, wanted.service)) return true;
    auto left = leftovers(*kernel_, wanted.service, wanted.start);
    if (left.empty()) return true;
    auto refuse = [&](const char* why, const std::string& remedy) {
        core_.post(event::SpawnFailed{wanted.start, fmt::format("{} {}: {}", named(left), why, remedy)});
        return false;
    };
    switch (settings.strays) {
    case StrayPolicy::report:
        return refuse("still live",
                      fmt::format("end them, or set strays = return or kill in {}", settings.file));
    case StrayPolicy::bring_back: {
        UniqueFd group;
        if (tree_)
            if (auto entered = tree_->enter(wanted.service)) group = std::move(*entered);
        if (!make_known(wanted.service, wanted.start, group.get()))
            return refuse("still live", "the kernel module refuses to take them over");
        auto taken = take_over_leftovers(*kernel_, wanted.service, wanted.start);
        left = std::move(taken.theirs);
        if (!left.empty())
            return refuse("could not be returned to it", "end them, or set strays = kill in " +
                                                             settings.file);
        if (taken.ours.empty()) return true; // they have just ended
        log::notice("{}: {} returned to it", wanted.service, named(taken.ours));
        move_in(wanted, std::move(taken.ours));
        return true;
    }
    case StrayPolicy::kill: break;
    }
    if (cleaned) return refuse("cannot be killed", "it takes a reboot to be rid of them");
    log::notice("{}: {} killed first", wanted.service, named(left));
    for (const auto& process : left) {
        if (!cleaning_.emplace(process.start, wanted).second) continue;
        EndJob job;
        job.service = wanted.service;
        job.start = process.start;
        ender_.add(std::move(job));
    }
    return false;
}

void Executor::move_in(const action::Spawn& wanted, std::vector<Leftover> processes) {
    if (!tree_) return;
    // The number may be somebody else's by now.
    auto move = [this, wanted](const Leftover& process) {
        auto whose = kernel_->whois(process.pid, process.began_ns);
        if (!whose || whose->start != wanted.start) return true;
        auto moved = tree_->move(process.pid, wanted.service);
        if (moved || moved.error().code == ESRCH) return true;
        log::warning("{}: {}", wanted.service, moved.error().text); // unheard in a worker
        return false;
    };
    auto rest = processes.begin();
    for (std::size_t i = 0; i < kMovedAtOnce && rest != processes.end(); ++i) (void)move(*rest++);
    processes.erase(processes.begin(), rest);
    if (processes.empty()) return;
    WorkerJob job;
    job.name = "move";
    job.limit = Ms{30'000};
    job.keep_fds.push_back(kernel_->fd());
    job.work = [move, processes = std::move(processes)](int) {
        return std::ranges::count_if(processes, std::not_fn(move)) == 0 ? 0 : 1;
    };
    job.done = [service = wanted.service](int status, const std::string&) {
        if (status != 0)
            log::warning("{}: not all processes of an earlier start could be moved to its cgroup; they "
                         "belong to it nevertheless", service);
    };
    workers_.run(std::move(job));
}

// True: the result is of an earlier start, not of a living one. When all of them are gone, the start
// that waits goes on.
bool Executor::cleaned_up(const EndResult& result) {
    auto found = cleaning_.find(result.start);
    if (found == cleaning_.end()) return false;
    auto wanted = found->second;
    cleaning_.erase(found);
    if (kernel_) (void)kernel_->forget_start(result.start);
    for (const auto& [earlier, waiting] : cleaning_)
        if (waiting.start == wanted.start) return true;
    if (manager_.service_of(wanted.start).empty()) return true; // it is over
    if (manager_.view(wanted.service)->state != State::starting) {
        core_.post(event::SpawnFailed{wanted.start, "it was to stop before it was spawned"});
        return true;
    }
    cleaned_.insert(wanted.start);
    spawn(wanted);
    return true;
}

} // namespace leash
