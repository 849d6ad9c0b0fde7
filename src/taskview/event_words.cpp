// SPDX-License-Identifier: MIT
#include "taskview/event_words.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <vector>

#include "base/json.h"
#include "base/signal_name.h"
#include "base/tag.h"
#include "base/text.h"

namespace leash::taskview {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Word {
    std::string_view name;
    std::uint32_t events;
    std::string_view text;
};

constexpr std::uint32_t kProcesses = LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXEC |
                                     LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT;

constexpr Word kWords[] = {
    {"fork", LEASH_EVENT_PROCESS_FORK, "a process was made"},
    {"exec", LEASH_EVENT_PROCESS_EXEC, "a process runs another program now"},
    {"exit", LEASH_EVENT_PROCESS_EXIT, "a process has ended"},
    {"abort", LEASH_EVENT_PROCESS_ABORT, "a process was ended by a signal"},
    {"thread-create", LEASH_EVENT_THREAD_CREATE, "a thread was made"},
    {"thread-exit", LEASH_EVENT_THREAD_EXIT, "a thread has ended, alone or by exit or execve"},
    {"thread-abort", LEASH_EVENT_THREAD_ABORT, "a thread was ended by its process' signal"},
    {"empty", LEASH_EVENT_START_EMPTY, "a start has lost its last process"},
    {"adopted", LEASH_EVENT_ADOPTED, "a living process was put into a start"},
    {"limit", LEASH_EVENT_LIMIT, "a start exceeds one of its limits"},
    {"oom", LEASH_EVENT_OOM, "the kernel kills a process for want of memory"},
    {"hung", LEASH_EVENT_HUNG, "a thread sleeps uninterruptibly for too long"},
    {"trouble", LEASH_EVENT_TROUBLE, "the module has found trouble"},
    {"overflow", LEASH_EVENT_OVERFLOW, "events were lost, and none came since"},
};

constexpr Word kSets[] = {
    {"all", LEASH_EVENT_ALL, "all of them"},
    {"tasks", LEASH_EVENT_TASKS, "those of processes and threads"},
    {"processes", kProcesses, "fork, exec, exit and abort"},
};

std::uint32_t events_of(std::string_view word) {
    for (const auto& known : kWords)
        if (known.name == word) return known.events;
    for (const auto& known : kSets)
        if (known.name == word) return known.events;
    bool hex = word.starts_with("0x");
    if (hex) word.remove_prefix(2);
    std::uint32_t number = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number,
                                        hex ? 16 : 10);
    bool is_number = error == std::errc{} && end == word.data() + word.size();
    return is_number && (number & ~static_cast<std::uint32_t>(LEASH_EVENT_ALL)) == 0 ? number : 0;
}

bool tells_an_end(const leash_record& record) {
    return (record.type & (LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT |
                           LEASH_EVENT_THREAD_EXIT | LEASH_EVENT_THREAD_ABORT)) != 0;
}

std::string end_text(int code) {
    int signal = code & 0x7f;
    if (signal == 0) return fmt::format("status {}", code >> 8 & 0xff);
    return fmt::format("{}{}", signal_name(signal), (code & 0x80) != 0 ? ", core dumped" : "");
}

constexpr std::string_view kReasons[] = {"none",       "init-silent", "no-task",
                                         "task-limit", "fork-rate",   "hung-task"};
constexpr std::string_view kVia[] = {"", "fork", "adoption", "its parent", "its cgroup", "its tag"};

std::string details(const leash_record& record) {
    if (tells_an_end(record)) return end_text(record.code);
    switch (record.type) {
    case LEASH_EVENT_PROCESS_FORK:
    case LEASH_EVENT_THREAD_CREATE: return fmt::format("by {}", record.actor);
    case LEASH_EVENT_PROCESS_EXEC:
        return record.arg != static_cast<std::uint64_t>(record.tgid)
                   ? fmt::format("by thread {}", record.arg)
                   : "";
    case LEASH_EVENT_ADOPTED: {
        auto via = static_cast<std::size_t>(record.code);
        return via < std::size(kVia) ? fmt::format("by {}", kVia[via]) : "";
    }
    case LEASH_EVENT_LIMIT:
        return fmt::format("more than {} {}", record.arg,
                           record.code == LEASH_LIMIT_FORKS ? "forks in its period" : "processes");
    case LEASH_EVENT_TROUBLE: {
        auto reason = static_cast<std::size_t>(record.code);
        auto text = reason < std::size(kReasons) ? std::string(kReasons[reason])
                                                 : fmt::format("reason {}", record.code);
        return record.arg != 0 ? fmt::format("{}, process {}", text, record.arg) : text;
    }
    default: return "";
    }
}

