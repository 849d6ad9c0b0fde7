// SPDX-License-Identifier: MIT
// Who has to give a sign of life by when. A table and its rules, without a system call: events in,
// reports out. Times in milliseconds, CLOCK_MONOTONIC.
//
// A start is watched while its service is running or reloading and has a `watchdog` time.
//   heartbeat: the time runs from becoming running and anew from each heartbeat.
//   tasks:     looked at every half of the time; bad once all threads of the main process have been
//              stopped or dead for longer than the time, at every look.
// A silence is reported once; it is over when the start beats again.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "watch_table.h"

namespace leash_watchdog {

inline constexpr std::int64_t kNever = -1;

enum class Source { heartbeat, tasks };

// What the threads of a process are doing.
struct TaskCount {
    unsigned threads = 0; // 0: not known; no judgement then
    unsigned alive = 0;   // neither stopped nor dead; counting may end at the first one
};

class TaskProbe {
  public:
    virtual TaskCount look(std::int32_t main_pid) = 0;

  protected:
    ~TaskProbe() = default;
};

struct Report {
    std::uint64_t start = 0;
    bool over = false;       // the trouble has gone
    char evidence[120] = ""; // for people
};

class Supervision {
  public:
    // The service is running or reloading. The same start again keeps its deadline, unless the time
    // or the source has changed.
    void watch(std::uint64_t start, std::int64_t limit_ms, Source source, std::int32_t main_pid,
               std::int64_t now);
    void forget(std::uint64_t start);

    // `reports` grows by what there is to tell.
    void heartbeat(std::uint64_t start, std::int64_t now, std::vector<Report>& reports);
    // The service itself says that it is in trouble, watched or not.
    void trigger(std::uint64_t start, std::vector<Report>& reports);
    void tick(std::int64_t now, TaskProbe& probe, std::vector<Report>& reports);

    // The report did not arrive, since a heartbeat is on its way: ask again after a while.
    void ask_again(std::uint64_t start, std::int64_t now);

    // From now on every entry is kept there, too; what is there already becomes entries. To be called
    // before anything else.
    void keep_in(std::span<SavedWatch> slots);

    // Nobody could beat for `ms`, or nobody listened: every deadline moves by that much.
    void shift(std::int64_t ms);
    // Watching was switched off for a while: every start has its full time from now on.
    void begin_anew(std::int64_t now);

    // When tick() has something to do; kNever: nothing to watch.
    [[nodiscard]] std::int64_t next() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::size_t silent() const; // reported, and not over

  private:
    struct Entry {
        std::int64_t limit = 0;
        Source source = Source::heartbeat;
        std::int32_t main_pid = 0;
        std::int64_t last_sign = 0; // heartbeat, or a look that found a live thread
        std::int64_t due = kNever;  // next deadline or look
        bool reported = false;
        int slot = -1; // in slots_
    };
    void keep(std::uint64_t start, Entry& entry);
    void look_at_tasks(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
                       std::vector<Report>& reports);

    std::map<std::uint64_t, Entry> entries_;
    std::span<SavedWatch> slots_;
    std::vector<int> free_;
};

} // namespace leash_watchdog
