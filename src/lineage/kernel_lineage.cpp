// SPDX-License-Identifier: MIT
#include "lineage/kernel_lineage.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace leash {
namespace {

// Calls that came later are asked for by their feature.
constexpr std::uint32_t kNeededAbi = 1;
constexpr std::size_t kTasksACall = 256;
constexpr std::size_t kStartsACall = 64;

int real_call(int fd, unsigned long request, void* argument) {
    return ::ioctl(fd, request, argument);
}
DeviceCall device_call = real_call;

// ioctl with EINTR tried again: what was asked has not been done then.
int call(int fd, unsigned long request, void* argument) {
    while (true) {
        int done = device_call(fd, request, argument);
        if (done >= 0 || errno != EINTR) return done;
    }
}

template <class Argument>
Result<void> ask(int fd, unsigned long request, Argument& argument, const char* what) {
    return ask_device(fd, request, &argument, what);
}

template <std::size_t size> void copy_name(char (&to)[size], std::string_view name) {
    auto length = std::min(name.size(), size - 1);
    std::memcpy(to, name.data(), length);
    to[length] = '\0';
}

template <class Record> std::uint64_t address_of(std::vector<Record>& records) {
    return reinterpret_cast<std::uintptr_t>(records.data());
}

} // namespace

Result<void> ask_device(int fd, unsigned long request, void* argument, const char* what) {
    if (call(fd, request, argument) < 0) return fail_errno(errno, "{}: {}", kLeashDevice, what);
    return {};
}

void set_device_call(DeviceCall call) { device_call = call ? call : real_call; }

std::uint64_t group_of(std::string_view service) {
    std::uint64_t hash = 0xcbf29ce484222325ULL; // FNV-1a
    for (unsigned char c : service) hash = (hash ^ c) * 0x100000001b3ULL;
    return hash ? hash : 1;
}

Result<KernelLineage> KernelLineage::open(Role role) {
    int mode = role == Role::controller ? O_RDWR : O_RDONLY;
    UniqueFd fd(::open(kLeashDevice, mode | O_CLOEXEC));
    if (!fd) return fail_errno(errno, "{}", kLeashDevice);
    return take_over(std::move(fd));
}

Result<KernelLineage> KernelLineage::take_over(UniqueFd fd) {
    leash_version version{};
    if (auto asked = ask(fd.get(), LEASH_IOC_VERSION, version, "version"); !asked)
        return std::unexpected(asked.error());
    if (version.abi < kNeededAbi)
        return std::unexpected(Error{fmt::format("{}: the module has ABI {}, this program needs {}: "
                                                 "load the module that came with it",
                                                 kLeashDevice, version.abi, kNeededAbi),
                                     EPROTO});
    return KernelLineage(std::move(fd), version);
}

bool KernelLineage::is_controller(int fd) {
    struct stat device{}, open_file{};
    if (::stat(kLeashDevice, &device) != 0 || ::fstat(fd, &open_file) != 0) return false;
    int flags = ::fcntl(fd, F_GETFL);
    return S_ISCHR(open_file.st_mode) && open_file.st_rdev == device.st_rdev && flags >= 0 &&
           (flags & O_ACCMODE) == O_RDWR;
}

int KernelLineage::find_controller(int end) {
    for (int fd = 3; fd < end; ++fd)
        if (is_controller(fd)) return fd;
    return -1;
}

Result<void> KernelLineage::set_start(StartId id, std::string_view service, std::uint64_t cgroup) {
    leash_start start{};
    start.id = id;
    start.group = group_of(service);
    start.cgroup = cgroup;
    copy_name(start.name, service);
    return ask(fd_.get(), LEASH_IOC_START_SET, start, "make a start known");
}

Result<void> KernelLineage::forget_start(StartId id) {
    leash_start_ref which{id, 0, 0};
    return ask(fd_.get(), LEASH_IOC_START_DEL, which, "forget a start");
}

Result<void> KernelLineage::arm(StartId id) {
    leash_start_ref which{id, 0, 0};
    return ask(fd_.get(), LEASH_IOC_ARM, which, "arm the next fork");
}

Result<int> KernelLineage::adopt(StartId id, Which which, bool replace) {
    leash_adopt argument{};
    argument.start = id;
    argument.pid = which.pid;
    argument.start_ns = which.start_ns;
    if (which.tree) argument.flags |= LEASH_ADOPT_TREE;
    if (replace) argument.flags |= LEASH_ADOPT_REPLACE;
    if (auto done = ask(fd_.get(), LEASH_IOC_ADOPT, argument, "adopt a process"); !done)
        return std::unexpected(done.error());
    return static_cast<int>(argument.count);
}

Result<int> KernelLineage::spare(StartId id, Which which, bool clear) {
    leash_spare argument{};
    argument.start = id;
    argument.pid = which.pid;
    argument.start_ns = which.start_ns;
    if (which.tree) argument.flags |= LEASH_SPARE_TREE;
    if (clear) argument.flags |= LEASH_SPARE_CLEAR;
    if (auto done = ask(fd_.get(), LEASH_IOC_SPARE, argument, "spare a process"); !done)
        return std::unexpected(done.error());
    return static_cast<int>(argument.count);
}

