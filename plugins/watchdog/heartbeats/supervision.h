// SPDX-License-Identifier: MIT
// Who has to give a sign of life by when. A table and its rules, without a system call: events in,
// reports and wishes out. Times in milliseconds, CLOCK_MONOTONIC.
//
// A start is watched while its service is running or reloading and has a `watchdog` time. The time runs
// from becoming running (the first one may be longer: grace) and anew from each sign of life:
//   heartbeat: WATCHDOG=1, for each timer its own.
//   tasks:     a look, each half of the time, finds a thread of the main process that is neither stopped
//              nor dead. Late is told at a look.
//   progress:  a look, each quarter of the time, finds that threads have waited for something or called
//              read or write since the last one, while the main process is not stopped as a whole.
//              CPU time alone says nothing. Late is told at a look.
//   probe:     a probe has ended well.
// A silence is reported once; it is over when the start gives a sign again. `soft` is a time after which
// it is reported without being trouble.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "prober_protocol.h"
#include "watch_spec.h"
#include "watch_table.h"

namespace leash_watchdog {

inline constexpr std::int64_t kNever = -1;

// What the threads of a process are doing.
struct TaskCount {
    unsigned threads = 0; // 0: not known; no judgement then
    unsigned alive = 0;   // neither stopped nor dead; counting may end at the first one
};

class TaskProbe {
  public:
    virtual TaskCount look(std::int32_t main_pid) = 0;
    // For people: what the threads of a process are doing, "" if nothing is known.
    virtual void describe(std::int32_t /*pid*/, char* text, std::size_t size) {
        if (size > 0) text[0] = '\0';
    }

  protected:
    ~TaskProbe() = default;
};

struct Report {
    std::uint64_t start = 0;
    bool over = false;       // the trouble has gone
    bool soft = false;       // only to be told
    std::uint8_t timer = 0;  // for ask_again()
    char evidence[256] = ""; // for people
};

// What somebody else has to do for the table; the answer comes by probed() or progressed().
struct Wish {
    enum class Kind { command, connect, progress, kill_command, prober_is_stuck };
    Kind kind = Kind::command;
    std::uint64_t start = 0;
    std::uint32_t serial = 0;
    std::int32_t main_pid = 0;
    std::int64_t limit = 0; // connect
    const char* target = ""; // connect; valid until the start is forgotten
};

class Supervision {
  public:
    // The service is running or reloading. The same start again keeps its deadlines, except of timers
    // whose name or time is new, or all where the source has changed.
    void watch(std::uint64_t start, const WatchSpec& spec, std::int32_t main_pid, std::int64_t now);
    void forget(std::uint64_t start);
    [[nodiscard]] bool watches(std::uint64_t start) const { return entries_.contains(start); }
    // Its probe is a command that runs at present.
    [[nodiscard]] bool runs_command(std::uint64_t start) const;

    // `reports` grows by what there is to tell. False: it has no such timer. "": the timer `main`, or
    // the only one. `sender`: the process, 0 if not known.
    bool heartbeat(std::uint64_t start, const char* timer, std::int32_t sender, std::int64_t now,
                   std::vector<Report>& reports);
    // The service itself says that it is in trouble, watched or not.
    void trigger(std::uint64_t start, std::vector<Report>& reports);
    // It needs `time` from now on. No silence becomes longer than its limit and `extend` together.
    void extend(std::uint64_t start, std::int64_t time, std::int64_t now);
    void tick(std::int64_t now, TaskProbe& probe, std::vector<Report>& reports,
              std::vector<Wish>& wishes);

    // Answers to wishes; one with another serial than the last wish of that start is ignored (0: of a
    // command, which has none).
    void probed(std::uint64_t start, std::uint32_t serial, bool good, const char* why, std::int64_t now,
                std::vector<Report>& reports);
    void progressed(std::uint64_t start, std::uint32_t serial, bool known, const Progress& progress,
                    std::int64_t now, TaskProbe& probe, std::vector<Report>& reports);
    // Whoever was asked is gone, and will not answer. Nobody is late because of that, up to kForgiven
    // times in a row: who has the prober killed again and again must not put off the verdict for ever.
    void prober_lost(std::int64_t now);
    static constexpr unsigned kForgiven = 3;

    // The report did not arrive, since a heartbeat is on its way: ask again after a while.
    void ask_again(std::uint64_t start, std::uint8_t timer, std::int64_t now);

    // From now on every timer is kept there, too; what is there already becomes entries. To be called
    // before anything else. Of those only deadlines are known until watch() tells the rest.
    void keep_in(std::span<SavedWatch> slots);

