// SPDX-License-Identifier: MIT
// `unusual = TIME`: a service's CPU time or memory, or the CPU time of one of its threads, is for so long
// unlike it has ever been before: see own_history.h. Nothing is said before it has been watched for nine
// times as long; it is compared with at least fifteen times as long, and with the extremes of 240 times.
#pragma once

#include <map>

#include "finder/own_history.h"
#include "finder/subject_map.h"

namespace leash::finder {

class Unusual : public Detector {
  public:
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    // A figure that is gathered into buckets.
    struct Figure {
        OwnHistory history;
        double sum = 0;          // CPU: nanoseconds used in this bucket; memory: bytes x looks
        std::uint64_t looks = 0; // in this bucket
        std::uint64_t since_ns = 0; // when the bucket began
        std::uint64_t last = 0;  // CPU: the counter at the last look
        std::uint64_t round = 0;
        std::optional<Unlike> unlike{};
    };
    using Task = std::pair<std::int32_t, std::uint64_t>; // number and begin

    void add(Figure& figure, double value, bool is_rate, std::uint64_t bucket_ns,
             std::uint64_t now_ns) const;

    std::map<std::uint64_t, Figure> cpu_, memory_; // by start
    std::map<Task, Figure> threads_;
    std::map<Task, std::pair<std::uint64_t, std::uint64_t>> counters_; // of processes; round
    std::uint64_t last_ns_ = 0, round_ = 0;
};

} // namespace leash::finder
