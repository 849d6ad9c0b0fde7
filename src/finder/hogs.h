// SPDX-License-Identifier: MIT
// Who takes too much: CPU time, memory, descriptors, shared memory, tasks; and whose memory or
// descriptors only grow. All of these look at the same sums, so one detector has them all.
#pragma once

#include <deque>
#include <map>

#include "finder/finding.h"
#include "finder/settings.h"
#include "finder/trend.h"

namespace leash::finder {

// What a look does not hold. 0, or nothing, where it is not known.
class HogFacts {
  public:
    virtual ~HogFacts() = default;
    virtual std::uint64_t machine_memory() = 0; // bytes
    // CPU time of all that ever ran in the group, ns: where there is no module. Of both without what
    // remains of earlier starts.
    virtual std::optional<std::uint64_t> group_cpu_ns(const Subject& subject) = 0;
    // Shared memory that the group is charged for, mapped or not; `mapped` by the start's processes.
    virtual std::optional<std::uint64_t> group_shmem(const Subject& subject,
                                                     std::uint64_t mapped) = 0;
    virtual std::uint64_t descriptor_limit(std::int32_t pid) = 0; // RLIMIT_NOFILE
    // System V segments that nobody is attached to: bytes, by the process that made them.
    virtual std::map<std::int32_t, std::uint64_t> detached_segments() = 0;
};

class Hogs : public Detector {
  public:
    // Below this much of its limit, in percent, nothing is said.
    static constexpr int kLeastLevel = 25;

    explicit Hogs(HogFacts& facts) : facts_(facts) {}
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    struct Point {
        std::uint64_t ns, value;
    };
    // A counter over a time: by how much it has grown, once (or before) that time is full.
    class Meter {
      public:
        void add(std::uint64_t now_ns, std::uint64_t value, std::uint64_t window_ns);
        [[nodiscard]] bool full() const { return full_; }
        [[nodiscard]] std::uint64_t growth() const;
        [[nodiscard]] std::uint64_t span_ns() const;

      private:
        std::deque<Point> points_;
        bool full_ = false;
    };
    struct Sums {
        std::uint64_t cpu_ns = 0, memory = 0, shmem = 0, tasks = 0, forks = 0;
        std::uint64_t largest = 0, most_fds = 0; // of one process
        std::int32_t largest_pid = 0, shmem_pid = 0, fds_pid = 0, busiest_pid = 0;
        std::uint64_t busiest_ns = 0;
        std::map<std::int32_t, std::uint64_t> processes; // and when they began
    };
    struct Memory { // of a start
        Meter cpu, forks;
        Trend memory, fds;
        std::int32_t fds_pid = 0;
        std::uint64_t memory_before = 0, shmem_before = 0;
        std::map<std::int32_t, std::uint64_t> made; // detached segments that were seen to be its own
        std::map<std::int32_t, std::uint64_t> processes;
        std::uint64_t born = 0; // forks counted by new processes: where there is no module
        std::uint64_t round = 0;
        bool from_module = false; // the counters of the two have nothing in common
    };
    void judge(const Look& look, const Subject& subject, Sums& sums, Memory& memory,
               std::vector<Finding>& found);
    [[nodiscard]] std::uint64_t bytes_of(const Amount& amount);

    HogFacts& facts_;
    std::map<std::uint64_t, Memory> memories_; // by start
    std::uint64_t round_ = 0;
};

} // namespace leash::finder
