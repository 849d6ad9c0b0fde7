// SPDX-License-Identifier: MIT
// Hands the ending of starts to workers. Jobs that come in one round of the loop share a worker, so
// that stopping 200 services does not cost 200 forks and 200 scans of /proc.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "init/workers.h"
#include "lineage/end_start.h"

namespace leash {

class Ender {
  public:
    // `ended` is told of every EndJob with signal SIGKILL, exactly once.
    Ender(Workers& workers, CgroupTree* tree, std::function<void(const EndResult&)> ended);

    void use_module(KernelLineage* kernel) { kernel_ = kernel; }
    void add(EndJob job);
    // To be called once a round: hands over what has come in.
    void flush();

  private:
    struct Batch;
    void launch(std::vector<EndJob> jobs);
    [[nodiscard]] bool is_over(const EndJob& job) const;

    static constexpr int kMaxBatches = 4;
    static constexpr int kMaxAttempts = 3;
    static constexpr Ms kGiveUp{10'000};
    Workers& workers_;
    CgroupTree* tree_;
    KernelLineage* kernel_ = nullptr;
    std::function<void(const EndResult&)> ended_;
    std::vector<EndJob> waiting_;
    std::map<StartId, int> attempts_; // of jobs whose worker did not answer
    int batches_ = 0;
};

// The line that a worker writes for a result, and back. Exposed for tests.
[[nodiscard]] std::string format_end_result(const EndResult& result);
[[nodiscard]] std::optional<EndResult> parse_end_result(std::string_view line);

} // namespace leash
