// SPDX-License-Identifier: MIT
#include "lineage/end_start.h"

#include <algorithm>
#include <memory>
#include <thread>

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lineage/cgroup_folder.h"
#include "lineage/process_table.h"
#include "lineage/session_rule.h"

namespace leash {
namespace {

constexpr Ms kLongestPause{50};
constexpr Ms kLongestChase{50};  // then the next full pass looks for pids that wrapped around
constexpr Ms kFreezeTime{20};
constexpr int kFreezeAfter = 3;  // rounds of a race against forks in the group
constexpr int kUrgentAfter = 5;  // rounds of a chase
constexpr int kUnsureRounds = 5; // how long a foreign execve may make us look again

// One job under way.
struct Work {
    EndJob job;
    EndResult result;
    std::string folder; // of the service's group; empty without cgroup v2
    bool polite = false;
    int rounds = 0;

    // Of this round:
    PidSet members;     // in the group and below, but for remains.*
    PidSet in_remains;  // in remains.ID of this start, or of any start if they are not covered
    bool others_live = false; // some remains.* group is populated
    PidSet left;        // to be killed
    PidSet spared;
    PidSet logins;      // sessions
    bool main_proven = false;
    bool one_by_one = false; // no cgroup.kill: forks run against us
    bool frozen = false;
    bool struck = false; // the chase found something

    PidSet signalled;
    bool ever_strays = false;
    bool move_failed = false;
    int clean_rounds = 0;
    bool finished = false;
};

bool may_be_signalled(pid_t pid) { return pid > 1 && pid != ::getpid(); }

void collect(const std::string& folder, PidSet& pids) {
    for (pid_t pid : group_processes(folder)) pids.insert(pid);
    for (const auto& name : subgroups(folder)) collect(fmt::format("{}/{}", folder, name), pids);
}

// Against what forks about as fast as we look: look without being interrupted.
void be_urgent(bool urgent) {
    sched_param priority{};
    priority.sched_priority = urgent ? 1 : 0;
    (void)::sched_setscheduler(0, urgent ? SCHED_FIFO : SCHED_OTHER, &priority);
}

// Somebody has put us there: no kill or freeze of the group as a whole.
bool holds_us(const Work& work) {
    return work.members.contains(::getpid()) || work.members.contains(1);
}

class Ender {
  public:
    Ender(std::vector<EndJob> jobs, CgroupTree* tree, Ms deadline,
          const std::function<void(const EndResult&)>& done)
        : tree_(tree), deadline_(deadline), done_(done) {
        for (auto& job : jobs) {
            Work work;
            work.result.service = job.service;
            work.result.start = job.start;
            work.polite = job.signal != SIGKILL;
            if (tree_) work.folder = tree_->path_of(job.service);
            work.job = std::move(job);
            works_.push_back(std::move(work));
        }
    }

    ~Ender() {
        if (hunts_ >= kUrgentAfter) be_urgent(false);
    }
    Ender(const Ender&) = delete;
    Ender& operator=(const Ender&) = delete;

    void run() {
        if (tree_) // otherwise nobody there could act on a polite signal
            for (auto& work : works_) thaw(work);
        Ms pause{1};
        while (!works_.empty()) {
            bool hunting = round();
            std::erase_if(works_, [](const Work& work) { return work.finished; });
            if (works_.empty()) return;
            if (monotonic_now() >= deadline_) return give_up();
            if (hunting) continue;
            std::this_thread::sleep_for(std::min(pause, deadline_ - monotonic_now()));
            pause = std::min(pause == Ms{2} ? Ms{5} : pause * 2, kLongestPause);
        }
    }

  private:
    bool round();
    void list(Work& work);
    void plan(Work& work);
    void strike(Work& work);
    void strike_politely(Work& work);
    void move_spared(Work& work);
    void chase();
    void judge(Work& work);
    void finish(Work& work);
    void give_up();

