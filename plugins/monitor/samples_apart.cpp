// SPDX-License-Identifier: MIT
// Samples that may take long or for ever: for a process of their own.
#include "proc_text.h"
#include "samples.h"
#include "tell.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_monitor {

namespace {

constexpr int kTemperatureSamples = 4;

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    DIR* dir = opendir(folder.c_str());
    if (dir == nullptr) return names;
    while (const dirent* entry = readdir(dir))
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    closedir(dir);
    return names;
}

void nap(int ms) {
    timespec time{ms / 1000, (ms % 1000) * 1'000'000L};
    nanosleep(&time, nullptr);
}

struct Sensor {
    std::string input, name;
    double limit = 0; // degrees; 0: it has none
};

std::vector<Sensor> sensors(const std::string& root) {
    std::vector<Sensor> all;
    auto hwmon = root + "/sys/class/hwmon";
    for (const auto& chip : names_in(hwmon))
        for (const auto& file : names_in(hwmon + "/" + chip)) {
            if (!file.starts_with("temp") || !file.ends_with("_input")) continue;
            auto base = hwmon + "/" + chip + "/" + file.substr(0, file.size() - 6);
            auto limit = parse_number(file_text(base + "_crit"));
            all.push_back({base + "_input", chip + "/" + file.substr(0, file.size() - 6),
                           static_cast<double>(limit.value_or(0)) / 1000});
        }
    auto thermal = root + "/sys/class/thermal";
    for (const auto& zone : names_in(thermal)) {
        if (!zone.starts_with("thermal_zone")) continue;
        Sensor sensor{thermal + "/" + zone + "/temp", zone, 0};
        for (int trip = 0; trip < 12; ++trip) {
            auto base = thermal + "/" + zone + "/trip_point_" + std::to_string(trip);
            if (!file_text(base + "_type").starts_with("critical")) continue;
            sensor.limit =
                static_cast<double>(parse_number(file_text(base + "_temp")).value_or(0)) / 1000;
        }
        all.push_back(std::move(sensor));
    }
    std::ranges::sort(all, {}, &Sensor::name);
    return all;
}

std::uint16_t checksum(const unsigned char* bytes, std::size_t length) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < length; i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// An answer to `number` within a second. `raw`: IP's header comes along.
bool answered(int fd, bool raw, std::uint16_t id, std::uint16_t number) {
    for (int rounds = 0; rounds < 64; ++rounds) {
        pollfd wait{fd, POLLIN, 0};
        if (poll(&wait, 1, 1000) <= 0) return false;
        unsigned char packet[256];
        auto got = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
        if (got < 0) return false;
        std::size_t begin = raw && got > 0 ? (packet[0] & 15u) * 4 : 0;
        if (static_cast<std::size_t>(got) < begin + 8) continue;
        const auto* echo = packet + begin;
        bool ours = !raw || (echo[4] == id >> 8 && echo[5] == (id & 255));
        if (echo[0] == ICMP_ECHOREPLY && ours && echo[6] == number >> 8 &&
            echo[7] == (number & 255))
            return true;
    }
    return false;
}

void try_to_fork(Report& report) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid > 0) {
        waitpid(pid, nullptr, 0);
        return;
    }
    report.fault = 2;
    say(report, "no process can be made: %s", std::strerror(errno));
}

} // namespace

void sample_filesystem(const Settings& settings, const std::string& root, const Memo& memo,
                       Report& report) {
    const char* path = settings.path.c_str();
    struct statvfs info {};
    if (statvfs((root + settings.path).c_str(), &info) != 0) {
        report.measured = 1;
        report.fault = 2;
        return say(report, "%s: %s", path, std::strerror(errno));
    }
    auto used = [](auto all, auto free) {
        return all == 0 ? 0.0
                        : 100.0 * static_cast<double>(all - std::min(all, free)) /
                              static_cast<double>(all);
    };
    double space = used(info.f_blocks, info.f_bavail), files = used(info.f_files, info.f_ffree);
    measured(report, std::max(space, files));
    bool read_only =
        (info.f_flag & ST_RDONLY) != 0 ||
        parse_read_only(file_text(root + "/proc/self/mountinfo"), settings.path).value_or(false);
    report.pid = read_only ? -1 : 0; // for remember(): whether it is writable
    say(report, "%s: %.1f%% of its space and %.1f%% of its inodes are used%s", path, space, files,
        read_only ? ", read-only" : "");
    if (!read_only || !memo.was_writable) return;
    report.fault = 2;
    say(report, "%s has become read-only", path);
}

