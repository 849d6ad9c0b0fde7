// SPDX-License-Identifier: MIT
// A kernel module whose answers a test writes down.
#pragma once

#include <memory>
#include <vector>

#include "rows.h"
#include "taskview/task_source.h"

namespace leash::taskview {

struct FakeKernel {
    std::vector<Sample> samples; // in turn; the last one again and again
    Result<leash_stats> stats = leash_stats{};
    std::optional<Error> broken; // every call fails
    std::optional<Refusal> refusal;
    std::vector<Query> queries; // that were asked
    unsigned extras = 0;        // that were asked for
    int described = 0;

    OpenTaskSource opener();
};

class FakeSource : public TaskSource {
  public:
    explicit FakeSource(FakeKernel& kernel) : kernel_(kernel) {}
    [[nodiscard]] leash_version version() const override { return {}; }
    Result<Sample> sample(const Query& query) override {
        kernel_.queries.push_back(query);
        if (kernel_.broken) return std::unexpected(*kernel_.broken);
        auto index = std::min(kernel_.queries.size(), kernel_.samples.size()) - 1;
        return kernel_.samples[index];
    }
    void describe(Row& row, unsigned extras) override {
        kernel_.extras |= extras;
        ++kernel_.described;
        if (extras & extra::command) row.command = "cmd" + std::to_string(row.task.tid);
    }
    Result<std::vector<leash_start_info>> starts() override {
        if (kernel_.broken) return std::unexpected(*kernel_.broken);
        return kernel_.samples.at(0).starts;
    }
    Result<leash_stats> stats() override { return kernel_.stats; }

  private:
    FakeKernel& kernel_;
};

inline OpenTaskSource FakeKernel::opener() {
    return [this]() -> std::expected<std::unique_ptr<TaskSource>, Refusal> {
        if (refusal) return std::unexpected(*refusal);
        return std::make_unique<FakeSource>(*this);
    };
}

} // namespace leash::taskview
