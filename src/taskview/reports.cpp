// SPDX-License-Identifier: MIT
#include "taskview/reports.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "base/tag.h"
#include "base/text.h"
#include "taskview/figures.h"
#include "taskview/table.h"

namespace leash::taskview {
namespace {

struct Word {
    std::uint64_t bit;
    const char* word;
};
constexpr Word kStartFlags[] = {{LEASH_START_DYING, "dying"}, {LEASH_START_RELEASED, "released"}};
constexpr Word kFeatures[] = {{LEASH_FEATURE_LINEAGE, "lineage"},
                              {LEASH_FEATURE_SNAPSHOT, "snapshot"},
                              {LEASH_FEATURE_KILL, "kill"},
                              {LEASH_FEATURE_CGROUP, "cgroup"},
                              {LEASH_FEATURE_TAG, "tag"}};
constexpr Word kFacts[] = {{LEASH_FACT_CPU, "cpu"},       {LEASH_FACT_MEMORY, "memory"},
                           {LEASH_FACT_FDS, "fds"},       {LEASH_FACT_SCHED, "sched"},
                           {LEASH_FACT_SYSCALL, "syscall"}, {LEASH_FACT_IO, "io"},
                           {LEASH_FACT_CGROUP, "cgroup"}, {LEASH_FACT_EXE, "exe"},
                           {LEASH_FACT_TTY, "tty"}};
constexpr Word kStates[] = {{LEASH_STATE_INCOMPLETE, "incomplete"}, {LEASH_STATE_HOOKED, "hooked"}};

// Bits that this program has no word for are told, too: the module may be a newer one.
std::vector<std::string> words_of(std::uint64_t bits, std::span<const Word> known) {
    std::vector<std::string> words;
    for (const auto& [bit, word] : known) {
        if (bits & bit) words.emplace_back(word);
        bits &= ~bit;
    }
    if (bits != 0) words.push_back(fmt::format("0x{:x}", bits));
    return words;
}

std::string listed(std::uint64_t bits, std::span<const Word> known) {
    auto words = join(words_of(bits, known), ",");
    return words.empty() ? "-" : words;
}

void words_json(JsonWriter& json, const char* key, std::uint64_t bits,
                std::span<const Word> known) {
    json.key(key).begin_array();
    for (const auto& word : words_of(bits, known)) json.string(word);
    json.end_array();
}

struct Counter {
    const char* name;
    std::uint64_t value;
    const char* meaning;
};
std::vector<Counter> counters_of(const leash_stats& stats) {
    return {{"starts", stats.starts, "known now"},
            {"processes", stats.processes, "attributed now, with zombies"},
            {"entries", stats.entries, "preallocated for processes"},
            {"entries_free", stats.entries_free, "of those not in use"},
            {"armed", stats.armed, "1: a fork of the controller is waited for"},
            {"forks", stats.forks, "recorded"},
            {"lost", stats.lost, "forks not recorded for want of entries"},
            {"found", stats.found, "processes that rescans have found"},
            {"adopted", stats.adopted, "processes that the controller has adopted"},
            {"killed", stats.killed, "signals sent to starts"},
            {"killed_at_birth", stats.killed_at_birth, "children of dying starts"},
            {"snapshots", stats.snapshots, "calls"}};
}

} // namespace

std::string start_table(std::span<const leash_start_info> starts, const Terminal& terminal,
                        bool heading) {
    Table table({{"START"}, {"SERVICE"}, {"LIVE", true}, {"PROCESSES", true}, {"FORKS", true},
                 {"EXECS", true}, {"EXITS", true}, {"ABORTS", true}, {"TIME", true}, {"FLAGS"}});
    for (const auto& start : starts)
        table.row({format_start_id(start.id), printable(start.name), std::to_string(start.live),
                   std::to_string(start.processes), std::to_string(start.forks),
                   std::to_string(start.execs), std::to_string(start.exits),
                   std::to_string(start.aborts), cpu_figure(start.runtime_ns),
                   listed(start.flags, kStartFlags)});
    return table.text(terminal, heading);
}

std::string start_json(const leash_start_info& start) {
    JsonWriter json;
    json.begin_object();
    json.key("start_id").string(format_start_id(start.id));
    json.key("service").string(start.name);
    json.key("live").amount(start.live);
    json.key("processes").amount(start.processes);
    json.key("forks").amount(start.forks);
    json.key("execs").amount(start.execs);
    json.key("exits").amount(start.exits);
    json.key("aborts").amount(start.aborts);
    json.key("runtime_ns").amount(start.runtime_ns);
    json.key("cgroup").amount(start.cgroup);
    words_json(json, "flags", start.flags, kStartFlags);
    json.end_object();
    return json.text();
}

std::string stats_table(const leash_version& version, const leash_stats& stats) {
    Table table({{"WHAT"}, {"VALUE"}, {"MEANING"}});
    table.row({"abi", std::to_string(version.abi), "of the module"});
    table.row({"features", listed(version.features, kFeatures), ""});
    table.row({"facts", listed(version.facts, kFacts), "that can be had here"});
    table.row({"state", listed(stats.state, kStates), ""});
    for (const auto& counter : counters_of(stats))
        table.row({counter.name, std::to_string(counter.value), counter.meaning});
    return table.text({});
}

std::string stats_json(const leash_version& version, const leash_stats& stats) {
    JsonWriter json;
    json.begin_object();
    json.key("abi").amount(version.abi);
    words_json(json, "features", version.features, kFeatures);
    words_json(json, "facts", version.facts, kFacts);
    words_json(json, "state", stats.state, kStates);
    for (const auto& counter : counters_of(stats)) json.key(counter.name).amount(counter.value);
    json.end_object();
    return json.text();
}

} // namespace leash::taskview
