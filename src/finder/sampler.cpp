// SPDX-License-Identifier: MIT
#include "finder/sampler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "finder/proc_threads.h"
#include "finder/thread_detectors.h"
#include "lineage/cgroup_folder.h"

namespace leash::finder {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kFdRounds = 5; // from /proc: counting descriptors is dear

std::uint64_t boottime_ns() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

bool wants_descriptors(std::span<const Subject> subjects) {
    return std::ranges::any_of(subjects, [](const Subject& subject) {
        return subject.settings.contains("fd-hog") || subject.settings.contains("fd-leak");
    });
}

} // namespace

Sampler::Sampler() {
    if (auto tree = CgroupTree::open()) tree_ = std::move(*tree);
}

std::string Sampler::folder_of(const Subject& subject) const {
    return tree_ ? tree_->path_of(subject.service) : std::string();
}

void Sampler::find_group(Subject& subject) const {
    struct stat info {};
    auto folder = folder_of(subject);
    subject.cgroup = !folder.empty() && stat(folder.c_str(), &info) == 0 ? info.st_ino : 0;
}

const Look& Sampler::look(std::span<const Subject> subjects, bool threads) {
    ++round_;
    groups_.end_look();
    segments_.reset();
    processes_ = {};
    threads_ = {};
    auto now = boottime_ns();
    if (!source_ && now >= try_again_ns_) {
        try_again_ns_ = now + 60 * kSecond;
        if (auto opened = taskview::open_kernel_source()) source_ = std::move(*opened);
    }
    if (source_ && !ask_module(threads)) source_.reset(); // unloaded: /proc has to do
    if (!source_) read_proc(subjects, threads);
    look_ = {processes_.time_ns, source_ != nullptr, &processes_, threads ? &threads_ : nullptr,
             subjects};
    return look_;
}

bool Sampler::ask_module(bool threads) {
    taskview::Query query;
    query.facts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS | process_facts();
    query.filter.attributed = true;
    auto sample = source_->sample(query);
    if (!sample) return false;
    processes_ = std::move(*sample);
    if (!threads) return true;
    query.facts = thread_facts();
    query.filter.threads = true;
    sample = source_->sample(query);
    if (!sample) return false;
    threads_ = std::move(*sample);
    return true;
}

// ---- without the module --------------------------------------------------------------------------

void Sampler::read_proc(std::span<const Subject> subjects, bool threads) {
    processes_.time_ns = threads_.time_ns = boottime_ns();
    if (!tree_) return;
    bool fds = wants_descriptors(subjects) && round_ % kFdRounds == 1;
    for (const auto& subject : subjects) read_group(folder_of(subject), subject, fds);
    if (fds)
        std::erase_if(fds_, [&](const auto& each) {
            return std::ranges::none_of(processes_.rows, [&](const taskview::Row& row) {
                return row.task.tgid == each.first;
            });
        });
    if (!threads) return;
    std::map<std::uint64_t, const Subject*> asking;
    for (const auto& subject : subjects)
        if (wants_threads({&subject, 1})) asking[subject.start] = &subject;
    for (const auto& row : processes_.rows)
        if (asking.contains(row.task.start)) add_threads(row.task, threads_.time_ns, threads_.rows);
}

void Sampler::read_group(const std::string& folder, const Subject& subject, bool fds) {
    struct stat info {};
    if (stat(folder.c_str(), &info) != 0) return;
    for (pid_t pid : group_processes(folder)) read_process(pid, info.st_ino, subject, fds);
    for (const auto& name : subgroups(folder))
        if (parse_remains_name(name) == 0) read_group(folder + "/" + name, subject, fds);
}

void Sampler::read_process(pid_t pid, std::uint64_t cgroup, const Subject& subject, bool fds) {
    static const auto tick_ns = kSecond / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    auto stat = leash::read_stat(pid);
    if (!stat) return;
    auto status = read_small_file(fmt::format("/proc/{}/status", pid)).value_or("");
    taskview::Row row;
    row.service = subject.service;
    row.time_ns = processes_.time_ns;
    auto& task = row.task;
    task.facts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS | LEASH_FACT_CGROUP;
    task.tid = task.tgid = pid;
    task.ppid = stat->parent;
    task.pgid = stat->group;
    task.sid = stat->session;
    task.start = subject.start;
    task.cgroup = cgroup;
    task.via = LEASH_VIA_CGROUP;
    task.threads = static_cast<std::uint32_t>(stat->threads);
    task.start_ns = stat->start_ticks * tick_ns;
    task.state = static_cast<std::uint8_t>(stat->state);
    if (stat->dead() && stat->threads <= 1) task.flags |= LEASH_TASK_DEAD;
    else if (stat->dead()) task.flags |= LEASH_TASK_LEADERLESS;
    std::strncpy(task.comm, stat->comm.c_str(), sizeof task.comm - 1);
    task.runtime_ns = stat->cpu_ticks * tick_ns;
    auto kib = [&](std::string_view key) { return number_behind(status, key).value_or(0) * 1024; };
    task.anon = kib("RssAnon:");
    task.file = kib("RssFile:");
    task.shmem = kib("RssShmem:");
    task.swap = kib("VmSwap:");
    // Growth has to be seen as it happens; how many there are is soon enough in a few seconds.
    if (fds || !fds_.contains(pid) || subject.settings.contains("fd-leak"))
        fds_[pid] = wants_descriptors({&subject, 1}) ? open_descriptors(pid) : 0;
    task.fds = fds_[pid];
    processes_.rows.push_back(std::move(row));
}

// ---- what detectors ask for ----------------------------------------------------------------------

std::uint64_t Sampler::machine_memory() {
    if (memory_ == 0)
        memory_ = number_behind(read_small_file("/proc/meminfo").value_or(""), "MemTotal:").value_or(0) *
                  1024;
    return memory_;
}

std::optional<std::uint64_t> Sampler::group_cpu_ns(const Subject& subject) {
    return groups_.cpu_ns(folder_of(subject), subject.start);
}

std::optional<std::uint64_t> Sampler::group_shmem(const Subject& subject,
                                                  std::uint64_t mapped) {
    return groups_.shmem(folder_of(subject), subject.start, mapped);
}

std::uint64_t Sampler::descriptor_limit(std::int32_t pid) {
    rlimit limit{};
    return prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0 ? limit.rlim_cur : 0;
}

// key shmid perms size cpid lpid nattch ... rss swap: a line each, below a heading.
std::map<std::int32_t, std::uint64_t> Sampler::detached_segments() {
    if (segments_) return *segments_;
    segments_.emplace();
    auto text = read_small_file("/proc/sysvipc/shm").value_or("");
    std::string_view rest(text);
    while (!rest.empty()) {
        auto end = rest.find('\n');
        auto line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        std::array<std::uint64_t, 16> fields{};
        std::size_t count = 0;
        while (count < fields.size()) {
            auto first = line.find_first_not_of(' ');
            if (first == std::string_view::npos) break;
            line.remove_prefix(first);
            auto stop = std::min(line.find(' '), line.size());
            fields[count++] = parse_unsigned(line.substr(0, stop)).value_or(0);
            line.remove_prefix(stop);
        }
        constexpr std::size_t kSize = 3, kMaker = 4, kAttached = 6, kInMemory = 14;
        if (count <= kInMemory || fields[kSize] == 0 || fields[kAttached] != 0) continue;
        (*segments_)[static_cast<std::int32_t>(fields[kMaker])] += fields[kInMemory];
    }
    return *segments_;
}

} // namespace leash::finder