std::string time_text(std::int64_t ns) {
    auto seconds = static_cast<std::time_t>(ns / kSecond);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    return fmt::format("{:02}:{:02}:{:02}.{:06}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                       ns % kSecond / 1000);
}

std::string lost_text(const leash_record& record) {
    bool at_least = record.lost == 0xffffffff;
    return fmt::format("{}{} events lost", at_least ? "at least " : "", record.lost);
}

std::string task_text(const leash_record& record) {
    if (record.tgid == 0) return "-";
    if (record.tid == record.tgid) return std::to_string(record.tgid);
    return fmt::format("{}/{}", record.tgid, record.tid);
}

} // namespace

std::string_view event_name(std::uint32_t type) {
    auto found = std::ranges::find(kWords, type, &Word::events);
    return found == std::end(kWords) ? "" : found->name;
}

Result<std::uint32_t> parse_events(std::string_view list) {
    std::uint32_t events = 0;
    for (auto word : split(list, ',')) {
        auto these = events_of(word);
        if (these == 0) {
            std::vector<std::string_view> names;
            for (const auto& known : kWords) names.push_back(known.name);
            for (const auto& known : kSets) names.push_back(known.name);
            auto near = closest_word(word, names);
            if (!near.empty())
                return fail("unknown event '{}'; did you mean '{}'?", printable(word), near);
            std::string all;
            for (auto name : names) all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
            return fail("unknown event '{}'; there are {}", printable(word), all);
        }
        events |= these;
    }
    return events;
}

std::string event_list() {
    std::string text;
    for (const auto& word : kWords) text += fmt::format("  {:<14} {}\n", word.name, word.text);
    for (const auto& word : kSets) text += fmt::format("  {:<14} {}\n", word.name, word.text);
    return text;
}

std::uint64_t record_clock() {
    std::timespec boot{};
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return static_cast<std::uint64_t>(boot.tv_sec * kSecond + boot.tv_nsec);
}

leash_record loss_record(std::uint32_t lost) {
    leash_record record{};
    record.time_ns = record_clock();
    record.type = LEASH_EVENT_OVERFLOW;
    record.lost = lost;
    return record;
}

std::int64_t wall_clock_offset() {
    std::timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    return wall.tv_sec * kSecond + wall.tv_nsec - static_cast<std::int64_t>(record_clock());
}

std::string event_lines(const leash_record& record, std::string_view service,
                        std::int64_t offset) {
    auto time = time_text(static_cast<std::int64_t>(record.time_ns) + offset);
    std::string text;
    if (record.lost != 0) text = fmt::format("{} -- {}\n", time, lost_text(record));
    if (record.type == LEASH_EVENT_OVERFLOW) return text;
    auto line = fmt::format("{} {:<16} {:<13} {:>11} {:<15} {}", time,
                            service.empty() ? "-" : service, event_name(record.type),
                            task_text(record), printable(record.comm), details(record));
    line.resize(line.find_last_not_of(' ') + 1);
    return text + line + "\n";
}

std::string event_json(const leash_record& record, std::string_view service,
                       std::int64_t offset) {
    JsonWriter json;
    json.begin_object();
    json.key("time_ns").amount(record.time_ns);
    json.key("realtime_ns").number(static_cast<std::int64_t>(record.time_ns) + offset);
    json.key("event").string(event_name(record.type));
    json.key("lost").amount(record.lost);
    if (!service.empty()) json.key("service").string(service);
    if (record.start != 0) json.key("start_id").string(format_start_id(record.start));
    if (record.tgid != 0) {
        json.key("pid").number(record.tgid);
        json.key("tid").number(record.tid);
        json.key("command").string(record.comm);
    }
    if (record.actor != 0) json.key("actor").number(record.actor);
    json.key("code").number(record.code);
    json.key("arg").amount(record.arg);
    if (tells_an_end(record)) {
        int signal = record.code & 0x7f;
        if (signal != 0) json.key("signal").string(signal_name(signal));
        else json.key("status").number(record.code >> 8 & 0xff);
    }
    json.end_object();
    return json.text();
}

} // namespace leash::taskview
