// SPDX-License-Identifier: MIT
#include "finder/deadlock.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "finder/refused_lock.h"

namespace leash::finder {
namespace {

constexpr std::string_view kKind = "deadlock";
constexpr std::uint64_t kStirredFactor = 3;
constexpr std::uint32_t kLooksStill = 2, kLooksStirred = 10;
// What is no lock, or cannot be read, is looked at again.
constexpr std::uint64_t kAgainNs = 30'000'000'000;
constexpr std::uint64_t kStirredAgainNs = 5'000'000'000; // ... where the thread has been woken
constexpr std::uint64_t kLookTakesNs = 1'000'000'000; // a thread seen in it may be younger than it
constexpr std::uint64_t kLeastPage = 4096;
constexpr std::size_t kMostReads = 512;            // suspects a look
constexpr std::size_t kMostHops = 64;              // to owners' owners
constexpr std::size_t kMostText = 400;

std::uint64_t switches(const leash_task& task) { return task.nvcsw + task.nivcsw; }

} // namespace

void Deadlock::note_sleeps(const Look& look) {
    for (const auto& row : look.threads->rows) {
        auto wait = futex_wait_of(row.task);
        if (!wait) continue;
        auto [entry, is_new] = sleeps_.try_emplace(row.task.tid);
        auto& sleep = entry->second;
        if (is_new || sleep.start_ns != row.task.start_ns || !(sleep.wait == *wait))
            sleep = {.start_ns = row.task.start_ns, .wait = *wait, .switches = switches(row.task),
                     .here_ns = look.now_ns, .still_ns = look.now_ns};
        if (sleep.switches != switches(row.task)) {
            sleep.switches = switches(row.task);
            sleep.still_ns = look.now_ns;
            sleep.quiet_until_ns = std::min(sleep.quiet_until_ns, look.now_ns + kStirredAgainNs);
        }
        ++sleep.looks;
        sleep.round = round_;
    }
    std::erase_if(sleeps_, [&](const auto& entry) { return entry.second.round != round_; });
}

std::vector<std::int32_t> Deadlock::suspects(const Look& look, const SubjectMap& subjects) const {
    std::vector<std::int32_t> tids;
    for (const auto& row : look.threads->rows) {
        auto found = sleeps_.find(row.task.tid);
        if (found == sleeps_.end()) continue;
        const auto* subject = subjects.of(row);
        auto limit = subject != nullptr ? time_setting(*subject, kKind) : std::nullopt;
        if (!limit) continue;
        const auto& sleep = found->second;
        if (look.now_ns < sleep.quiet_until_ns) continue;
        bool still = look.now_ns - sleep.still_ns >= *limit;
        bool here = look.now_ns - sleep.here_ns >= kStirredFactor * *limit &&
                    sleep.looks >= kLooksStirred;
        if (still || here) tids.push_back(row.task.tid);
    }
    // Those whose turn it is, and of these those that have slept the longest first.
    std::ranges::sort(tids, {}, [&](auto tid) {
        const auto& sleep = sleeps_.at(tid);
        return std::tuple(sleep.asked, sleep.here_ns, tid);
    });
    return tids;
}

std::optional<Edge> Deadlock::edge_of(const taskview::Row& row, const Sleep& sleep, const Hold& hold,
                                      const Rows& rows) {
    auto pid = row.task.tgid;
    // A number within the process' own pid namespace, which mostly is ours.
    auto owner = reader_.thread_here(pid, hold.owner);
    if (!owner) return std::nullopt;
    Edge edge{.waiter = row.task.tid, .owner = *owner != 0 ? *owner : hold.owner, .hold = hold};
    auto gone = [&](bool elsewhere = false) -> std::optional<Edge> {
        if (hold.join) return std::nullopt; // the word is about to be cleared
        edge.owner_gone = true;
        edge.elsewhere = elsewhere;
        return edge;
    };
    if (*owner == 0) return gone();
    auto found = rows.find(*owner);
    if (found != rows.end() && found->second->task.tgid == pid) {
        const auto& task = found->second->task;
        if (task.state == 'Z' || task.state == 'X') return gone();
        // The number may have been given anew: who began later than the wait does not hold the
        // lock.
        return task.start_ns > sleep.here_ns + kLookTakesNs ? gone() : edge;
    }
    if (hold.join) return std::nullopt;
    if (hold.shared || sleep.wait.shared)
        return found != rows.end() ? std::optional(edge) : std::nullopt;
    // A lock within one process that a stranger holds: the process was forked from that of the
    // stranger, while he held it, or (vfork) they have their memory in common.
    auto same = reader_.same_memory(pid, *owner);
    if (!same) return std::nullopt;
    if (!*same) return gone(true);
    return found != rows.end() ? std::optional(edge) : std::nullopt;
}

std::optional<Deadlock::Answer> Deadlock::ask(const taskview::Row& row, const Sleep& sleep,
                                              const Rows& rows) {
    if (reader_.out_of_time()) return std::nullopt;
    auto pid = row.task.tgid;
    // What lies before the page of the word may not be there: a lock can begin with it.
    auto before = std::min<std::uint32_t>(kBytesBefore, sleep.wait.address % kLeastPage);
    const Piece pieces[] = {{pid, sleep.wait.address, kBytesAt},
                            {pid, sleep.wait.address - before, before}};
    auto texts = reader_.read(pieces);
    Surroundings memory{.before = texts[1], .at = texts[0]};
    if (memory.before.size() < before) memory.before = {};
    if (reader_.out_of_time() && (memory.at.empty() || (before > 0 && memory.before.empty())))
        return std::nullopt;
    auto hold = hold_of(sleep.wait, memory);
    Answer answer{.no_lock = !hold};
    if (hold) answer.edge = edge_of(row, sleep, *hold, rows);
    if (answer.edge) return answer;
    if (hold && reader_.out_of_time()) return std::nullopt;
    answer.may_be_refused = may_be_refused(sleep.wait, memory);
    return answer;
}

void Deadlock::resolve(const Look& look, const Rows& rows, std::vector<std::int32_t> tids,
                       WaitGraph& graph) {
    std::set<std::int32_t> known;
    std::vector<std::int32_t> ends; // owners' sleeps that are no locks
    std::size_t reads = 0;
    carried_.clear();
    for (auto first : tids) {
        // Along the chain, so that a circle is read as a whole in one look.
        auto tid = first;
        for (std::size_t hop = 0; hop < kMostHops && known.insert(tid).second; ++hop) {
            auto& sleep = sleeps_.at(tid);
            auto answer = ++reads <= kMostReads ? ask(*rows.at(tid), sleep, rows) : std::nullopt;
            if (answer) {
                sleep.asked = round_;
                sleep.edge = answer->edge;
                sleep.quiet_until_ns = answer->no_lock ? look.now_ns + kAgainNs : 0;
                if (answer->may_be_refused) ends.push_back(tid);
            } else {
                carried_.insert(tid);
            }
            if (!sleep.edge) break;
            graph.add(*sleep.edge);
            tid = sleep.edge->owner;
            if (sleep.edge->owner_gone || !sleeps_.contains(tid)) break;
        }
    }
    add_refused(rows, ends, graph);
}

// An owner of a PI lock that sleeps where glibc puts those that the kernel has refused: it closes
// the circle if the lock that it wanted is held by one who waits for it.
void Deadlock::add_refused(const Rows& rows, const std::vector<std::int32_t>& ends,
                           WaitGraph& graph) {
    auto waits_for = [&](const Edge* step, std::int32_t tid) { // through PI locks alone
        for (std::size_t hop = 0; hop < kMostHops && step != nullptr; ++hop) {
            if (!step->hold.what.contains("PI ")) return false;
            if (step->owner == tid) return true;
            step = graph.of(step->owner);
        }
        return false;
    };
    for (auto tid : ends) {
        const auto* waiter = graph.first_waiting_for(tid);
        if (waiter == nullptr || !waits_for(waiter, tid)) continue;
        const auto& row = *rows.at(tid);
        auto& sleep = sleeps_.at(tid);
        Edge closing{.waiter = tid, .owner = waiter->waiter, .owner_gone = true, .refused = true,
                     .hold = waiter->hold};
        for (const auto& hold : refused_locks(reader_, row.task.tgid, tid, sleep.wait)) {
            auto edge = edge_of(row, sleep, hold, rows);
            if (!edge || edge->owner_gone || !waits_for(graph.of(edge->owner), tid)) continue;
            closing = *edge;
            break;
        }
        sleep.edge = closing;
        graph.add(closing);
    }
}

std::string Deadlock::text_of(const Knot& knot, const Rows& rows, std::uint64_t since_ns,
                              std::uint64_t now_ns) {
    std::set<std::int32_t> processes;
    for (const auto& edge : knot.edges) processes.insert(rows.at(edge.waiter)->task.tgid);
    auto name = [&](std::int32_t tid) {
        auto found = rows.find(tid);
        if (found == rows.end()) return fmt::format("{}", tid);
        const auto& task = found->second->task;
        if (processes.size() < 2) return fmt::format("{} ({})", tid, task.comm);
        return fmt::format("{} ({}) of process {}", tid, task.comm, task.tgid);
    };
    auto what = [&](const Edge& edge) {
        auto text = fmt::format("{} 0x{:x}", edge.hold.what, edge.hold.address);
        auto pid = rows.at(edge.waiter)->task.tgid;
        auto [place, is_new] = places_.try_emplace({pid, edge.hold.address});
        if (is_new || place->second.empty()) place->second = reader_.place(pid, edge.hold.address);
        return place->second.empty() ? text : fmt::format("{} ({})", text, place->second);
    };
    std::string tail = fmt::format("; for {}", duration_text(now_ns - since_ns));
    const auto& first = knot.edges.front();
    auto behind = knot.behind - (first.refused ? 1 : 0); // one of them is named
    if (behind != 0)
        tail = fmt::format("; {} more wait{} behind {}", behind, behind == 1 ? "s" : "",
                           knot.circle() ? "them" : "it") + tail;
    std::string text = fmt::format("thread {} ", name(first.waiter));
    if (first.refused)
        return text + fmt::format("holds {}, which {} waits for, and sleeps for ever: the kernel has "
                                  "refused it another PI mutex, for that would have closed a circle",
                                  what(first), name(first.owner)) + tail;
    if (!knot.circle()) {
        text += fmt::format("waits for {} held by {}, which {}", what(first), first.owner,
                            first.elsewhere ? "is of the process that this one was forked from"
                                            : "has ended");
        return text + tail;
    }
    if (knot.edges.size() == 1)
        return text + fmt::format("waits for {}, which it holds itself", what(first)) + tail;
    for (std::size_t i = 0; i < knot.edges.size(); ++i) {
        const auto& edge = knot.edges[i];
        auto part = edge.hold.join
            ? fmt::format("waits for the end of thread {}", name(edge.owner))
            : fmt::format("waits for {} held by {}", what(edge), name(edge.owner));
        if (i > 0) part = ", which " + part;
        auto rest = knot.edges.size() - i;
        auto cut = fmt::format(", and so on over {} more", rest);
        if (text.size() + part.size() + tail.size() + (rest > 1 ? cut.size() : 0) > kMostText) {
            text += cut;
            break;
        }
        text += part;
    }
    return text + tail;
}

void Deadlock::tell(const Look& look, const SubjectMap& subjects, const Rows& rows,
                    const Knot& knot, std::vector<Finding>& found) {
    std::uint64_t still_ns = 0, here_ns = 0, moved = 0;
    std::map<std::uint64_t, std::uint64_t> limits; // of the starts that take part
    for (const auto& edge : knot.edges) {
        const auto& row = *rows.at(edge.waiter);
        const auto& sleep = sleeps_.at(edge.waiter);
        still_ns = std::max(still_ns, sleep.still_ns);
        here_ns = std::max(here_ns, sleep.here_ns);
        moved += sleep.switches;
        const auto* subject = subjects.of(row);
        auto limit = subject != nullptr ? time_setting(*subject, kKind) : std::nullopt;
        if (limit) limits[subject->start] = *limit;
    }
    bool carried = std::ranges::any_of(knot.edges, [&](const Edge& edge) {
        return carried_.contains(edge.waiter);
    });
    // What was not looked at again is neither new nor over.
    if (carried && !seen_.contains(knot.key())) return;
    auto& seen = seen_[knot.key()];
    if (!carried) {
        seen.still = seen.looks > 0 && seen.moved == moved ? seen.still + 1 : 1;
        seen.moved = moved;
        ++seen.looks;
    }
    seen.round = round_;
    for (const auto& [start, limit] : limits) {
        bool still = seen.still >= kLooksStill && look.now_ns - still_ns >= limit;
        bool stirred = seen.looks >= kLooksStirred &&
                       look.now_ns - here_ns >= kStirredFactor * limit;
        if (!still && !stirred) continue;
        found.push_back({.start = start, .kind = std::string(kKind),
                         .evidence = text_of(knot, rows, still ? still_ns : here_ns, look.now_ns),
                         .tids = knot.tids()});
    }
}

void Deadlock::look(const Look& look, std::vector<Finding>& found) {
    if (look.threads == nullptr) return;
    ++round_;
    note_sleeps(look);
    SubjectMap subjects(look.subjects);
    auto tids = suspects(look, subjects);
    if (!tids.empty()) {
        Rows rows;
        for (const auto& row : look.threads->rows) rows.emplace(row.task.tid, &row);
        WaitGraph graph;
        resolve(look, rows, std::move(tids), graph);
        for (const auto& knot : graph.knots()) tell(look, subjects, rows, knot, found);
    }
    std::erase_if(seen_, [&](const auto& entry) { return entry.second.round != round_; });
    if (seen_.empty()) places_.clear();
}

} // namespace leash::finder