void sample_temperature(const Settings& settings, const std::string& root, Report& report) {
    auto all = sensors(root);
    if (!settings.path.empty())
        std::erase_if(all,
                      [&](const Sensor& sensor) { return sensor.input != root + settings.path; });
    if (all.empty() && !settings.path.empty())
        all.push_back({root + settings.path, settings.path, 0});
    double worst = -1;
    for (const auto& sensor : all) {
        double sum = 0;
        int count = 0;
        for (int i = 0; i < kTemperatureSamples; ++i) {
            if (i > 0) nap(50);
            auto value = parse_number(file_text(sensor.input));
            if (!value || *value < -200'000 || *value > 1'000'000) continue; // no such temperature
            sum += static_cast<double>(*value) / 1000;
            ++count;
        }
        if (count == 0) continue;
        double limit = sensor.limit > 0 ? sensor.limit : settings.limit;
        double share = std::max(100.0 * sum / count / limit, 0.0);
        if (share <= worst) continue;
        worst = share;
        measured(report, share);
        say(report, "%s has %.1f degrees, its limit is %.1f", sensor.name.c_str(), sum / count,
            limit);
    }
    if (worst < 0) report.say("there is no sensor that can be read");
}

void sample_worst_process(const Settings&, const std::string& root, Report& report) {
    double worst = -1;
    for (const auto& name : names_in(root + "/proc")) {
        auto pid = parse_number(name);
        if (!pid || *pid <= 0) continue;
        auto folder = root + "/proc/" + name;
        auto limit = parse_open_files_limit(file_text(folder + "/limits"));
        if (!limit || *limit == 0) continue;
        auto open = names_in(folder + "/fd").size();
        double share = 100.0 * static_cast<double>(open) / static_cast<double>(*limit);
        if (share <= worst) continue;
        worst = share;
        measured(report, share);
        report.pid = static_cast<std::int32_t>(*pid);
        auto command = file_text(folder + "/comm");
        if (!command.empty() && command.back() == '\n') command.pop_back();
        say(report, "process %s (%s) has %zu of %llu descriptors open", name.c_str(),
            command.c_str(), open, static_cast<unsigned long long>(*limit));
    }
    if (worst < 0) report.say("no process can be looked at");
}

void sample_ping(const Settings& settings, Report& report) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    if (inet_pton(AF_INET, settings.ping.c_str(), &to.sin_addr) != 1)
        return say(report, "%s is no address", settings.ping.c_str());
    bool raw = false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0) {
        raw = true;
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    }
    if (fd < 0) return say(report, "no socket for ICMP: %s", std::strerror(errno));
    auto id = static_cast<std::uint16_t>(getpid());
    int lost = 0;
    for (int i = 1; i <= settings.ping_count; ++i) {
        auto number = static_cast<std::uint16_t>(i);
        unsigned char echo[16] = {ICMP_ECHO,
                                  0,
                                  0,
                                  0,
                                  static_cast<unsigned char>(id >> 8),
                                  static_cast<unsigned char>(id & 255),
                                  0,
                                  static_cast<unsigned char>(number)};
        auto sum = checksum(echo, sizeof echo);
        echo[2] = static_cast<unsigned char>(sum >> 8);
        echo[3] = static_cast<unsigned char>(sum & 255);
        auto sent = sendto(fd, echo, sizeof echo, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to),
                           sizeof to);
        if (sent != static_cast<ssize_t>(sizeof echo) || !answered(fd, raw, id, number)) ++lost;
    }
    close(fd);
    measured(report, 100.0 * lost / settings.ping_count);
    say(report, "%s: %d of %d pings were lost", settings.ping.c_str(), lost, settings.ping_count);
}

void try_to_allocate(std::uint64_t bytes, Report& report) {
    report.cap = 2; // swap is no excuse for this one
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        report.fault = 2; // the value says what it says
        return say(report, "%llu bytes of memory cannot be had: %s",
                   static_cast<unsigned long long>(bytes), std::strerror(errno));
    }
    auto* at = static_cast<volatile unsigned char*>(memory);
    for (std::uint64_t i = 0; i < bytes; i += 4096)
        at[i] = 1;
    munmap(memory, bytes);
}

void sample_apart(const Settings& settings, const std::string& root, const Memo& memo,
                  Report& report) {
    Memo own = memo;
    switch (settings.type) {
    case Type::filesystem:
        return sample_filesystem(settings, root, memo, report);
    case Type::temperature:
        return sample_temperature(settings, root, report);
    case Type::files:
        return sample_worst_process(settings, root, report);
    case Type::memory:
        sample_memory(settings, root, report);
        if (report.measured != 0) try_to_allocate(settings.allocate, report);
        return;
    case Type::processes:
        sample_processes(settings, root, report);
        if (report.measured != 0) try_to_fork(report);
        return;
    case Type::network:
        if (!settings.interface.empty()) {
            Report link;
            sample_interface(settings, root, own, link);
            if (link.fault == 2) { // there is no way to anybody
                report = link;
                return;
            }
        }
        return sample_ping(settings, report);
    default:
        return sample_here(settings, root, own, report);
    }
}

void remember(const Settings& settings, const Report& report, Memo& memo) {
    if (settings.type == Type::filesystem && report.measured != 0 && report.fault == 0)
        memo.was_writable = report.pid == 0;
}

} // namespace leash_monitor