    // Nobody could beat for `ms`, or nobody listened: every deadline moves by that much.
    void shift(std::int64_t ms);
    // Watching was switched off for a while: every timer has its full time from now on.
    void begin_anew(std::int64_t now);
    // The machine was suspended. The clock of the deadlines stood still meanwhile; whoever has to find
    // his feet gets kAfterResume for it.
    void resumed(std::int64_t now);
    static constexpr std::int64_t kAfterResume = 1000;

    // When tick() has something to do; kNever: nothing to watch.
    [[nodiscard]] std::int64_t next() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::size_t silent() const; // reported, and not over

    struct TimerView {
        const char* name;
        std::int64_t limit, left; // left: 0 and below, it is late
    };
    // At most kMostTimers; how many.
    std::size_t timers(std::uint64_t start, std::int64_t now, TimerView* views) const;

  private:
    struct Timer {
        char name[kTimerName] = "";
        std::int64_t limit = 0;
        std::int64_t last_sign = 0;  // or when it became running
        std::int64_t due = kNever;   // the deadline; stays when it has passed
        std::int64_t plain_due = 0;  // ... without what was asked for by extend()
        std::int64_t promised = 0;   // by extend(): until then it need not give a sign
        std::int64_t soft_due = kNever;
        std::int32_t sender = 0;     // of the last heartbeat
        bool reported = false;
        bool soft_said = false;      // found in a slot, before watch() has told of `soft`
        bool excused = false;        // a deadline was passed by while PID 1 was late itself
        int slot = -1;               // in slots_
    };
    struct Entry {
        WatchSpec spec;
        std::int32_t main_pid = 0;
        Timer timers[kMostTimers];
        std::size_t count = 0;
        std::int64_t look_due = kNever; // of all but heartbeats
        bool asked = false;             // a wish is open
        std::int64_t asked_at = 0;
        std::uint32_t serial = 0;
        Progress seen;
        bool seen_any = false;
        std::uint64_t cpu_at_sign = 0;
        unsigned failures = 0; // probes in a row
        unsigned losses = 0;   // of the prober while it owed an answer, in a row
        char why[96] = "";     // of the last one
    };
    void begin(Entry& entry, Timer& timer, std::int64_t now, bool grace);
    void sign(std::uint64_t start, Entry& entry, Timer& timer, std::int64_t now,
              std::vector<Report>& reports);
    void late(std::uint64_t start, Entry& entry, Timer& timer, bool soft, std::int64_t now,
              TaskProbe& probe, std::vector<Report>& reports);
    void explain(const Entry& entry, const Timer& timer, std::int64_t now, TaskProbe& probe,
                 char* text, std::size_t size) const;
    void judge(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
               std::vector<Report>& reports);
    void look_at_tasks(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
                       std::vector<Report>& reports);
    void no_sign(std::uint64_t start, Entry& entry, std::int64_t now, TaskProbe& probe,
                 std::vector<Report>& reports);
    void forgive_loss(std::uint64_t start, Entry& entry, std::int64_t now);
    void wish(std::uint64_t start, Entry& entry, std::int64_t now, std::vector<Wish>& wishes);
    void watch_over_wish(std::uint64_t start, Entry& entry, std::int64_t now,
                         std::vector<Wish>& wishes);
    [[nodiscard]] static std::int64_t look_interval(const Entry& entry);
    [[nodiscard]] static std::int64_t wish_limit(const Entry& entry);
    [[nodiscard]] static bool prober_owes(const Entry& entry);
    [[nodiscard]] static bool is_command(const WatchSpec& spec);
    void keep(std::uint64_t start, Entry& entry, Timer& timer);
    void let_go(Timer& timer);

    std::map<std::uint64_t, Entry> entries_;
    std::span<SavedWatch> slots_;
    std::vector<int> free_;
    std::uint32_t serial_ = 0;
};

// Tells a suspend by the two clocks, of which one goes on.
class SuspendWatch {
  public:
    static constexpr std::int64_t kShortest = 100;
    // How long the machine has been suspended since the last call; 0: it was not.
    std::int64_t note(std::int64_t monotonic_ms, std::int64_t boottime_ms) {
        std::int64_t apart = boottime_ms - monotonic_ms;
        std::int64_t slept = known_ ? apart - apart_ : 0;
        if (known_ && slept > 0 && slept < kShortest) return 0; // rounding; counted next time
        apart_ = apart;
        known_ = true;
        return slept >= kShortest ? slept : 0;
    }

  private:
    std::int64_t apart_ = 0;
    bool known_ = false;
};

} // namespace leash_watchdog
