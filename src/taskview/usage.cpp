// SPDX-License-Identifier: MIT
#include "taskview/usage.h"

#include <map>
#include <tuple>
#include <unordered_map>

namespace leash::taskview {
namespace {

using Key = std::tuple<Usage::Kind, std::string>;

Key key_of(const Row& row) {
    if (row.is(LEASH_TASK_KERNEL)) return {Usage::Kind::kernel, ""};
    if (row.service.empty()) return {Usage::Kind::nobody, ""};
    return {Usage::Kind::service, row.service};
}

std::uint64_t elapsed(const Sample& before, const Sample& now) {
    return now.time_ns > before.time_ns ? now.time_ns - before.time_ns : 0;
}

// CPU time that a service has used so far: of its living processes and of those that have ended,
// which the module has counted. So a service whose processes live for a moment only is seen, too.
// A start that is forgotten takes its count along; the sum falls, and is taken for none.
std::map<Key, std::uint64_t> runtimes_of(const Sample& sample) {
    std::map<Key, std::uint64_t> sums;
    for (const auto& start : sample.starts)
        sums[{Usage::Kind::service, start.name}] += start.runtime_ns;
    for (const auto& row : sample.rows)
        if (!row.is(LEASH_TASK_DEAD) || row.task.start == 0)
            sums[key_of(row)] += row.task.runtime_ns;
    return sums;
}

} // namespace

double cpu_share(std::uint64_t before_ns, std::uint64_t after_ns, std::uint64_t elapsed_ns) {
    if (after_ns <= before_ns || elapsed_ns == 0) return 0;
    return 100.0 * static_cast<double>(after_ns - before_ns) / static_cast<double>(elapsed_ns);
}

void set_cpu_shares(const Sample& before, Sample& now) {
    auto time = elapsed(before, now);
    if (time == 0) return;
    std::unordered_map<std::int32_t, const leash_task*> earlier;
    earlier.reserve(before.rows.size());
    for (const auto& row : before.rows) earlier.emplace(row.task.tid, &row.task);
    for (auto& row : now.rows) {
        auto found = earlier.find(row.task.tid);
        // A number alone may be another task's by now.
        bool same = found != earlier.end() && found->second->start_ns == row.task.start_ns;
        row.cpu = cpu_share(same ? found->second->runtime_ns : 0, row.task.runtime_ns, time);
    }
}

std::vector<Usage> usage_of(const Sample& before, const Sample& now) {
    std::map<Key, Usage> services;
    for (const auto& row : now.rows) {
        auto& usage = services[key_of(row)];
        usage.tasks += row.task.threads;
        usage.processes += 1;
        usage.rss += resident(row.task);
        usage.shmem += row.task.shmem;
        usage.fds += row.task.fds;
    }
    auto earlier = runtimes_of(before);
    for (const auto& [key, runtime] : runtimes_of(now)) {
        auto old = earlier.find(key);
        auto share = cpu_share(old == earlier.end() ? 0 : old->second, runtime,
                               elapsed(before, now));
        // A start without a process is worth a line only for what it has just used.
        if (auto known = services.find(key); known != services.end()) known->second.cpu = share;
        else if (share > 0) services[key].cpu = share;
    }
    std::vector<Usage> all;
    for (auto& [key, usage] : services) {
        std::tie(usage.kind, usage.service) = key;
        all.push_back(std::move(usage));
    }
    return all;
}

} // namespace leash::taskview
