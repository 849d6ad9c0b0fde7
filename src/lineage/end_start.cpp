// SPDX-License-Identifier: MIT
#include "lineage/end_start.h"

#include <algorithm>
#include <thread>

#include <sched.h>

#include "lineage/cgroup_folder.h"
#include "lineage/end_work.h"
#include "lineage/process_table.h"

namespace leash {
namespace {

constexpr Ms kLongestPause{50};
constexpr Ms kLongestChase{50};  // then the next full pass looks for pids that wrapped around
constexpr int kFreezeAfter = 3;  // rounds of a race against forks in the group
constexpr int kUrgentAfter = 5;  // rounds of a chase
constexpr int kUnsureRounds = 5; // how long a foreign execve may make us look again

// Against what forks about as fast as we look: look without being interrupted.
void be_urgent(bool urgent) {
    sched_param priority{};
    priority.sched_priority = urgent ? 1 : 0;
    (void)::sched_setscheduler(0, urgent ? SCHED_FIFO : SCHED_OTHER, &priority);
}

class Ender {
  public:
    Ender(std::vector<EndJob> jobs, CgroupTree* tree, KernelLineage* kernel, Ms deadline,
          const std::function<void(const EndResult&)>& done)
        : tree_(tree), deadline_(deadline), done_(done),
          // Whose descent is proven, ours or elsewhere, is judged without a look at its memory.
          table_([kernel](pid_t pid) { return !is_proven(kernel, pid); }) {
        for (auto& job : jobs) works_.emplace_back(std::move(job), tree, kernel);
    }

    ~Ender() {
        if (hunts_ >= kUrgentAfter) be_urgent(false);
    }
    Ender(const Ender&) = delete;
    Ender& operator=(const Ender&) = delete;

    void run() {
        if (tree_) // otherwise nobody there could act on a polite signal
            for (auto& work : works_) work.thaw();
        Ms pause{1};
        while (!works_.empty()) {
            bool hunting = round();
            std::erase_if(works_, [](const EndWork& work) { return work.finished; });
            if (works_.empty()) return;
            if (monotonic_now() >= deadline_) return give_up();
            if (hunting) continue;
            std::this_thread::sleep_for(std::min(pause, deadline_ - monotonic_now()));
            pause = std::min(pause == Ms{2} ? Ms{5} : pause * 2, kLongestPause);
        }
    }

  private:
    bool round();
    void plan(EndWork& work);
    void strike(EndWork& work);
    void strike_politely(EndWork& work);
    void chase();
    void judge(EndWork& work);
    void finish(EndWork& work);
    void give_up();

    [[nodiscard]] bool covers(const EndWork& work, const ProcFolder& folder, pid_t pid) const;
    bool signal(EndWork& work, const ProcessStat& known, int number);

