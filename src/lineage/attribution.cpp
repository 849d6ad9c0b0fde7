// SPDX-License-Identifier: MIT
#include "lineage/attribution.h"

#include <algorithm>
#include <cstring>

#include <unistd.h>

#include "base/fixed_text.h"
#include "lineage/attribution_source.h"
#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

constexpr std::size_t kCommandLimit = 4096;

std::string command_of(const ProcFolder& folder, const ProcessStat& stat) {
    auto line = folder.read("cmdline", kCommandLimit);
    if (line) {
        while (line->ends_with('\0')) line->pop_back();
        std::ranges::replace(*line, '\0', ' ');
    }
    return line && !line->empty() ? *line : "[" + stat.comm + "]";
}

std::optional<Attribution> attribute(const TaskEvidence& task, const AttributionSources& sources) {
    for (const auto& source : sources)
        if (auto answer = source->ask(task)) return answer;
    return std::nullopt;
}

TaskFacts facts_of(pid_t pid, const ProcessStat& stat) {
    TaskFacts facts;
    facts.pid = pid;
    facts.tid = stat.pid;
    facts.parent = stat.parent;
    facts.session = stat.session;
    facts.tty = stat.tty;
    facts.state = stat.state;
    facts.start_ticks = stat.start_ticks;
    facts.kernel = stat.kernel;
    return facts;
}

void survey_process(pid_t pid, bool threads, const AttributionSources& sources,
                    std::vector<TaskFacts>& found) {
    auto process = ProcFolder::open(pid);
    auto stat = process ? process->stat() : std::nullopt;
    if (!stat) return; // gone in the meantime
    auto command = command_of(*process, *stat);
    if (!threads) {
        auto& facts = found.emplace_back(facts_of(pid, *stat));
        facts.command = std::move(command);
        if (!facts.kernel)
            facts.attribution = attribute({pid, *process, *process, *stat, *stat}, sources);
        return;
    }
    auto tids = process->tasks();
    std::ranges::sort(tids);
    for (pid_t tid : tids) {
        auto task = process->task(tid);
        auto task_stat = task ? task->stat() : std::nullopt;
        if (!task_stat) continue;
        auto& facts = found.emplace_back(facts_of(pid, *task_stat));
        facts.command = command.starts_with('[') ? "[" + task_stat->comm + "]" : command;
        if (!facts.kernel)
            facts.attribution = attribute({pid, *task, *process, *task_stat, *stat}, sources);
    }
}

} // namespace

std::string_view to_string(Source source) {
    switch (source) {
    case Source::lineage: return "lineage";
    case Source::cgroup: return "cgroup";
    case Source::tag: return "tag";
    }
    return "?";
}

std::optional<Source> source_named(std::string_view name) {
    for (auto source : {Source::lineage, Source::cgroup, Source::tag})
        if (to_string(source) == name) return source;
    return std::nullopt;
}

const std::optional<Tag>& TaskEvidence::tag() const {
    if (!reading_) reading_ = read_tag(process_, process_stat_);
    return reading_->tag;
}

std::optional<Attribution> CgroupSource::ask(const TaskEvidence& task) const {
    auto text = task.folder().read("cgroup", kCgroupTextLimit);
    auto place = text ? tree_.place_in(*text) : std::nullopt;
    if (!place) return std::nullopt;
    Attribution answer{place->service, place->remains_of, Source::cgroup, false};
    if (const auto& tag = task.tag(); tag && tag->service == place->service)
        answer.start = tag->start;
    return answer;
}

std::optional<Attribution> TagSource::ask(const TaskEvidence& task) const {
    const auto& tag = task.tag();
    if (!tag) return std::nullopt;
    return Attribution{tag->service, tag->start, Source::tag, with_cgroups_};
}

bool same_process(const leash_whois& whose, std::uint64_t start_ticks) {
    static const auto ticks_a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return start_ticks == 0 || whose.start_ns / (1'000'000'000 / ticks_a_second) == start_ticks;
}

std::optional<Attribution> KernelSource::ask(const TaskEvidence& task) const {
    auto whose = kernel_.whois(task.pid());
    if (!whose || whose->start == 0 || !same_process(*whose, task.process_start_ticks()))
        return std::nullopt;
    bool claim = whose->via == LEASH_VIA_TAG;
    if (claim != (trust_ == Trust::claims)) return std::nullopt;
    auto source = source_named(source_of_via(whose->via));
    if (!source) return std::nullopt;
    Attribution answer{get_text(whose->name),
                       whose->start, *source, false};
    if (tree_) {
        auto text = task.folder().read("cgroup", kCgroupTextLimit);
        auto place = text ? tree_->place_in(*text) : std::nullopt;
        answer.stray = !place || place->service != answer.service;
    }
    return answer;
}

AttributionSources usual_sources(const CgroupTree* tree, const KernelLineage* kernel) {
    AttributionSources sources;
    using Trust = KernelSource::Trust;
    if (kernel) sources.push_back(std::make_unique<KernelSource>(*kernel, tree, Trust::proofs));
    if (tree) sources.push_back(std::make_unique<CgroupSource>(*tree));
    if (kernel) sources.push_back(std::make_unique<KernelSource>(*kernel, tree, Trust::claims));
    sources.push_back(std::make_unique<TagSource>(tree != nullptr));
    return sources;
}

std::vector<TaskFacts> survey(bool threads, const AttributionSources& sources) {
    std::vector<TaskFacts> found;
    ProcessWalk walk;
    for (auto pids = walk.next(); !pids.empty(); pids = walk.next())
        for (pid_t pid : pids) survey_process(pid, threads, sources, found);
    return found;
}

std::vector<TaskFacts> survey(bool threads) {
    auto tree = CgroupTree::open();
    // Only PID 1 is the controller; anybody with the right to may observe.
    auto kernel = KernelLineage::open(KernelLineage::Role::observer);
    return survey(threads, usual_sources(tree ? &*tree : nullptr, kernel ? &*kernel : nullptr));
}

} // namespace leash
