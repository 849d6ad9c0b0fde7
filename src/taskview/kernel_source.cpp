// SPDX-License-Identifier: MIT
#include <unordered_map>

#include "taskview/describer.h"
#include "taskview/task_source.h"

namespace leash::taskview {
namespace {

class KernelSource : public TaskSource {
  public:
    explicit KernelSource(KernelLineage lineage) : lineage_(std::move(lineage)) {}

    [[nodiscard]] leash_version version() const override { return lineage_.version(); }

    Result<Sample> sample(const Query& query) override {
        describer_.next_sample();
        Sample sample;
        auto known = lineage_.starts(); // first: a process that ends later is not counted twice
        if (!known) return std::unexpected(known.error());
        sample.starts = std::move(*known);
        std::unordered_map<StartId, std::string> names;
        for (const auto& start : sample.starts) names.emplace(start.id, start.name);
        leash_snapshot header{};
        auto done = lineage_.snapshot(
            query.facts & lineage_.version().facts, query.filter,
            [&](const leash_task& task) {
                auto& row = sample.rows.emplace_back();
                row.task = task;
                if (task.start != 0) row.service = name_of(task.start, names);
            },
            &header);
        if (!done) return std::unexpected(done.error());
        sample.time_ns = header.time_ns;
        sample.state = header.state;
        for (auto& row : sample.rows) {
            row.time_ns = header.time_ns;
            row.sched_ns = header.sched_ns;
        }
        return sample;
    }

    void describe(Row& row, unsigned extras) override { describer_.describe(row, extras); }
    Result<std::vector<leash_start_info>> starts() override { return lineage_.starts(); }
    Result<leash_stats> stats() override { return lineage_.stats(); }

  private:
    // A start that was made after the list was is asked for by itself.
    const std::string& name_of(StartId id, std::unordered_map<StartId, std::string>& names) {
        auto [entry, is_new] = names.try_emplace(id);
        if (is_new)
            if (auto info = lineage_.start(id)) entry->second = info->name;
        return entry->second;
    }

    KernelLineage lineage_;
    Describer describer_;
};

} // namespace

std::expected<std::unique_ptr<TaskSource>, Refusal> open_kernel_source() {
    auto lineage = KernelLineage::open(KernelLineage::Role::observer);
    if (!lineage) return std::unexpected(refusal_of(lineage.error()));
    return std::make_unique<KernelSource>(std::move(*lineage));
}

} // namespace leash::taskview
