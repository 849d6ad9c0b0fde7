// SPDX-License-Identifier: MIT
#include "init/workers.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child_process.h"
#include "base/log.h"

namespace leash {

struct Workers::Running {
    WorkerJob job;
    pid_t pid = 0;
    UniqueFd output_fd;
    std::unique_ptr<IoWatch> watch;
    std::unique_ptr<Timer> limit;
    std::string output;
    bool output_over = false;
    bool exited = false;
    bool timed_out = false;
    int wait_status = 0;
};

namespace {

void tell_of_end(WorkerJob& job, const WorkerEnd& end, std::string output) {
    if (job.ended) {
        job.ended(end);
        return;
    }
    bool good = end.started && !end.timed_out && WIFEXITED(end.wait_status);
    if (job.done) job.done(good ? WEXITSTATUS(end.wait_status) : -1, std::move(output));
}

[[noreturn]] void worker_main(WorkerJob& job, int out) {
    if (job.own_group) setsid();
    prctl(PR_SET_NAME, "leash-worker");
    reset_signals_to_default();
    signal(SIGPIPE, SIG_IGN);
    std::vector<int> keep = job.keep_fds;
    keep.push_back(out);
    close_descriptors_except(keep);
    // The sinks of PID 1 lead to descriptors that are closed now.
    log::set_sink([](log::Level, std::string_view) {});
    _exit(job.work(out));
}

} // namespace

bool write_all(int out, std::string_view bytes) {
    while (!bytes.empty()) {
        auto written = write(out, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool tell(int out, std::string line) { return write_all(out, line += '\n'); }

Workers::Workers(EventLoop& loop) : loop_(loop) {}
Workers::~Workers() = default;

void Workers::run(WorkerJob job) {
    if (has_room_for(job)) launch(std::move(job));
    else waiting_.push_back(std::move(job));
}

// Commands of policies may take as long as their file says; what init itself has to do must not wait
// for them.
bool Workers::has_room_for(const WorkerJob& job) const {
    if (running_.size() >= kMaxRunning) return false;
    auto is_command = [](const auto& each) { return each->job.own_group; };
    auto commands = std::ranges::count_if(running_, is_command);
    return !job.own_group || static_cast<std::size_t>(commands) < kMaxCommands;
}

void Workers::launch(WorkerJob job) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        log::error("worker {}: no pipe: {}", job.name, std::strerror(errno));
        tell_of_end(job, {}, "");
        return;
    }
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    pid_t pid = fork();
    if (pid == 0) worker_main(job, write_end.get());
    if (pid < 0) {
        log::error("worker {}: cannot fork: {}", job.name, std::strerror(errno));
        tell_of_end(job, {}, "");
        return;
    }
    fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
    auto worker = std::make_unique<Running>();
    worker->job = std::move(job);
    worker->pid = pid;
    worker->output_fd = std::move(read_end);
    auto* raw = worker.get();
    worker->watch = std::make_unique<IoWatch>(loop_, raw->output_fd.get(), UEV_READ,
                                              [this, raw](int) { read_output(*raw); });
    worker->limit = std::make_unique<Timer>(loop_, [this, raw] {
        raw->timed_out = true;
        log::warning("worker {} took longer than {} ms, giving up on it", raw->job.name,
                     raw->job.limit.count());
        kill(raw->pid, SIGKILL);
        if (raw->job.own_group) kill(-raw->pid, SIGKILL);
        // It may sit in an uninterruptible sleep: do not wait for its end.
        raw->output_over = true;
        raw->watch.reset();
        finish_if_over(*raw);
    });
    worker->limit->in(raw->job.limit);
    running_.push_back(std::move(worker));
}

void Workers::read_output(Running& worker) {
    char buffer[4096];
    // A bounded number of reads a round: a worker with much to say must not hold up the loop.
    for (int round = 0; round < 64; ++round) {
        auto got = read(worker.output_fd.get(), buffer, sizeof buffer);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (got <= 0) {
            worker.output_over = true;
            worker.watch.reset();
            break;
        }
        if (worker.output.size() < kMaxOutput)
            worker.output.append(buffer, static_cast<std::size_t>(got));
    }
    if (worker.job.line) {
        std::size_t end;
        while ((end = worker.output.find('\n')) != std::string::npos) {
            std::string line = worker.output.substr(0, end);
            worker.output.erase(0, end + 1);
            worker.job.line(line);
        }
    }
    // libuev stops a watch on hang-up, with data left to read: come back for it.
    if (!worker.output_over && worker.watch) worker.watch->set_events(UEV_READ);
    finish_if_over(worker);
}

bool Workers::child_exited(pid_t pid, int wait_status) {
    for (auto& worker : running_) {
        if (worker->pid != pid) continue;
        worker->exited = true;
        worker->wait_status = wait_status;
        finish_if_over(*worker);
        return true;
    }
    return false;
}

void Workers::finish_if_over(Running& worker) {
    bool over = worker.output_over && (worker.exited || worker.timed_out);
    if (!over) return;
    std::unique_ptr<Running> own;
    for (auto place = running_.begin(); place != running_.end(); ++place) {
        if (place->get() != &worker) continue;
        own = std::move(*place);
        running_.erase(place);
        break;
    }
    auto next = std::ranges::find_if(waiting_, [this](const auto& job) { return has_room_for(job); });
    if (next != waiting_.end()) {
        auto job = std::move(*next);
        waiting_.erase(next);
        launch(std::move(job));
    }
    tell_of_end(own->job, {true, own->timed_out, own->wait_status}, std::move(own->output));
}

std::vector<pid_t> Workers::pids() const {
    std::vector<pid_t> all;
    for (const auto& worker : running_) all.push_back(worker->pid);
    return all;
}

} // namespace leash
