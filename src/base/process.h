// SPDX-License-Identifier: MIT
// Other processes: pidfds, and what /proc tells. A pid is only a number that the kernel gives away
// again; a pidfd and an open ProcFolder stay with their process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

// CLOEXEC. Error ESRCH: no such process, or it has been reaped.
[[nodiscard]] Result<UniqueFd> open_pidfd(pid_t pid);
// Error ESRCH: it has ended.
Result<void> signal_pidfd(int pidfd, int signal);

// What is behind one of our own descriptors, by its name alone: no file system is asked, which could be
// slow to answer. `other`: a file, or none of these.
enum class DescriptorKind { other, socket, pipe, pidfd };
[[nodiscard]] DescriptorKind kind_of_descriptor(int fd);

// Which process a pidfd stands for that somebody else has opened. An error: it is none, or that process
// has been reaped, or is not of this PID namespace.
[[nodiscard]] Result<pid_t> pid_of_pidfd(int pidfd);
// The number that no other process has until the next boot; nothing where the kernel (before 6.9) has
// none.
[[nodiscard]] std::optional<std::uint64_t> pidfd_id(int pidfd);

// From /proc/PID/stat or /proc/PID/task/TID/stat.
struct ProcessStat {
    pid_t pid = 0; // the tid in a task's stat
    std::string comm;
    char state = '?'; // R S D T t Z X I ...
    pid_t parent = 0;
    pid_t group = 0;
    pid_t session = 0;
    int tty = 0; // device number of the controlling terminal, 0 = none
    bool kernel = false;
    int threads = 0;
    std::uint64_t cpu_ticks = 0;   // user and system time used so far
    std::uint64_t start_ticks = 0; // since boot
    // The memory is there and holds no environment at all. False also where it cannot be told: for
    // a zombie, in the middle of an execve, without permission.
    bool environment_is_empty = false;

    [[nodiscard]] bool dead() const { return state == 'Z' || state == 'X' || state == 'x'; }
};
[[nodiscard]] std::optional<ProcessStat> parse_stat(std::string_view line);

// /proc/PID or /proc/PID/task/TID, held open: whatever is read through one object belongs to one
// process; once that is reaped, reading gives nothing, even if its number is in use again.
class ProcFolder {
  public:
    static std::optional<ProcFolder> open(pid_t pid);
    static std::optional<ProcFolder> open(pid_t pid, pid_t tid);

    // At most `limit` bytes of a file in it; nothing if it cannot be read.
    [[nodiscard]] std::optional<std::string> read(const char* file, std::size_t limit) const;
    [[nodiscard]] std::optional<ProcessStat> stat() const;
    [[nodiscard]] std::vector<pid_t> tasks() const; // its threads; not for a task's folder
    [[nodiscard]] std::optional<ProcFolder> task(pid_t tid) const;
    [[nodiscard]] int fd() const { return folder_.get(); }

  private:
    explicit ProcFolder(UniqueFd folder) : folder_(std::move(folder)) {}
    UniqueFd folder_;
};

[[nodiscard]] std::optional<ProcessStat> read_stat(pid_t pid);

[[nodiscard]] std::uint32_t open_descriptors(pid_t pid); // 0 also where that cannot be seen

// A thread of the process that still runs: the process itself, or, where the main thread has ended
// before the others, one of those. 0: all are dead, there is only a zombie to reap.
[[nodiscard]] pid_t living_thread(const ProcFolder& folder, const ProcessStat& stat);

// Runs through the pids in /proc in ascending order. Processes that are born while it runs get
// higher pids and so come up as well (within a limit, against fork bombs), unless the numbers have
// just wrapped around.
class ProcessWalk {
  public:
    ProcessWalk();
    // The next ones; empty at the end.
    [[nodiscard]] std::vector<pid_t> next();
    // Starts again behind `pid`; 0: from the start.
    void restart(pid_t behind = 0);

  private:
    void seek(pid_t behind);

    UniqueFd proc_;
    pid_t behind_ = 0; // what is not above has been seen
    int extensions_ = 0;
    std::optional<std::int64_t> shift_; // position in the folder minus pid, learned on the way
    std::vector<char> buffer_;
};

} // namespace leash
