// SPDX-License-Identifier: MIT
// Before a new start: what lives of an earlier one of the same service, and is not spared? There is
// such a thing where `kill` does not cover strays, and where a task could not be killed. Two lives of
// one service side by side would fight over ports and files, so the key `strays` decides first.
#include "init/executor.h"

#include "base/log.h"

namespace leash {
namespace {

constexpr std::size_t kMostNamed = 8;

struct Leftover {
    pid_t pid;
    std::uint64_t began_ns;
    StartId start;
};

std::vector<Leftover> leftovers(KernelLineage& kernel, const std::string& service, StartId current) {
    std::vector<Leftover> found;
    auto starts = kernel.starts(group_of(service));
    if (!starts) return found;
    for (const auto& start : *starts) {
        if (start.id == current || start.live == 0) continue;
        auto left = kernel.kill(start.id, 0, {});
        if (!left || left->live == 0) continue;
        auto seen = kernel.snapshot(0, {.start = start.id}, [&](const leash_task& task) {
            if (task.flags & (LEASH_TASK_DEAD | LEASH_TASK_SPARED)) return;
            if (task.via != LEASH_VIA_TAG)
                found.push_back({task.tgid, task.start_ns, task.start});
        });
        if (!seen) log::warning("{}", seen.error().text);
    }
    return found;
}

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
    auto left = leftovers(*kernel_, wanted.service, wanted.start);
    if (left.empty()) return true;
    auto refuse = [&](const char* why, std::string remedy) {
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
        for (const auto& process : left) {
            KernelLineage::Which which{.pid = process.pid, .start_ns = process.began_ns};
            auto adopted = kernel_->adopt(wanted.start, which, true);
            if (!adopted && adopted.error().code == ESRCH) continue; // it has just ended
            auto moved = adopted && tree_ ? tree_->move(process.pid, wanted.service) : Result<void>{};
            if (!adopted) log::warning("{}: {}", wanted.service, adopted.error().text);
            if (!moved) log::warning("{}: {}", wanted.service, moved.error().text);
        }
        log::notice("{}: {} returned to it", wanted.service, named(left));
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