    void freeze(Work& work);
    static void thaw(Work& work);

    [[nodiscard]] bool tagged(const Work& work, const std::optional<Tag>& tag) const {
        return work.job.scope == EndScope::all && tag && tag->start == work.job.start &&
               tag->service == work.job.service;
    }
    [[nodiscard]] bool covers_group(const Work& work) const {
        return work.job.scope != EndScope::main || work.job.include_remains;
    }
    [[nodiscard]] bool spares_all(const Work& work) const {
        return work.job.leave && !work.job.include_remains;
    }
    [[nodiscard]] bool keeps_sessions(const Work& work) const {
        return work.job.keep_sessions && !work.job.include_remains;
    }
    [[nodiscard]] bool covers(const Work& work, const ProcFolder& folder, pid_t pid) const;
    bool signal(Work& work, const ProcessStat& known, int number);

    CgroupTree* tree_;
    Ms deadline_;
    const std::function<void(const EndResult&)>& done_;
    std::vector<Work> works_;
    ProcessTable table_;
    int hunts_ = 0;
    int unsure_rounds_ = 0;
};

// Is it, now, a process that the job covers? Asked once more when a pidfd holds it fast.
bool Ender::covers(const Work& work, const ProcFolder& folder, pid_t pid) const {
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
    if (ours && (covers_group(work) || pid == work.job.main_pid)) return true;
    // The tag proves the main process in every scope, anybody else in scope `all`.
    auto tag = read_tag(folder, *stat).tag;
    if (tagged(work, tag)) return true;
    return pid == work.job.main_pid && work.job.main_ticks == 0 && work.job.start != 0 && tag &&
           tag->start == work.job.start && tag->service == work.job.service;
}

// Signals the very process that `known` was read from, if it is still covered.
bool Ender::signal(Work& work, const ProcessStat& known, int number) {
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

void Ender::list(Work& work) {
    work.members.clear();
    work.in_remains.clear();
    work.others_live = false;
    if (work.folder.empty()) return;
    for (pid_t pid : group_processes(work.folder)) work.members.insert(pid);
    for (const auto& name : subgroups(work.folder)) {
        auto folder = work.folder + "/" + name;
        auto start = parse_remains_name(name);
        if (start == 0 || work.job.include_remains) {
            collect(folder, work.members);
            continue;
        }
        if (group_event(folder, "populated")) work.others_live = true;
        if (start == work.job.start) collect(folder, work.in_remains);
    }
}

void Ender::plan(Work& work) {
    work.left.clear();
    work.spared.clear();
    work.logins.clear();
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
            if (!tagged(work, entry.reading.tag) || !lives(pid) || work.members.contains(pid) ||
                work.in_remains.contains(pid))
                continue;
            // Born in remains.* since we listed it?
            auto place = tree_ ? tree_->place_of(pid) : std::nullopt;
            if (place && place->service == job.service && place->remains_of != 0) continue;
            covered.insert(pid);
            if (pid != job.main_pid) work.ever_strays = true;
        }

    pid_t main = work.main_proven ? job.main_pid : 0;
    if (spares_all(work)) {
        work.spared = covered;
    } else if (!covers_group(work)) {
        work.spared = covered;
        if (main != 0) work.spared.erase(main);
    } else if (keeps_sessions(work)) {
        auto answer =
            apply_session_rule({table_.kin(), covered, work.in_remains, main, job.own_tty});
        work.spared = std::move(answer.spared);
        work.logins = std::move(answer.sessions);
    }
    for (pid_t pid : covered)
        if (!work.spared.contains(pid)) work.left.insert(pid);
}

void Ender::strike_politely(Work& work) {
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

void Ender::strike(Work& work) {
    work.one_by_one = true;
    if (work.left.empty()) return;
    // cgroup.kill is atomic, forks included, but reaches everything below.
    bool whole = !work.folder.empty() && work.spared.empty() && !work.others_live &&
                 covers_group(work) && !holds_us(work);
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

// Until it is thawed, nothing in the group forks, while SIGKILL still works.
void Ender::freeze(Work& work) {
    if (work.frozen || !write_group_file(work.folder, "cgroup.freeze", "1")) return;
    work.frozen = true;
    auto end = std::min(deadline_, monotonic_now() + kFreezeTime);
    while (!group_event(work.folder, "frozen") && monotonic_now() < end)
        std::this_thread::sleep_for(Ms{1});
}

void Ender::thaw(Work& work) {
    work.frozen = false;
    // There may be no such group.
    [[maybe_unused]] auto thawed = write_group_file(work.folder, "cgroup.freeze", "0");
}

void Ender::move_spared(Work& work) {
    if (work.folder.empty() || work.move_failed) return;
    auto remains = work.folder + "/" + remains_name(work.job.start);
    for (pid_t pid : work.spared) {
        if (!work.members.contains(pid)) continue;
        if (::mkdir(remains.c_str(), 0755) != 0 && errno != EEXIST) {
            log::warning("{}: cannot make {}: {}", work.job.service, remains, std::strerror(errno));
            work.move_failed = true;
            return;
        }
        auto moved = write_group_file(remains, "cgroup.procs", std::to_string(pid));
        if (!moved && moved.error().code != ESRCH) {
            log::warning("{}: {}", work.job.service, moved.error().text);
            work.move_failed = true;
        }
    }
}

// Strays may be gone by the time that a scan is through, and have left a child.
void Ender::chase() {
    auto end = std::min(deadline_, monotonic_now() + kLongestChase);
    auto visit = [&](const ProcessEntry& entry) {
        for (auto& work : works_) {
            if (work.polite || spares_all(work) || !tagged(work, entry.reading.tag)) continue;
            pid_t parent = entry.stat.parent;
            if (keeps_sessions(work) &&
                (entry.stat.tty != 0 || work.logins.contains(entry.stat.session) ||
                 work.spared.contains(parent) || work.in_remains.contains(parent)))
                continue; // the next full pass decides
            if (signal(work, entry.stat, SIGKILL)) work.struck = work.ever_strays = true;
        }
    };
    table_.chase(visit, [&] { return monotonic_now() < end; });
}

void Ender::judge(Work& work) {
    // The list of a group is exact, while what it names may have forked and ended before the scan.
    bool clean = work.left.empty() && !work.struck && (work.members.empty() || work.move_failed);
    // What is exiting is no longer listed, but still counts as populating the group.
    if (clean && !work.folder.empty() && !work.others_live && work.in_remains.empty() &&
        work.spared.empty() && covers_group(work) && !spares_all(work))
        clean = !group_event(work.folder, "populated");
    if (clean && table_.unsure() && unsure_rounds_ < kUnsureRounds &&
        work.job.scope == EndScope::all)
        clean = false;
    work.clean_rounds = clean ? work.clean_rounds + 1 : 0;
    // A stray that forks just when the pids wrap around can hide from one pass, hardly from two.
    bool twice = (work.ever_strays || table_.churned()) && work.job.scope == EndScope::all &&
                 !spares_all(work);
    if (work.clean_rounds >= (twice ? 2 : 1)) {
        work.result.empty = true;
        finish(work);
    }
}

void Ender::finish(Work& work) {
    if (work.frozen) thaw(work);
    work.result.killed = static_cast<int>(work.signalled.size());
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
        list(work);
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
        move_spared(work);
        if (work.frozen) thaw(work);
        else if (work.one_by_one && !work.members.empty() && work.rounds >= kFreezeAfter &&
                 !holds_us(work))
            freeze(work); // for the next round
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

void end_starts(std::vector<EndJob> jobs, CgroupTree* tree, Ms deadline,
                const std::function<void(const EndResult&)>& done) {
    Ender ender(std::move(jobs), tree, deadline, done);
    ender.run();
}

} // namespace leash
