// SPDX-License-Identifier: MIT
#include "init/evidence.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/process.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "lineage/start_members.h"

namespace leash {
namespace {

constexpr std::size_t kTasksInFacts = 12, kFramesInFacts = 6;
constexpr std::size_t kMostTasks = 512, kMostProcesses = 128, kMostFrames = 64;
constexpr std::size_t kMostMaps = 200; // lines

std::string word_of(std::string text) {
    return std::string(trim(text.substr(0, text.find('\n'))));
}

// The number behind `key` in "key 123\n" lines; "" is the whole file.
std::optional<std::int64_t> counter(const std::string& path, std::string_view key) {
    auto text = read_whole_file(path);
    auto number = key.empty() ? parse_unsigned(trim(text)) : number_behind(text, std::string(key) + " ");
    return number ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

std::vector<pid_t> processes_of(const EvidenceTarget& target) {
    auto found = start_members(target.group, target.start, target.kernel);
    if (target.main_pid > 0) found.insert(target.main_pid);
    std::vector<pid_t> pids(found.begin(), found.end());
    if (pids.size() > kMostProcesses) pids.resize(kMostProcesses);
    return pids;
}

std::vector<TaskEvidence> tasks_of(const std::vector<pid_t>& pids, std::size_t frames) {
    std::vector<TaskEvidence> tasks;
    for (pid_t pid : pids) {
        auto process = ProcFolder::open(pid);
        if (!process) continue;
        for (pid_t tid : process->tasks()) {
            if (tasks.size() >= kMostTasks) return tasks;
            auto folder = process->task(tid);
            auto stat = folder ? folder->stat() : std::nullopt;
            if (!stat) continue;
            TaskEvidence task;
            task.pid = pid;
            task.tid = tid;
            task.comm = stat->comm;
            task.state = stat->state;
            auto get = [&](const char* file) { return folder->read(file, 8192).value_or(""); };
            task.wchan = word_of(get("wchan"));
            if (task.wchan == "0") task.wchan.clear();
            task.syscall = parse_syscall(get("syscall"));
            task.stack = parse_stack(get("stack"), frames);
            tasks.push_back(std::move(task));
        }
    }
    return tasks;
}

std::vector<std::pair<std::string, std::int64_t>> counters_of(const EvidenceTarget& target) {
    std::vector<std::pair<std::string, std::int64_t>> counters;
    auto add = [&](const char* name, std::optional<std::int64_t> value) {
        if (value) counters.emplace_back(name, *value);
    };
    if (!target.group.empty()) {
        add("memory", counter(target.group + "/memory.current", ""));
        add("oom_kills", counter(target.group + "/memory.events", "oom_kill"));
        if (auto usage = counter(target.group + "/cpu.stat", "usage_usec")) add("cpu_ms", *usage / 1000);
        add("pids", counter(target.group + "/pids.current", ""));
    }
    if (target.main_pid > 0) add("fds", open_descriptors(target.main_pid));
    return counters;
}

void add_file(std::string& text, const std::string& path, std::size_t most_lines = 1000) {
    auto content = read_whole_file(path);
    if (content.empty()) return;
    text += fmt::format("-- {}\n", path);
    std::size_t lines = 0;
    for (auto line : split(content, '\n', true)) {
        if (++lines > most_lines) {
            text += "...\n";
            break;
        }
        text += printable(line) + "\n";
    }
}

} // namespace

std::vector<std::string> parse_stack(std::string_view text, std::size_t most) {
    std::vector<std::string> frames;
    for (auto line : split(text, '\n', true)) {
        auto name = line;
        if (name.starts_with("[<")) { // an address, which the kernel hides
            auto end = name.find(']');
            if (end == std::string_view::npos) continue;
            name = trim(name.substr(end + 1));
        }
        name = name.substr(0, name.find('+'));
        if (name.empty()) continue;
        if (frames.size() == most) break;
        frames.push_back(printable(name));
    }
    return frames;
}

std::string parse_syscall(std::string_view text) {
    text = trim(text.substr(0, text.find('\n')));
    return printable(text.substr(0, text.find(' ')));
}

std::string facts_json(std::vector<TaskEvidence> tasks,
                       const std::vector<std::pair<std::string, std::int64_t>>& counters,
                       pid_t main_pid) {
    auto rank = [&](const TaskEvidence& task) {
        return task.state == 'D' ? 0 : task.tid == main_pid ? 1 : task.state == 'R' ? 2 : 3;
    };
    std::ranges::stable_sort(tasks, {}, rank);
    JsonWriter json;
    json.begin_object();
    for (const auto& [name, value] : counters) json.key(name).number(value);
    json.key("task_count").number(static_cast<std::int64_t>(tasks.size()));
    if (tasks.size() > kTasksInFacts) tasks.resize(kTasksInFacts);
    json.key("tasks").begin_array();
    for (const auto& task : tasks) {
        json.begin_object();
        json.key("pid").number(task.pid).key("tid").number(task.tid);
        json.key("comm").string(task.comm).key("state").string(std::string_view(&task.state, 1));
        json.key("wchan").string(task.wchan).key("syscall").string(task.syscall);
        json.key("stack").begin_array();
        for (std::size_t i = 0; i < std::min(task.stack.size(), kFramesInFacts); ++i)
            json.string(std::string_view(task.stack[i]).substr(0, 64));
        json.end_array();
        json.end_object();
    }
    json.end_array();
    json.end_object();
    return json.text();
}

std::string evidence_facts(const EvidenceTarget& target) {
    return facts_json(tasks_of(processes_of(target), kFramesInFacts), counters_of(target),
                      target.main_pid);
}

std::string evidence_text(const EvidenceTarget& target) {
    std::string text =
        fmt::format("service  {}\nstart    {}\ntrouble  {}\nevidence {}\nmain     {}\n", target.service,
                    format_start_id(target.start), target.kind, printable(target.evidence),
                    target.main_pid);
    text += "\n==== tasks: state, system call, what it waits in, stack in the kernel\n";
    for (const auto& task : tasks_of(processes_of(target), kMostFrames)) {
        text += fmt::format("{} of {} {} {} syscall {} wchan {}\n", task.tid, task.pid,
                            printable(task.comm), task.state, task.syscall.empty() ? "-" : task.syscall,
                            task.wchan.empty() ? "-" : task.wchan);
        for (const auto& frame : task.stack) text += "    " + frame + "\n";
    }
    return text;
}

std::string evidence_details(const EvidenceTarget& target) {
    auto pids = processes_of(target);
    std::string text = "\n==== cgroup\n";
    if (!target.group.empty())
        for (const char* file : {"memory.current", "memory.events", "memory.stat", "cpu.stat",
                                 "cpu.pressure", "memory.pressure", "io.pressure", "pids.current",
                                 "cgroup.events"})
            add_file(text, fmt::format("{}/{}", target.group, file), 60);
    for (pid_t pid : pids) {
        auto folder = fmt::format("/proc/{}", pid);
        text += fmt::format("\n==== process {}: {} descriptors\n", pid, open_descriptors(pid));
        for (const char* file : {"status", "sched", "io", "limits"})
            add_file(text, fmt::format("{}/{}", folder, file), 80);
        std::error_code error;
        for (std::filesystem::directory_iterator at(folder + "/fd", error), end; !error && at != end;
             at.increment(error)) {
            char to[256];
            auto size = readlink(at->path().c_str(), to, sizeof to);
            if (size > 0)
                text += fmt::format("fd {} {}\n", at->path().filename().string(),
                                    printable({to, static_cast<std::size_t>(size)}));
        }
        add_file(text, folder + "/smaps_rollup", 40);
        add_file(text, folder + "/maps", kMostMaps);
    }
    return text;
}

Result<std::string> write_dump(const std::string& folder, const std::string& name, std::string text,
                               const DumpLimits& limits) {
    if (text.size() > limits.bytes) {
        text.resize(limits.bytes);
        text += "\n==== cut off: it was longer\n";
    }
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    UniqueFd place(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!place) return fail_errno(errno, "cannot open {}", folder);
    (void)fchmod(place.get(), 0750);
    // Their names begin with the date: the oldest first.
    std::set<std::string> there;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error))
        if (auto file = at->path().filename().string(); file.ends_with(".txt")) there.insert(file);
    while (there.size() >= std::max<std::size_t>(limits.files, 1)) {
        (void)unlinkat(place.get(), there.begin()->c_str(), 0);
        there.erase(there.begin());
    }
    UniqueFd file(openat(place.get(), name.c_str(),
                         O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!file) return fail_errno(errno, "cannot make {}/{}", folder, name);
    for (std::string_view left = text; !left.empty();) {
        auto written = write(file.get(), left.data(), left.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            int code = written < 0 ? errno : ENOSPC;
            (void)unlinkat(place.get(), name.c_str(), 0);
            return fail_errno(code, "cannot write {}/{}", folder, name);
        }
        left.remove_prefix(static_cast<std::size_t>(written));
    }
    if (!limits.durable) return folder + "/" + name;
    if (fsync(file.get()) < 0 || fsync(place.get()) < 0)
        return fail_errno(errno, "cannot make {}/{} durable", folder, name);
    return folder + "/" + name;
}

} // namespace leash
