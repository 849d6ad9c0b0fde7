// SPDX-License-Identifier: MIT
// The detectors that ask how long a task has been as it is. Each is on where the service's file has its
// key, with a time (milliseconds in Subject::settings).
#pragma once

#include <set>
#include <unordered_map>

#include "finder/reader.h"
#include "finder/since.h"
#include "finder/subject_map.h"

namespace leash::finder {

// `stuck`: a thread sleeps uninterruptibly (state D), and has not run in between: the kernel, a disk or
// a file server is to blame, and a kill may have to wait for it. Says in which system call and where in
// the kernel. Without threads in the look, main threads are looked at.
class Stuck : public Detector {
  public:
    explicit Stuck(Reader* reader = nullptr) : reader_(reader) {} // null: without the place
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    Reader* reader_;
    Since<std::pair<std::int32_t, std::uint64_t>, std::uint64_t> since_;
};

// `stopped`: the main process, or every process of the service, is stopped by a signal (T) or by whoever
// traces it (t), also when a child or a thread of it goes on. One of many that is stopped is a shell's
// job, and left alone. Where a main thread is dead its process is stopped if all its others are.
class Stopped : public Detector {
  public:
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    Since<std::uint64_t, char> since_; // by start
};

// `no-task`: a service that is thought to run has no living task: nothing at all, or zombies that
// nobody reaps. A process whose main thread alone is dead lives.
class NoTask : public Detector {
  public:
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    Since<std::uint64_t, char> since_;
};

// `stray`: a task of the start sits outside its cgroup and that group's subgroups, for three looks (a
// process that is being moved is none). On where the service's file has `strays`; what is done with
// strays when the service is started again, init does by that key; this only tells of them.
class Stray : public Detector {
  public:
    // Is the group with the inode number `group` below `root`? Nothing: it cannot be told.
    using IsBelow = std::function<std::optional<bool>(std::uint64_t group, std::uint64_t root)>;
    explicit Stray(IsBelow is_below) : is_below_(std::move(is_below)) {}
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    IsBelow is_below_;
    Since<std::pair<std::int32_t, std::uint64_t>, std::uint64_t> since_;
    std::map<std::pair<std::int32_t, std::uint64_t>, int> looks_;
};

// By walking the tree of cgroup v2, at most once a look, when a group is asked for that is not known.
[[nodiscard]] Stray::IsBelow cgroup_tree();

// `livelock`: a thread uses its CPU all the time, in user mode, is never found in a system call, never
// waits, reads, writes or takes a new page. That is what a lost loop looks like; it is what pure
// computing looks like, too, so the time has to be longer than the service ever computes.
class Livelock : public Detector {
  public:
    void look(const Look& look, std::vector<Finding>& found) override;

  private:
    struct Spin {
        std::uint64_t since_ns = 0, last_ns = 0;
        leash_task at_first{}, last{};
        std::uint64_t round = 0;
        int stirs = 0; // looks in a row at which it did not have its CPU
    };
    std::map<std::pair<std::int32_t, std::uint64_t>, Spin> spins_;
    std::uint64_t round_ = 0;
};

} // namespace leash::finder
