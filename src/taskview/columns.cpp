// SPDX-License-Identifier: MIT
#include "taskview/columns.h"

#include <fmt/format.h>

#include "base/tag.h"
#include "taskview/names.h"

namespace leash::taskview {
namespace {

Value none() { return std::monostate{}; }
Value number(std::int64_t value) { return value; }
Value text_or_none(std::string text) {
    if (text.empty()) return none();
    return text;
}
Value id_or_none(std::uint64_t id) { return id == 0 ? none() : Value(format_start_id(id)); }

// A field of the record, given that the record holds the fact.
template <std::uint64_t fact, auto member> Value field(const Row& row) {
    if (!row.has(fact)) return none();
    return static_cast<std::uint64_t>(row.task.*member);
}
template <auto member> Value signed_field(const Row& row) { return number(row.task.*member); }
template <auto member> Value extra_text(const Row& row) { return text_or_none(row.*member); }

Value rss(const Row& row) {
    if (!row.has(LEASH_FACT_MEMORY)) return none();
    return resident(row.task);
}

std::string_view via_word(unsigned via) {
    switch (via) {
    case LEASH_VIA_FORK: return "fork";
    case LEASH_VIA_ADOPT: return "adopt";
    case LEASH_VIA_PARENT: return "parent";
    case LEASH_VIA_CGROUP: return "cgroup";
    case LEASH_VIA_TAG: return "tag";
    default: return "";
    }
}

// An empty set is a value: the flags are known, and none is set.
Value flags(const Row& row) {
    constexpr std::pair<std::uint32_t, std::string_view> kWords[] = {
        {LEASH_TASK_KERNEL, "kernel"},         {LEASH_TASK_DEAD, "dead"},
        {LEASH_TASK_LEADERLESS, "leaderless"}, {LEASH_TASK_SPARED, "spared"},
        {LEASH_TASK_IOWAIT, "iowait"},         {LEASH_TASK_FDS_AT_LEAST, "fds-at-least"},
    };
    Words words;
    for (const auto& [flag, word] : kWords)
        if (row.is(flag)) words.emplace_back(word);
    return words;
}

std::uint64_t life_of(const Row& row) {
    return row.time_ns > row.task.start_ns ? row.time_ns - row.task.start_ns : 0;
}

// Since an earlier sample if there was one, else over the whole life, as ps(1) has it.
Value cpu_percent(const Row& row) {
    if (row.cpu) return *row.cpu;
    if (!row.has(LEASH_FACT_CPU) || life_of(row) == 0) return none();
    return 100.0 * static_cast<double>(row.task.runtime_ns) / static_cast<double>(life_of(row));
}

Value idle(const Row& row) {
    if (!row.has(LEASH_FACT_SCHED) || row.task.last_ran_ns == 0) return none();
    return row.sched_ns > row.task.last_ran_ns ? row.sched_ns - row.task.last_ran_ns
                                               : std::uint64_t{0};
}

Value system_call(const Row& row) {
    if (!row.has(LEASH_FACT_SYSCALL) || row.task.sys_nr < 0) return none();
    auto name = system_call_name(row.task.sys_nr);
    return name.empty() ? fmt::format("{}", row.task.sys_nr) : std::string(name);
}
Value system_call_number(const Row& row) {
    if (!row.has(LEASH_FACT_SYSCALL) || row.task.sys_nr < 0) return none();
    return number(row.task.sys_nr);
}
Value system_call_arguments(const Row& row) {
    if (!row.has(LEASH_FACT_SYSCALL) || row.task.sys_nr < 0) return none();
    Words words;
    for (auto argument : row.task.sys_arg) words.push_back(fmt::format("0x{:x}", argument));
    return words;
}

using Task = leash_task;
constexpr std::uint64_t kAlways = 0;

constexpr Column kColumns[] = {
    {"pid", "PID", Form::number, 0, 0, signed_field<&Task::tgid>, "process (thread group)"},
    {"tid", "TID", Form::number, 0, 0, signed_field<&Task::tid>, "thread"},
    {"service", "SERVICE", Form::text, 0, 0, extra_text<&Row::service>,
     "service of the start that it belongs to"},
    {"source", "SOURCE", Form::text, 0, 0,
     [](const Row& row) { return text_or_none(std::string(source_of_via(row.task.via))); },
     "what tells so: lineage, cgroup or tag"},
    {"state", "STATE", Form::text, 0, 0,
     [](const Row& row) { return Value(std::string(1, static_cast<char>(row.task.state))); },
     "a letter as in /proc/PID/stat: R S D T t Z X I"},
    {"command", "COMMAND", Form::text, 0, extra::command, extra_text<&Row::command>,
     "command line, else its name in brackets"},
    {"start_id", "START", Form::text, 0, 0,
     [](const Row& row) { return id_or_none(row.task.start); }, "id of the start, in hex"},
    {"comm", "COMM", Form::text, 0, 0, [](const Row& row) { return Value(row.task.comm); },
     "its name, 15 bytes"},
    {"ppid", "PPID", Form::number, 0, 0, signed_field<&Task::ppid>, "parent"},
    {"pgid", "PGID", Form::number, 0, 0, signed_field<&Task::pgid>, "process group"},
    {"sid", "SID", Form::number, 0, 0, signed_field<&Task::sid>, "session"},
    {"uid", "UID", Form::number, 0, 0, field<kAlways, &Task::uid>, "effective user id"},
    {"gid", "GID", Form::number, 0, 0, field<kAlways, &Task::gid>, "effective group id"},
    {"threads", "THREADS", Form::number, 0, 0, field<kAlways, &Task::threads>,
     "threads of the process"},
    {"tag", "TAG", Form::text, 0, 0, [](const Row& row) { return id_or_none(row.task.tag); },
     "id in the LEASH_TAG that it was executed with"},
    {"via", "VIA", Form::text, 0, 0,
     [](const Row& row) { return text_or_none(std::string(via_word(row.task.via))); },
     "how it came to its start: fork, adopt, parent, cgroup or tag"},
    {"start_ns", "BEGAN", Form::elapsed, 0, 0, field<kAlways, &Task::start_ns>,
     "when it began, since boot"},
    {"elapsed_ns", "ELAPSED", Form::elapsed, 0, 0,
     [](const Row& row) { return Value(life_of(row)); }, "how long it has lived"},
    {"flags", "FLAGS", Form::text, 0, 0, flags,
     "kernel, dead, leaderless, spared, iowait, fds-at-least"},
    {"policy", "POLICY", Form::text, 0, 0,
     [](const Row& row) {
         return text_or_none(std::string(scheduling_policy_name(row.task.policy)));
     },
     "scheduling policy: other fifo rr batch idle deadline"},
    {"nice", "NICE", Form::number, 0, 0, signed_field<&Task::nice>, "nice value"},
    {"prio", "PRIO", Form::number, 0, 0, signed_field<&Task::prio>,
     "priority as in /proc/PID/stat"},
    {"cpu", "CPU", Form::number, 0, 0, field<kAlways, &Task::cpu>, "CPU that it ran on last"},
    {"cpu_percent", "%CPU", Form::percent, LEASH_FACT_CPU, 0, cpu_percent,
     "CPU time over its life; in top since the last look"},
    {"runtime_ns", "TIME", Form::cpu_time, LEASH_FACT_CPU, 0,
     field<LEASH_FACT_CPU, &Task::runtime_ns>, "CPU time, exact"},
    {"utime_ns", "UTIME", Form::cpu_time, LEASH_FACT_CPU, 0,
     field<LEASH_FACT_CPU, &Task::utime_ns>, "of that in user mode"},
    {"stime_ns", "STIME", Form::cpu_time, LEASH_FACT_CPU, 0,
     field<LEASH_FACT_CPU, &Task::stime_ns>, "of that in the kernel"},
    {"vm", "VM", Form::bytes, LEASH_FACT_MEMORY, 0, field<LEASH_FACT_MEMORY, &Task::vm>,
     "address space, bytes"},
    {"rss", "RSS", Form::bytes, LEASH_FACT_MEMORY, 0, rss, "in memory: anon + file + shmem"},
    {"anon", "ANON", Form::bytes, LEASH_FACT_MEMORY, 0, field<LEASH_FACT_MEMORY, &Task::anon>,
     "anonymous memory"},
    {"file", "FILE", Form::bytes, LEASH_FACT_MEMORY, 0, field<LEASH_FACT_MEMORY, &Task::file>,
     "memory mapped from files"},
    {"shmem", "SHMEM", Form::bytes, LEASH_FACT_MEMORY, 0, field<LEASH_FACT_MEMORY, &Task::shmem>,
     "shared memory: POSIX, SysV, memfd, tmpfs"},
    {"swap", "SWAP", Form::bytes, LEASH_FACT_MEMORY, 0, field<LEASH_FACT_MEMORY, &Task::swap>,
     "swapped out"},
    {"fds", "FDS", Form::number, LEASH_FACT_FDS, 0, field<LEASH_FACT_FDS, &Task::fds>,
     "open descriptors; with a + behind it: at least"},
    {"wait_ns", "WAIT", Form::cpu_time, LEASH_FACT_SCHED, 0,
     field<LEASH_FACT_SCHED, &Task::wait_ns>, "time that it was ready and had no CPU"},
    {"idle_ns", "IDLE", Form::elapsed, LEASH_FACT_SCHED, 0, idle, "since it came to a CPU last"},
    {"nvcsw", "NVCSW", Form::number, LEASH_FACT_SCHED, 0, field<LEASH_FACT_SCHED, &Task::nvcsw>,
     "voluntary context switches"},
    {"nivcsw", "NIVCSW", Form::number, LEASH_FACT_SCHED, 0,
     field<LEASH_FACT_SCHED, &Task::nivcsw>, "involuntary context switches"},
    {"min_flt", "MINFLT", Form::number, LEASH_FACT_SCHED, 0,
     field<LEASH_FACT_SCHED, &Task::min_flt>, "page faults without input"},
    {"maj_flt", "MAJFLT", Form::number, LEASH_FACT_SCHED, 0,
     field<LEASH_FACT_SCHED, &Task::maj_flt>, "page faults that had to read"},
    {"read_bytes", "READ", Form::bytes, LEASH_FACT_IO, 0,
     field<LEASH_FACT_IO, &Task::read_bytes>, "read from storage"},
    {"write_bytes", "WRITTEN", Form::bytes, LEASH_FACT_IO, 0,
     field<LEASH_FACT_IO, &Task::write_bytes>, "written to storage"},
    {"cgroup", "CGROUP", Form::number, LEASH_FACT_CGROUP, 0,
     field<LEASH_FACT_CGROUP, &Task::cgroup>, "inode number of its cgroup v2 folder"},
    {"tty_nr", "TTYNR", Form::number, LEASH_FACT_TTY, 0, field<LEASH_FACT_TTY, &Task::tty>,
     "controlling terminal as in /proc/PID/stat"},
    {"tty", "TTY", Form::text, LEASH_FACT_TTY, 0,
     [](const Row& row) {
         return row.has(LEASH_FACT_TTY) ? text_or_none(tty_name(row.task.tty)) : none();
     },
     "controlling terminal"},
    {"exe_dev", "EXEDEV", Form::number, LEASH_FACT_EXE, 0, field<LEASH_FACT_EXE, &Task::exe_dev>,
     "device number of its program, as st_dev"},
    {"exe_ino", "EXEINO", Form::number, LEASH_FACT_EXE, 0, field<LEASH_FACT_EXE, &Task::exe_ino>,
     "inode number of its program"},
    {"syscall", "SYSCALL", Form::text, LEASH_FACT_SYSCALL, 0, system_call,
     "system call that it sleeps in"},
    {"sys_nr", "SYSNR", Form::number, LEASH_FACT_SYSCALL, 0, system_call_number, "its number"},
    {"sys_args", "SYSARGS", Form::text, LEASH_FACT_SYSCALL, 0, system_call_arguments,
     "its six arguments, in hex"},
    {"user", "USER", Form::text, 0, extra::user, extra_text<&Row::user>, "name of uid"},
    {"exe", "EXE", Form::text, 0, extra::exe, extra_text<&Row::exe>,
     "path of its program, from /proc/PID/exe"},
    {"cgroup_path", "CGROUPPATH", Form::text, LEASH_FACT_CGROUP, extra::cgroup_path,
     extra_text<&Row::cgroup_path>, "its cgroup v2 folder"},
};

} // namespace

std::span<const Column> all_columns() { return kColumns; }

} // namespace leash::taskview
