// SPDX-License-Identifier: MIT
// The rows of [service] about what finders look for, and the section [finder] of their plugin.
#include "config/schema_parts.h"

#include <array>
#include <utility>

#include "config/complaint.h"
#include "config/service_setters.h"
#include "service/finder_settings.h"

namespace leash {
namespace {

using namespace setters;

constexpr std::string_view kGroup = "Hogs, leaks and hangs";

// Of the plugin's own: it gets them as text.
Checked<void> check_nothing(SystemSettings&, const Value&) { return {}; }

template <std::size_t index> Checked<void> set_finder(S& s, const V& v) {
    const auto& key = finder_keys()[index];
    auto plain = plain_finder_value(key.form, v.text);
    if (!plain)
        return fault(fmt::format("{}; allowed: {}", plain.error().text, grammar_of(key.form)));
    s.finder.edit()[std::string(key.key)] = std::move(*plain);
    return {};
}

template <std::size_t... index>
constexpr std::array<ServiceSetter, sizeof...(index)> finder_setters(std::index_sequence<index...>) {
    return {&set_finder<index>...};
}

struct KindRow {
    TroubleKind kind;
    std::string_view limit;  // the key that says what is allowed; "" for on-stray
    std::string_view about;  // ... and its text
    std::string_view on_key, on_text;
    ServiceSetter set_policy;
};

constexpr KindRow kRows[] = {
    {TroubleKind::cpu_hog, "cpu-hog",
     "More CPU time than this share of one CPU, on average over TIME, by all tasks of the service "
     "together, is the trouble `cpu-hog`. Two CPUs are 200%.",
     "on-cpu-hog", "The answer to more CPU time than `cpu-hog`. `limit` sets cpu.max.",
     &set_policy<TroubleKind::cpu_hog>},
    {TroubleKind::memory_hog, "memory-hog",
     "More memory than this in all tasks of the service together (anonymous and swapped out), or than "
     "this share of the machine's, is the trouble `memory-hog`.",
     "on-memory-hog", "The answer to more memory than `memory-hog`. `limit` sets memory.high.",
     &set_policy<TroubleKind::memory_hog>},
    {TroubleKind::memory_leak, "memory-leak",
     "Memory of the service that grows all the time, over TIME and on from there, is the trouble "
     "`memory-leak`. Its level is what the service will have after another TIME, in percent of SIZE.",
     "on-memory-leak",
     "The answer to memory that only grows, for example `report at 60%, restart at 90%`.",
     &set_policy<TroubleKind::memory_leak>},
    {TroubleKind::fd_hog, "fd-hog",
     "More open descriptors than this in one process of the service, or than this share of its limit "
     "(RLIMIT_NOFILE), are the trouble `fd-hog`.",
     "on-fd-hog", "The answer to more descriptors than `fd-hog`. `limit` lowers RLIMIT_NOFILE.",
     &set_policy<TroubleKind::fd_hog>},
    {TroubleKind::fd_leak, "fd-leak",
     "Descriptors of a process that grow in number all the time, over TIME and on from there, are the "
     "trouble `fd-leak`. Its level is how many it will have after another TIME, in percent of N.",
     "on-fd-leak", "The answer to descriptors that only grow in number.",
     &set_policy<TroubleKind::fd_leak>},
    {TroubleKind::shm_hog, "shm-hog",
     "More shared memory than this (POSIX, System V, memfd, tmpfs), mapped by the service or made by "
     "it, or than this share of the machine's memory, is the trouble `shm-hog`.",
     "on-shm-hog", "The answer to more shared memory than `shm-hog`.",
     &set_policy<TroubleKind::shm_hog>},
    {TroubleKind::task_hog, "task-hog",
     "More than N tasks (threads) of the service, or more than N forks within TIME, are the trouble "
     "`task-hog`.",
     "on-task-hog", "The answer to more tasks or forks than `task-hog`. `limit` sets pids.max.",
     &set_policy<TroubleKind::task_hog>},
    {TroubleKind::stuck, "stuck",
     "A thread that sleeps uninterruptibly (state D) for so long without having run in between is the "
     "trouble `stuck`: a disk or a file server does not answer, or the kernel is at fault. The evidence "
     "names the system call and the place in the kernel.",
     "on-stuck", "The answer to a task that is stuck in the kernel.",
     &set_policy<TroubleKind::stuck>},
    {TroubleKind::stopped, "stopped",
     "The main process, or all processes of the service, being stopped by a signal, or by who traces "
     "them, for so long is the trouble `stopped`, also when children go on.",
     "on-stopped", "The answer to a process that is stopped.", &set_policy<TroubleKind::stopped>},
    {TroubleKind::livelock, "livelock",
     "A thread that has a CPU, or waits for one, for so long and makes no system call, never "
     "waits, reads, "
     "writes or takes a new page is the trouble `livelock`. Pure computing looks the same: choose "
     "a time "
     "that is longer than the service ever computes.",
     "on-livelock", "The answer to a thread that spins without progress.",
     &set_policy<TroubleKind::livelock>},
    {TroubleKind::deadlock, "deadlock",
     "Threads that wait for locks of each other in a circle, for so long, are the trouble `deadlock`; "
     "so is a thread that waits for a lock that it holds itself, or whose owner has ended. Found "
     "are the "
     "mutexes of glibc (normal, recursive, robust, PI), the writers of its rwlocks, pthread_join, and "
     "mutexes of musl that know their owner, also between processes. Not found are rwlocks that wait "
     "for readers, locks that do not write down who holds them (a normal mutex of musl, locks of Rust "
     "and Go), and waits with a time limit. The evidence names threads, locks and the circle.",
     "on-deadlock", "The answer to threads that wait for each other.",
     &set_policy<TroubleKind::deadlock>},
    {TroubleKind::no_task, "no-task",
     "A service that has a main process by all init knows, but of which no task is left that could do "
     "anything (none at all, or zombies), for so long, is the trouble `no-task`.",
     "on-no-task", "The answer to a running service without a living task.",
     &set_policy<TroubleKind::no_task>},
    {TroubleKind::unusual, "unusual",
     "CPU time or memory of the service, or CPU time of one of its threads, that is for so long unlike "
     "it has ever been before is the trouble `unusual`. It is compared with the fifteen times as long "
     "before that, and with the heights of the 240 times before that again; nothing is said before "
     "nine times as long has been seen. So a job that runs once a day is usual from its second "
     "day on if "
     "this is 6m or more.",
     "on-unusual", "The answer to a thread that behaves unlike its own history.",
     &set_policy<TroubleKind::unusual>},
    {TroubleKind::stray, "", "", "on-stray",
     "The answer to a stray, which is a task of the service that has left its cgroup. What is done "
     "with it at the next start, `strays` says.",
     &set_policy<TroubleKind::stray>},
};

} // namespace

void add_finder_rows(std::vector<KeySpec>& table) {
    using enum ValueType;
    static constexpr auto setters = finder_setters(std::make_index_sequence<kFinderKeys>{});
    for (const auto& row : kRows) {
        const auto* key = finder_key_of(row.kind);
        if (key != nullptr)
            table.push_back({.section = "service", .group = kGroup, .key = row.limit,
                .type = grammar, .grammar = grammar_of(key->form), .fallback = key->fallback,
                .types = kProcess, .text = row.about,
                .set = setters[static_cast<std::size_t>(key - finder_keys().data())]});
        bool memory = is_about_memory(row.kind);
        table.push_back({.section = "service", .group = kGroup, .key = row.on_key, .type = policy,
            .fallback_note = row.kind == TroubleKind::stray
                                 ? "`report`"
                                 : (memory ? "as `on-memory`, else as `on-trouble`, else `report`"
                                           : "as `on-trouble`, else `report`"),
            .types = kProcess, .text = row.on_text, .set = row.set_policy});
    }
    table.push_back({.section = "service", .group = kGroup, .key = "on-memory", .type = policy,
        .fallback_note = "none", .types = kProcess,
        .text = "The answer to `memory-hog` and to `memory-leak`, where they have none of their own.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.on_memory = v.policy;
            return {};
        }}});
}

void add_finder(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "finder";
    table.push_back({.section = section, .key = "enabled", .type = word, .words = {"yes", "no"},
        .fallback = "yes",
        .text = "`no`: nothing is looked for, whatever the services' files say.",
        .set = SystemSetter{check_nothing}});
    table.push_back({.section = section, .key = "interval", .type = duration, .least = 200,
        .most = 60'000, .fallback = "1s",
        .text = "The time from one look at all tasks to the next.",
        .set = SystemSetter{check_nothing}});
    table.push_back({.section = section, .key = "memory-limit", .type = size, .least = 4 << 20,
        .most = std::int64_t{1} << 32, .fallback = "64M",
        .text = "How much memory the process that looks may take (RLIMIT_DATA). If that is not "
                "enough it is started anew.",
        .set = SystemSetter{check_nothing}});
}

} // namespace leash
