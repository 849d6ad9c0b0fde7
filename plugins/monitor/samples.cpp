// SPDX-License-Identifier: MIT
// Samples that only read what the kernel has at hand.
#include "samples.h"

#include "proc_text.h"
#include "tell.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

namespace leash_monitor {

namespace {

// Above that, a limit is none: the kernel's default is 2^63 since 5.x.
constexpr std::uint64_t kSaneFiles = 100'000'000;

double share(std::uint64_t used, std::uint64_t all) {
    return all == 0 ? 0 : 100.0 * static_cast<double>(used) / static_cast<double>(all);
}

std::int64_t ahead_now() {
    timespec real{}, boot{};
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &real);
    return (real.tv_sec - boot.tv_sec) * 1000 + (real.tv_nsec - boot.tv_nsec) / 1'000'000;
}

} // namespace

std::string file_text(const std::string& path) {
    std::string text;
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return text;
    char buffer[4096];
    while (text.size() < 65'536) {
        auto got = read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    close(fd);
    return text;
}

void sample_load(const Settings& settings, const std::string& root, long cpus, Report& report) {
    auto load = parse_loadavg(file_text(root + "/proc/loadavg"));
    if (!load) return report.say("/proc/loadavg cannot be read");
    double each = static_cast<double>(std::max(cpus, 1L));
    double mean = (load->one + load->five) / 2;
    measured(report, mean / each);
    auto uptime = parse_uptime(file_text(root + "/proc/uptime"));
    bool settled = uptime && *uptime * 1000 >= static_cast<double>(settings.settle_ms);
    if (!settled) report.cap = 1;
    say(report, "load %.2f over 1 minute, %.2f over 5, on %ld CPUs", load->one, load->five,
        std::max(cpus, 1L));
}

void sample_memory(const Settings& settings, const std::string& root, Report& report) {
    auto memory = parse_meminfo(file_text(root + "/proc/meminfo"));
    if (!memory) return report.say("/proc/meminfo cannot be read");
    auto free_kb = std::min(memory->available_kb, memory->total_kb);
    measured(report, share(memory->total_kb - free_kb, memory->total_kb));
    say(report, "%.1f%% of the memory is used, %llu of %llu MiB are available", report.value,
        static_cast<unsigned long long>(free_kb / 1024),
        static_cast<unsigned long long>(memory->total_kb / 1024));
    // With swap what is available can grow: how much is used says little.
    if (memory->swap_total_kb > 0 && !settings.with_swap)
        report.cap = 0;
    else if (settings.min_free > 0 && free_kb < settings.min_free / 1024)
        report.fault = 2;
}

void sample_file_table(const Settings&, const std::string& root, Report& report) {
    auto table = parse_file_nr(file_text(root + "/proc/sys/fs/file-nr"));
    if (!table) return report.say("/proc/sys/fs/file-nr cannot be read");
    auto most = table->most;
    if (most > kSaneFiles) { // what the kernel took before it gave up limits: a tenth of the
                             // memory, in KiB
        auto memory = parse_meminfo(file_text(root + "/proc/meminfo"));
        if (!memory) return report.say("/proc/meminfo cannot be read");
        most = std::max<std::uint64_t>(memory->total_kb / 10, 8192);
    }
    measured(report, share(table->used, most));
    say(report, "%llu of %llu open files", static_cast<unsigned long long>(table->used),
        static_cast<unsigned long long>(most));
}

void sample_pressure(const Settings& settings, const std::string& root, Report& report) {
    auto text = file_text(root + "/proc/pressure/" + settings.resource);
    auto value = parse_pressure(text, settings.kind);
    if (!value)
        return say(report,
                   "/proc/pressure/%s has no line '%s' (psi=1 on the kernel's command line?)",
                   settings.resource.c_str(), settings.kind.c_str());
    measured(report, *value);
    say(report, "tasks waited for %s during %.1f%% of the last 10 s (%s)",
        settings.resource.c_str(), *value, settings.kind.c_str());
}

void sample_interface(const Settings& settings, const std::string& root, Memo& memo,
                      Report& report) {
    const char* name = settings.interface.c_str();
    auto folder = root + "/sys/class/net/" + settings.interface;
    auto flags = file_text(folder + "/flags");
    unsigned up = 0;
    measured(report, 0);
    if (std::sscanf(flags.c_str(), "%x", &up) != 1) {
        report.fault = 2;
        return say(report, "there is no interface %s", name);
    }
    if ((up & 1) == 0 || file_text(folder + "/carrier").starts_with('0')) {
        report.fault = 2;
        memo.received.reset();
        return say(report, "interface %s is %s", name, (up & 1) == 0 ? "down" : "without carrier");
    }
    auto received = parse_received(file_text(root + "/proc/net/dev"), settings.interface);
    auto before = memo.received;
    memo.received = received;
    if (received && before && *received == *before) {
        report.fault = 1; // a quiet network is no dead one
        return say(report, "interface %s has received nothing since the last look", name);
    }
    say(report, "interface %s is up", name);
}

void sample_processes(const Settings&, const std::string& root, Report& report) {
    auto load = parse_loadavg(file_text(root + "/proc/loadavg"));
    auto pids = parse_number(file_text(root + "/proc/sys/kernel/pid_max"));
    auto threads = parse_number(file_text(root + "/proc/sys/kernel/threads-max"));
    if (!load || !pids || !threads) return report.say("the limits of tasks cannot be read");
    auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(std::min(*pids, *threads), 1));
    measured(report, share(load->tasks, most));
    say(report, "%llu tasks of %llu", static_cast<unsigned long long>(load->tasks),
        static_cast<unsigned long long>(most));
}

void sample_clock(std::int64_t ahead_ms, Memo& memo, Report& report) {
    auto before = memo.realtime_ahead.value_or(ahead_ms);
    memo.realtime_ahead = ahead_ms;
    auto jump = ahead_ms - before;
    measured(report, static_cast<double>(jump < 0 ? -jump : jump) / 1000);
    say(report, "the time of day has moved by %s%.1f s beside the clock that runs",
        jump < 0 ? "-" : "", report.value);
}

bool needs_a_process(const Settings& settings) {
    switch (settings.type) {
    case Type::filesystem:
    case Type::temperature:
    case Type::script:
        return true;
    case Type::files:
        return settings.scope == "process";
    case Type::memory:
        return settings.allocate > 0;
    case Type::network:
        return !settings.ping.empty();
    case Type::processes:
        return settings.fork_test;
    default:
        return false;
    }
}

void sample_here(const Settings& settings, const std::string& root, Memo& memo, Report& report) {
    switch (settings.type) {
    case Type::load:
        return sample_load(settings, root, sysconf(_SC_NPROCESSORS_ONLN), report);
    case Type::memory:
        return sample_memory(settings, root, report);
    case Type::files:
        return sample_file_table(settings, root, report);
    case Type::pressure:
        return sample_pressure(settings, root, report);
    case Type::network:
        return sample_interface(settings, root, memo, report);
    case Type::processes:
        return sample_processes(settings, root, report);
    case Type::clock:
        return sample_clock(ahead_now(), memo, report);
    default:
        return report.say("it takes a process");
    }
}

} // namespace leash_monitor
