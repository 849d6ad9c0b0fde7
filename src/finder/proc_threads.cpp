// SPDX-License-Identifier: MIT
#include "finder/proc_threads.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace leash::finder {
namespace {

std::string_view next_word(std::string_view& text) {
    auto begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return text = {};
    auto end = text.find_first_of(" \t\n", begin);
    auto word = text.substr(begin, end == std::string_view::npos ? end : end - begin);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    return word;
}

template <class T> bool number(std::string_view word, T& value, int base = 10) {
    if (base == 16 && word.starts_with("0x")) word.remove_prefix(2);
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    return error == std::errc{} && end == word.data() + word.size();
}

std::string text_of(int folder, const std::string& path) {
    UniqueFd fd(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> bytes{};
    std::size_t size = 0;
    while (fd && size < bytes.size()) {
        auto length = ::read(fd.get(), bytes.data() + size, bytes.size() - size);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) break;
        size += static_cast<std::size_t>(length);
    }
    return {bytes.data(), size};
}

bool switches_line(std::string_view status, std::string_view name, std::uint64_t& value) {
    auto at = status.find(name);
    if (at == std::string_view::npos) return false;
    auto rest = status.substr(at + name.size());
    return number(next_word(rest), value);
}

} // namespace

bool read_stat(std::string_view text, long ticks_per_second, leash_task& task) {
    // "TID (COMM) STATE PPID …": a name may hold anything, brackets, too.
    auto open = text.find('('), close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
    auto head = text.substr(0, open);
    if (!number(next_word(head), task.tid)) return false;
    auto comm = text.substr(open + 1, std::min<std::size_t>(close - open - 1, LEASH_COMM_SIZE - 1));
    std::memset(task.comm, 0, sizeof task.comm);
    comm.copy(task.comm, comm.size());
    auto rest = text.substr(close + 1);
    auto state = next_word(rest);
    if (state.size() != 1) return false;
    task.state = static_cast<std::uint8_t>(state.front());
    std::array<std::uint64_t, 19> fields{}; // from ppid (4) to starttime (22)
    for (auto& field : fields) {
        auto word = next_word(rest);
        std::int64_t value = 0;
        if (!number(word, value)) return false;
        field = static_cast<std::uint64_t>(value);
    }
    auto tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(ticks_per_second);
    task.ppid = static_cast<std::int32_t>(fields[0]);
    task.pgid = static_cast<std::int32_t>(fields[1]);
    task.sid = static_cast<std::int32_t>(fields[2]);
    task.min_flt = fields[6];
    task.maj_flt = fields[8];
    task.utime_ns = fields[10] * tick_ns;
    task.stime_ns = fields[11] * tick_ns;
    task.runtime_ns = task.utime_ns + task.stime_ns;
    task.start_ns = fields[18] * tick_ns;
    task.facts |= LEASH_FACT_CPU;
    return true;
}

bool read_syscall(std::string_view text, leash_task& task) {
    // "running", "-1 SP PC" (stopped, or in a fault), "NR 0x… x6 SP PC"
    task.sys_nr = -1;
    auto first = next_word(text);
    std::int32_t nr = -1;
    if (first.empty()) return false;
    if (first != "running" && !number(first, nr)) return false;
    if (nr >= 0)
        for (auto& arg : task.sys_arg) {
            std::uint64_t value = 0;
            if (!number(next_word(text), value, 16)) return false;
            arg = value;
        }
    task.sys_nr = nr;
    task.facts |= LEASH_FACT_SYSCALL;
    return true;
}

bool read_switches(std::string_view status, leash_task& task) {
    std::uint64_t own = 0, forced = 0;
    if (!switches_line(status, "\nvoluntary_ctxt_switches:", own) ||
        !switches_line(status, "\nnonvoluntary_ctxt_switches:", forced))
        return false;
    task.nvcsw = own;
    task.nivcsw = forced;
    task.facts |= LEASH_FACT_SCHED;
    return true;
}

bool read_schedstat(std::string_view text, leash_task& task) {
    std::uint64_t run = 0, wait = 0;
    if (!number(next_word(text), run) || !number(next_word(text), wait)) return false;
    task.runtime_ns = run;
    task.wait_ns = wait;
    return true;
}

void add_threads(const leash_task& process, std::uint64_t time_ns, std::vector<taskview::Row>& rows) {
    static const long ticks = ::sysconf(_SC_CLK_TCK);
    UniqueFd folder(::open(fmt::format("/proc/{}/task", process.tgid).c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return;
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder.get()), ::closedir);
    if (!entries) return;
    int fd = folder.release();
    while (const auto* entry = ::readdir(entries.get())) {
        if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
        std::string name = entry->d_name;
        leash_task task{};
        task.sys_nr = -1;
        // The switches before and after: a system call that was left meanwhile is not the one that it
        // sleeps in.
        if (!read_switches(text_of(fd, name + "/status"), task)) continue;
        auto before = task.nvcsw + task.nivcsw;
        if (!read_stat(text_of(fd, name + "/stat"), ticks, task)) continue;
        if (task.state != 'Z' && task.state != 'X')
            read_syscall(text_of(fd, name + "/syscall"), task);
        read_schedstat(text_of(fd, name + "/schedstat"), task);
        if (task.sys_nr >= 0 && read_switches(text_of(fd, name + "/status"), task) &&
            task.nvcsw + task.nivcsw != before)
            task.sys_nr = -1;
        task.tgid = process.tgid;
        task.threads = process.threads;
        task.start = process.start;
        task.group = process.group;
        task.via = process.via;
        task.cgroup = process.cgroup;
        auto& row = rows.emplace_back();
        row.task = task;
        row.time_ns = time_ns;
    }
}

} // namespace leash::finder
