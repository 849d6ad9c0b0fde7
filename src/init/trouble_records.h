// SPDX-License-Identifier: MIT
// Records of trouble (man/leash-troubles.5), from PID 1's side. They go to the spool at once, which is
// memory, and from there to the disk by a worker: a disk that is full, read-only, hung or not there yet
// costs nothing but that the oldest records are lost once the spool is full, which is counted and told.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/event_loop.h"
#include "init/machine_answers.h"
#include "init/workers.h"
#include "records/store.h"
#include "service/events.h"
#include "service/manager.h"

namespace leash {

class TroubleRecords {
  public:
    // `spool`: of an earlier life, or -1.
    TroubleRecords(EventLoop& loop, Workers& workers, UniqueFd spool);

    [[nodiscard]] int fd() const { return spool_ ? spool_->fd() : -1; }
    // File systems are mounted: from now on there may be a disk.
    void open_disk(const records::StoreLimits& limits);
    // Calls back when the disk has everything, or it has been given up: after `limit` at the latest.
    void flush(Ms limit, std::function<void()> done);
    // "3 records of trouble wait for the disk: /var/lib/leash: ..."; "": all is well.
    [[nodiscard]] std::string complaint() const;

    void note(records::Record record);
    void trouble(const action::TroubleNoted& noted, const std::optional<ServiceView>& view);
    void machine(const MachineNote& noted);
    // A start has ended and was not to: `view` says how.
    void exited(const ServiceView& view);

  private:
    void store();
    void stored(int status, const std::string& output);

    // Of exits of one service; those beyond are counted in the next one.
    static constexpr RateLimit kMostExits{6, Ms{60'000}};
    static constexpr Ms kShortestRetry{2'000}, kLongestRetry{60'000}, kStoreLimit{20'000};

    EventLoop& loop_;
    Workers& workers_;
    std::optional<records::Spool> spool_;
    std::string boot_;
    records::StoreLimits limits_;
    bool disk_ = false, storing_ = false;
    std::uint64_t stored_ = 0; // up to this number the disk has them
    std::uint64_t dropped_ = 0;
    std::string problem_; // why the disk has not taken them
    Ms retry_{0};
    Timer again_, flush_limit_;
    std::function<void()> flushed_;
    struct Exits {
        RateWindow window;
        int left_out = 0;
    };
    std::map<std::string, Exits> exits_;
};

} // namespace leash