Result<void> KernelLineage::limit_start(StartId id, const Limits& limits) {
    leash_limits argument{};
    argument.id = id;
    argument.processes = limits.processes;
    argument.forks = limits.forks;
    argument.period_ms = static_cast<std::uint32_t>(limits.period.count());
    argument.action = limits.action;
    return ask(fd_.get(), LEASH_IOC_START_LIMITS, argument, "limit a start");
}

Result<KernelLineage::Killed> KernelLineage::kill(StartId id, int signal, KillOptions options) {
    leash_kill argument{};
    argument.id = id;
    argument.signo = signal;
    if (options.spared) argument.flags |= LEASH_KILL_SPARED;
    if (options.tagged) argument.flags |= LEASH_KILL_TAGGED;
    if (options.group) argument.flags |= LEASH_KILL_GROUP;
    if (auto done = ask(fd_.get(), LEASH_IOC_KILL, argument, "kill a start"); !done)
        return std::unexpected(done.error());
    return Killed{static_cast<int>(argument.count), static_cast<int>(argument.live),
                  static_cast<int>(argument.spared), static_cast<int>(argument.claimed),
                  (argument.state & LEASH_STATE_INCOMPLETE) != 0};
}

Result<void> KernelLineage::set_deadman(leash_deadman deadman) {
    return ask(fd_.get(), LEASH_IOC_DEADMAN, deadman, "set the deadman");
}

Result<void> KernelLineage::ping(int fd) {
    if (call(fd, LEASH_IOC_PING, nullptr) < 0)
        return fail_errno(errno, "{}: {}", kLeashDevice, "a sign of life");
    return {};
}

std::optional<leash_deadman_info> KernelLineage::deadman() const {
    leash_deadman_info info{};
    if (call(fd_.get(), LEASH_IOC_DEADMAN_GET, &info) < 0) return std::nullopt;
    return info;
}

Result<int> KernelLineage::rescan() {
    leash_rescan argument{};
    if (auto done = ask(fd_.get(), LEASH_IOC_RESCAN, argument, "rescan"); !done)
        return std::unexpected(done.error());
    return static_cast<int>(argument.found);
}

std::optional<leash_whois> KernelLineage::whois(pid_t pid, std::uint64_t start_ns) const {
    leash_whois answer{};
    answer.pid = pid;
    answer.start_ns = start_ns;
    if (call(fd_.get(), LEASH_IOC_WHOIS, &answer) < 0) return std::nullopt;
    return answer;
}

Result<void> KernelLineage::snapshot(std::uint64_t facts, Filter filter,
                                     const std::function<void(const leash_task&)>& visit,
                                     leash_snapshot* header) const {
    std::vector<leash_task> tasks(kTasksACall);
    leash_snapshot argument{};
    argument.facts = facts;
    argument.start = filter.start;
    argument.group = filter.group;
    argument.buffer = address_of(tasks);
    argument.size = static_cast<std::uint32_t>(tasks.size() * sizeof(leash_task));
    argument.record_size = sizeof(leash_task);
    if (filter.threads) argument.flags |= LEASH_SNAPSHOT_THREADS;
    if (filter.attributed) argument.flags |= LEASH_SNAPSHOT_ATTRIBUTED;
    if (filter.kernel) argument.flags |= LEASH_SNAPSHOT_KERNEL;
    bool first = true;
    do {
        argument.count = argument.state = 0;
        argument.time_ns = argument.sched_ns = 0;
        if (auto done = ask(fd_.get(), LEASH_IOC_SNAPSHOT, argument, "snapshot"); !done) return done;
        if (first && header) *header = argument;
        first = false;
        for (std::size_t i = 0; i < argument.count && i < tasks.size(); ++i) visit(tasks[i]);
    } while (argument.cursor != 0);
    return {};
}

Result<std::vector<leash_start_info>> KernelLineage::starts(std::uint64_t group) const {
    std::vector<leash_start_info> records(kStartsACall), all;
    leash_starts argument{};
    argument.buffer = address_of(records);
    argument.size = static_cast<std::uint32_t>(records.size() * sizeof(leash_start_info));
    argument.record_size = sizeof(leash_start_info);
    argument.group = group;
    do {
        argument.count = 0;
        if (auto done = ask(fd_.get(), LEASH_IOC_STARTS, argument, "list the starts"); !done)
            return std::unexpected(done.error());
        auto end = records.begin() + std::min<std::ptrdiff_t>(argument.count, kStartsACall);
        all.insert(all.end(), records.begin(), end);
    } while (argument.cursor != 0);
    return all;
}

std::optional<leash_start_info> KernelLineage::start(StartId id) const {
    leash_start_info info{};
    info.id = id;
    if (call(fd_.get(), LEASH_IOC_START_GET, &info) < 0) return std::nullopt;
    return info;
}

Result<leash_stats> KernelLineage::stats() const {
    leash_stats counters{};
    if (auto done = ask(fd_.get(), LEASH_IOC_STATS, counters, "statistics"); !done)
        return std::unexpected(done.error());
    return counters;
}

std::string_view source_of_via(unsigned via) {
    switch (via) {
    case LEASH_VIA_FORK:
    case LEASH_VIA_ADOPT:
    case LEASH_VIA_PARENT: return "lineage";
    case LEASH_VIA_CGROUP: return "cgroup";
    case LEASH_VIA_TAG: return "tag";
    default: return "";
    }
}

} // namespace leash
