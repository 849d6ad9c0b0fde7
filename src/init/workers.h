// SPDX-License-Identifier: MIT
// Workers: short-lived forks of PID 1 that do, under a time limit, whatever could block. A worker
// sees a copy of everything PID 1 knows, and tells its result through a pipe.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace leash {

// How a worker ended, for whoever wants it exactly.
struct WorkerEnd {
    bool started = false;   // false: it never came to be
    bool timed_out = false; // and was killed
    int wait_status = 0;    // else: as of waitpid(2)
};

struct WorkerJob {
    std::string name; // for messages
    Ms limit{10'000};
    // Runs in the worker. Whatever it writes to the descriptor reaches `line` or `done`. Its return
    // value is the worker's exit status.
    std::function<int(int out)> work;
    // In PID 1, for each line as it comes; may be empty, then `done` gets the whole output.
    std::function<void(std::string_view line)> line;
    // In PID 1, once: status is the exit status, or -1 where the worker was killed or ran out of time.
    std::function<void(int status, std::string output)> done;
    // In its place, where it is set.
    std::function<void(const WorkerEnd& end)> ended{};
    std::vector<int> keep_fds; // descriptors of PID 1 that the worker needs
    bool own_group = false;    // a session of its own, so that its time limit ends its children, too
};

// For `work`: writes all of it, or returns false.
bool write_all(int out, std::string_view bytes);
bool tell(int out, std::string line);

class Workers {
  public:
    explicit Workers(EventLoop& loop);
    ~Workers();

    void run(WorkerJob job);
    // True if `pid` was a worker.
    bool child_exited(pid_t pid, int wait_status);
    [[nodiscard]] std::vector<pid_t> pids() const;

  private:
    struct Running;
    [[nodiscard]] bool has_room_for(const WorkerJob& job) const;
    void launch(WorkerJob job);
    void read_output(Running& worker);
    void finish_if_over(Running& worker);

    static constexpr std::size_t kMaxRunning = 16, kMaxCommands = 8; // of those with own_group
    static constexpr std::size_t kMaxOutput = 16 << 20;
    EventLoop& loop_;
    std::list<std::unique_ptr<Running>> running_;
    std::deque<WorkerJob> waiting_;
};

} // namespace leash
