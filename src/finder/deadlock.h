// SPDX-License-Identifier: MIT
// Threads that wait for each other's locks (`deadlock = TIME`): a circle, a thread that waits for
// what it holds itself, and one that waits for a lock whose owner has ended or, after a fork, is
// not in this process. Through mutexes, PI and robust ones, the writers of rwlocks, pthread_join,
// and across processes.
//
// A thread is suspected when it has slept at one futex, without a time limit, for the service's
// time and without having been woken in between (context switches stood still); only then is memory
// read, and what is no lock (a condition variable, a semaphore, a queue) is not read again while
// the thread sleeps on. One that is woken all the time, as by a timer's signal, and goes back to
// the same futex is suspected after three times that. A knot is told when two looks in a row found
// the same one, of threads that did not stir in between; where they stirred, after ten. Owners that
// work, or sleep anywhere but at a lock, end a chain: to hold a lock for long is no deadlock.
//
// Reading takes as long as the reader has for a look: who was not asked this time is asked first next
// time, and until then counts as what he was found to be before.
//
// Not seen: a writer that waits for readers, locks whose owner nobody writes down (musl's normal
// mutex, std::mutex of Rust, channels of Go), waits with a time limit, and 32 bit programs on a 64
// bit machine.
#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include "finder/reader.h"
#include "finder/subject_map.h"
#include "finder/wait_graph.h"

namespace leash::finder {

class Deadlock : public Detector {
  public:
    explicit Deadlock(Reader& reader) : reader_(reader) {}
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    struct Sleep { // of one thread at one futex
        std::uint64_t start_ns = 0;   // the thread's
        FutexWait wait;
        std::uint64_t switches = 0;
        std::uint64_t here_ns = 0;    // since when it is at this futex, whenever one looks
        std::uint64_t still_ns = 0;   // since when it has not been woken
        std::uint32_t looks = 0;
        std::uint64_t quiet_until_ns = 0; // it is no lock: not read again before
        std::uint64_t round = 0;
        std::uint64_t asked = 0;          // the round in which its memory was read last; 0: never
        std::optional<Edge> edge{};       // ... and what that told
    };
    struct Seen { // a knot
        std::uint32_t looks = 0;    // in a row
        std::uint32_t still = 0;    // of these, in which nobody stirred
        std::uint64_t moved = 0;    // switches of its threads, summed up
        std::uint64_t round = 0;
    };
    using Rows = std::unordered_map<std::int32_t, const taskview::Row*>;

    void note_sleeps(const Look& look);
    std::vector<std::int32_t> suspects(const Look& look, const SubjectMap& subjects) const;
    void resolve(const Look& look, const Rows& rows, std::vector<std::int32_t> tids, WaitGraph& graph);
    // Nothing: there was no time for it.
    struct Answer {
        std::optional<Edge> edge{};
        bool no_lock = false, may_be_refused = false;
    };
    std::optional<Answer> ask(const taskview::Row& row, const Sleep& sleep, const Rows& rows);
    std::optional<Edge> edge_of(const taskview::Row& row, const Sleep& sleep, const Hold& hold,
                                const Rows& rows);
    void add_refused(const Rows& rows, const std::vector<std::int32_t>& resolved, WaitGraph& graph);
    void tell(const Look& look, const SubjectMap& subjects, const Rows& rows, const Knot& knot,
              std::vector<Finding>& found);
    std::string text_of(const Knot& knot, const Rows& rows, std::uint64_t since_ns,
                        std::uint64_t now_ns);

    Reader& reader_;
    std::unordered_map<std::int32_t, Sleep> sleeps_;
    std::map<std::string, Seen, std::less<>> seen_;
    std::set<std::int32_t> carried_; // threads that this look has not asked about
    std::map<std::pair<std::int32_t, std::uint64_t>, std::string> places_;
    std::uint64_t round_ = 0;
};

} // namespace leash::finder