    CgroupTree* tree_;
    Ms deadline_;
    const std::function<void(const EndResult&)>& done_;
    std::vector<EndWork> works_;
    ProcessTable table_;
    int hunts_ = 0;
    int unsure_rounds_ = 0;
};

// Is it, now, a process that the job covers? Asked once more when a pidfd holds it fast.
bool Ender::covers(const EndWork& work, const ProcFolder& folder, pid_t pid) const {
    auto stat = folder.stat();
    if (!stat || stat->kernel) return false;
    if (pid == work.job.main_pid && work.job.main_ticks != 0 &&
        stat->start_ticks == work.job.main_ticks)
        return true;
    std::optional<CgroupPlace> place;
    if (tree_)
        if (auto text = folder.read("cgroup", kCgroupTextLimit)) place = tree_->place_in(*text);
    bool ours = place && place->service == work.job.service;
    if (ours && place->remains_of != 0) return work.job.include_remains;
    if (ours && (work.covers_group() || pid == work.job.main_pid)) return true;
    switch (work.lineage.judge(pid)) {
    case StartLineage::Verdict::ours:
        if (work.job.scope == EndScope::all) return true;
        break;
    case StartLineage::Verdict::spared: return work.job.include_remains;
    case StartLineage::Verdict::elsewhere: return false; // whatever its tag says
    case StartLineage::Verdict::unknown: break;
    }
    // The tag proves the main process in every scope, anybody else in scope `all`.
    auto tag = read_tag(folder, *stat).tag;
    if (work.tagged(tag)) return true;
    return pid == work.job.main_pid && work.job.main_ticks == 0 && work.job.start != 0 && tag &&
           tag->start == work.job.start && tag->service == work.job.service;
}

// Signals the very process that `known` was read from, if it is still covered.
bool Ender::signal(EndWork& work, const ProcessStat& known, int number) {
    if (!may_be_signalled(known.pid)) return false;
    auto pidfd = open_pidfd(known.pid);
    if (!pidfd) return false;
    auto folder = ProcFolder::open(known.pid);
    auto stat = folder ? folder->stat() : std::nullopt;
    if (!stat || stat->start_ticks != known.start_ticks || !covers(work, *folder, known.pid))
        return false;
    if (!signal_pidfd(pidfd->get(), number)) return false;
    work.signalled.insert(known.pid);
    return true;
}

void Ender::plan(EndWork& work) {
    work.left.clear();
    work.spared.clear();
    work.logins.clear();
    work.bridges.clear();
    work.struck = false;
    const auto& job = work.job;
    auto lives = [&](pid_t pid) { return may_be_signalled(pid) && table_.find(pid) != nullptr; };

    PidSet covered;
    for (pid_t pid : work.members)
        if (lives(pid)) covered.insert(pid);
    work.main_proven = false;
    if (job.main_pid != 0 && lives(job.main_pid)) {
        auto folder = ProcFolder::open(job.main_pid);
        work.main_proven = folder && covers(work, *folder, job.main_pid);
        if (work.main_proven) covered.insert(job.main_pid);
    }
    if (job.scope == EndScope::all)
        for (const auto& [pid, entry] : table_.all()) {
            bool descends = work.lineage.members().contains(pid);
            if (!descends && !work.tagged(entry.reading.tag)) continue;
            if (!lives(pid) || work.members.contains(pid) || work.in_remains.contains(pid)) continue;
            if (!descends && work.lineage.judge(pid) != StartLineage::Verdict::unknown) continue;
            // Born in remains.* since we listed it?
            auto place = tree_ ? tree_->place_of(pid) : std::nullopt;
            if (place && place->service == job.service && place->remains_of != 0) continue;
            covered.insert(pid);
            if (pid != job.main_pid) work.ever_strays = true;
        }

    pid_t main = work.main_proven ? job.main_pid : 0;
    if (work.spares_all()) {
        work.spared = covered;
    } else if (!work.covers_group()) {
        work.spared = covered;
        if (main != 0) work.spared.erase(main);
    } else if (work.keeps_sessions()) {
        auto answer =
            apply_session_rule({table_.kin(), covered, work.in_remains, main, job.own_tty});
        work.spared = std::move(answer.spared);
        work.logins = std::move(answer.sessions);
        work.bridges = std::move(answer.bridges);
    } else if (!job.include_remains) {
        // What an earlier look spared stays so.
        for (pid_t pid : work.lineage.marked())
            if (covered.contains(pid)) work.spared.insert(pid);
    }
    for (pid_t pid : covered)
        if (!work.spared.contains(pid)) work.left.insert(pid);
}

void Ender::strike_politely(EndWork& work) {
    bool resume = work.job.signal != SIGSTOP && work.job.signal != SIGTSTP &&
                  work.job.signal != SIGTTIN && work.job.signal != SIGTTOU &&
                  work.job.signal != SIGCONT;
    std::vector<pid_t> order(work.left.begin(), work.left.end());
    std::ranges::sort(order);
    if (work.main_proven && work.left.contains(work.job.main_pid)) {
        std::erase(order, work.job.main_pid);
        order.insert(order.begin(), work.job.main_pid);
    }
    for (pid_t pid : order)
        if (const auto* entry = table_.find(pid))
            if (signal(work, entry->stat, work.job.signal) && resume)
                signal(work, entry->stat, SIGCONT); // what is stopped could not act on it
}

void Ender::strike(EndWork& work) {
    work.one_by_one = true;
    work.lineage.spare(work.spared, work.keeps_sessions() ? work.bridges : work.spared);
    if (work.job.scope == EndScope::all && !work.spares_all())
        work.lineage.kill(work.job.include_remains);
    if (work.left.empty()) return;
    // cgroup.kill is atomic, forks included, but reaches everything below.
    bool whole = !work.folder.empty() && work.spared.empty() && !work.others_live &&
                 work.covers_group() && !work.holds_us();
    bool killed = whole && write_group_file(work.folder, "cgroup.kill", "1").has_value();
    for (pid_t pid : work.left) {
        const auto* entry = table_.find(pid);
        if (!entry) continue;
        if (killed && work.members.contains(pid)) work.signalled.insert(pid);
        // cgroup.kill signals the main threads and so misses a process whose main thread has ended
        // before the others (Linux 6.18).
        if (!killed || !work.members.contains(pid) || entry->stat.dead() || work.rounds > 1)
            signal(work, entry->stat, SIGKILL);
    }
    work.one_by_one = !killed;
}

// Strays may be gone by the time that a scan is through, and have left a child.
void Ender::chase() {
    auto end = std::min(deadline_, monotonic_now() + kLongestChase);
    auto visit = [&](const ProcessEntry& entry) {
        for (auto& work : works_) {
            if (work.polite || work.spares_all() || !work.tagged(entry.reading.tag)) continue;
            pid_t parent = entry.stat.parent;
            if (work.keeps_sessions() &&
                (entry.stat.tty != 0 || work.logins.contains(entry.stat.session) ||
                 work.spared.contains(parent) || work.in_remains.contains(parent)))
                continue; // the next full pass decides
            if (signal(work, entry.stat, SIGKILL)) work.struck = work.ever_strays = true;
        }
    };
    table_.chase(visit, [&] { return monotonic_now() < end; });
}

void Ender::judge(EndWork& work) {
    // The list of a group is exact, while what it names may have forked and ended before the scan.
    bool clean = work.left.empty() && !work.struck && (work.members.empty() || work.move_failed);
    // What is exiting is no longer listed, but still counts as populating the group.
    if (clean && !work.folder.empty() && !work.others_live && work.in_remains.empty() &&
        work.spared.empty() && work.covers_group() && !work.spares_all())
        clean = !group_event(work.folder, "populated");
    if (clean && table_.unsure() && unsure_rounds_ < kUnsureRounds &&
        work.job.scope == EndScope::all)
        clean = false;
    if (clean && work.job.scope == EndScope::all)
        clean = work.lineage.over(work.job.include_remains);
    work.clean_rounds = clean ? work.clean_rounds + 1 : 0;
    // A stray that forks just when the pids wrap around can hide from one pass, hardly from two.
    bool twice = (work.ever_strays || table_.churned()) && work.job.scope == EndScope::all &&
                 !work.spares_all() && !work.lineage.complete();
    if (work.clean_rounds >= (twice ? 2 : 1)) {
        work.result.empty = true;
        finish(work);
    }
}

void Ender::finish(EndWork& work) {
    if (work.frozen) work.thaw();
    work.result.killed = std::max(static_cast<int>(work.signalled.size()), work.lineage.killed());
    work.spared.insert(work.in_remains.begin(), work.in_remains.end());
    work.result.remains = static_cast<int>(work.spared.size());
    if (!work.folder.empty() && !work.polite)
        for (const auto& name : subgroups(work.folder)) {
            if (parse_remains_name(name) == 0) continue;
            // Only what is empty can be.
            [[maybe_unused]] auto removed = remove_group(fmt::format("{}/{}", work.folder, name));
        }
    work.finished = true;
    done_(work.result);
}

void Ender::give_up() {
    for (auto& work : works_) {
        work.result.empty = false;
        work.result.stuck.assign(work.left.begin(), work.left.end());
        std::ranges::sort(work.result.stuck);
        finish(work);
    }
}

// True: a hunt is on, go on at once.
bool Ender::round() {
    bool with_tags = false;
    for (auto& work : works_) {
        // First of all: any process whose memory cannot be read now, of whatever service, may hold
        // up the scan for good.
        if (work.kills_all()) work.lineage.kill(work.job.include_remains);
        work.list();
        with_tags = with_tags || work.job.scope == EndScope::all;
    }
    table_.scan(with_tags);
    if (table_.unsure()) ++unsure_rounds_;
    bool strays = false;
    for (auto& work : works_) {
        ++work.rounds;
        plan(work);
        if (work.polite) {
            strike_politely(work);
            work.result.empty = work.left.empty();
            finish(work);
            continue;
        }
        strike(work);
        work.move_spared();
        if (work.frozen) work.thaw();
        else if (work.one_by_one && !work.members.empty() && work.rounds >= kFreezeAfter &&
                 !work.holds_us())
            work.freeze(deadline_); // for the next round
        strays = strays || work.ever_strays;
    }
    if (strays && with_tags) chase();
    bool hunting = false;
    for (const auto& work : works_) hunting = hunting || work.struck || work.frozen;
    if (hunting && ++hunts_ == kUrgentAfter) be_urgent(true);
    for (auto& work : works_)
        if (!work.finished) judge(work);
    return hunting;
}

} // namespace

void end_starts(std::vector<EndJob> jobs, CgroupTree* tree, KernelLineage* kernel, Ms deadline,
                const std::function<void(const EndResult&)>& done) {
    Ender ender(std::move(jobs), tree, kernel, deadline, done);
    ender.run();
}

} // namespace leash
