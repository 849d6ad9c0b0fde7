// SPDX-License-Identifier: MIT
// The kernel module as a table in memory: what the tests put in is what is told.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include <fcntl.h>

#include "lineage/kernel_lineage.h"

namespace leash::test {

class FakeModule {
  public:
    FakeModule() {
        self = this;
        set_device_call([](int, unsigned long request, void* argument) {
            errno = self->answer(request, argument);
            return errno == 0 ? 0 : -1;
        });
    }
    ~FakeModule() { set_device_call(nullptr); }
    FakeModule(const FakeModule&) = delete;
    FakeModule& operator=(const FakeModule&) = delete;

    KernelLineage device() {
        return *KernelLineage::take_over(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    }
    leash_task& add(pid_t pid, StartId start, std::uint8_t via = LEASH_VIA_FORK) {
        leash_task task{};
        task.tid = task.tgid = pid;
        task.start = start;
        task.via = via;
        return tasks[pid] = task;
    }

    std::map<pid_t, leash_task> tasks;
    std::vector<leash_kill> kills; // as they were asked for
    int asked_before_kill = 0; // WHOIS before the first SIGKILL: a scan asks whose each process is
    std::vector<leash_spare> spares;
    std::function<void(pid_t)> before_adopt; // may change the table
    std::map<pid_t, int> adopt_errors;
    int rescans = 0, incomplete = 0; // for how many rescans it stays so

  private:
    [[nodiscard]] bool known(StartId start) const {
        for (const auto& [pid, task] : tasks)
            if (task.start == start) return true;
        return false;
    }

    int answer(unsigned long request, void* argument) {
        switch (request) {
        case LEASH_IOC_VERSION: static_cast<leash_version*>(argument)->abi = LEASH_ABI; return 0;
        case LEASH_IOC_START_GET:
            return known(static_cast<leash_start_info*>(argument)->id) ? 0 : ENOENT;
        case LEASH_IOC_WHOIS: return whois(*static_cast<leash_whois*>(argument));
        case LEASH_IOC_SNAPSHOT: return snapshot(*static_cast<leash_snapshot*>(argument));
        case LEASH_IOC_KILL: return kill(*static_cast<leash_kill*>(argument));
        case LEASH_IOC_SPARE: {
            auto& asked = *static_cast<leash_spare*>(argument);
            auto task = tasks.find(asked.pid);
            if (task == tasks.end() || task->second.start != asked.start) return ESRCH;
            task->second.flags |= LEASH_TASK_SPARED;
            spares.push_back(asked);
            return 0;
        }
        case LEASH_IOC_STARTS: return starts(*static_cast<leash_starts*>(argument));
        case LEASH_IOC_ADOPT: return adopt(*static_cast<leash_adopt*>(argument));
        case LEASH_IOC_RESCAN:
            ++rescans;
            if (incomplete > 0) --incomplete;
            return 0;
        default: return ENOTTY;
        }
    }
    int whois(leash_whois& asked) {
        bool killed = false;
        for (const auto& one : kills) killed = killed || one.signo == SIGKILL;
        if (!killed) ++asked_before_kill;
        auto task = tasks.find(asked.pid);
        if (task == tasks.end()) return ESRCH;
        asked.start = task->second.start;
        asked.via = task->second.via;
        if (task->second.flags & LEASH_TASK_SPARED) asked.flags |= LEASH_WHOIS_SPARED;
        return 0;
    }
    int snapshot(leash_snapshot& asked) {
        auto* out = reinterpret_cast<leash_task*>(asked.buffer); // NOLINT
        asked.cursor = 0;
        for (const auto& [pid, task] : tasks)
            if (asked.start == 0 || task.start == asked.start) out[asked.count++] = task;
        return 0;
    }
    int starts(leash_starts& asked) { // all of one group
        auto* out = reinterpret_cast<leash_start_info*>(asked.buffer); // NOLINT
        std::map<StartId, leash_start_info> found;
        for (const auto& [pid, task] : tasks) {
            auto& info = found[task.start];
            info.id = task.start;
            info.live += task.flags & LEASH_TASK_DEAD ? 0 : 1;
        }
        for (const auto& [id, info] : found) out[asked.count++] = info;
        asked.cursor = 0;
        return 0;
    }
    int adopt(leash_adopt& asked) {
        if (before_adopt) before_adopt(asked.pid);
        auto task = tasks.find(asked.pid);
        if (task == tasks.end()) return ESRCH;
        if (auto error = adopt_errors.find(asked.pid); error != adopt_errors.end())
            return error->second;
        task->second.start = asked.start;
        asked.count = 1;
        return 0;
    }
    int kill(leash_kill& asked) {
        bool group = asked.flags & LEASH_KILL_GROUP;
        if (group ? tasks.empty() : !known(asked.id)) return ENOENT;
        kills.push_back(asked);
        for (auto& [pid, task] : tasks) {
            if ((!group && task.start != asked.id) || (task.flags & LEASH_TASK_DEAD)) continue;
            if ((task.flags & LEASH_TASK_SPARED) && !(asked.flags & LEASH_KILL_SPARED)) ++asked.spared;
            else if (task.via == LEASH_VIA_TAG) ++asked.claimed;
            else if (asked.signo == SIGKILL && task.state != 'D') {
                task.flags |= LEASH_TASK_DEAD;
                ++asked.count;
            } else ++asked.live;
        }
        if (incomplete > 0) asked.state = LEASH_STATE_INCOMPLETE;
        return 0;
    }

    static inline FakeModule* self = nullptr;
};

} // namespace leash::test
