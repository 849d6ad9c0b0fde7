// SPDX-License-Identifier: MIT
#include "init/ender.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <memory>

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

namespace leash {

// What one worker was given and has not answered yet.
struct Ender::Batch {
    std::map<StartId, EndJob> open;
};

Ender::Ender(Workers& workers, CgroupTree* tree, std::function<void(const EndResult&)> ended)
    : workers_(workers), tree_(tree), ended_(std::move(ended)) {}

void Ender::add(EndJob job) { waiting_.push_back(std::move(job)); }

void Ender::flush() {
    if (waiting_.empty()) return;
    auto jobs = std::exchange(waiting_, {});
    std::erase_if(jobs, [this](const EndJob& job) {
        if (!is_over(job)) return false;
        ended_(EndResult{job.service, job.start, 0, 0, true, {}});
        return true;
    });
    // What has come in meanwhile shares the worker.
    std::ranges::move(waiting_, std::back_inserter(jobs));
    waiting_.clear();
    if (batches_ >= kMaxBatches) waiting_ = std::move(jobs);
    else if (!jobs.empty()) launch(std::move(jobs));
}

// The usual end, of a service whose last process has exited by itself, needs no worker and no look at
// /proc: the module has followed all of it, and nothing lives in its cgroup either.
bool Ender::is_over(const EndJob& job) const {
    if (!kernel_ || !tree_ || job.signal != SIGKILL || job.start == 0) return false;
    auto left = kernel_->kill(job.start, 0, {.spared = true, .tagged = true});
    bool over = left && left->live == 0 && left->claimed == 0 && !left->incomplete;
    return over && !tree_->populated(job.service);
}

void Ender::launch(std::vector<EndJob> jobs) {
    auto batch = std::make_shared<Batch>();
    for (const auto& job : jobs)
        if (job.signal == SIGKILL) batch->open.emplace(job.start, job);
    ++batches_;
    WorkerJob work;
    work.name = "end";
    work.limit = kGiveUp + Ms{2'000};
    if (kernel_) work.keep_fds.push_back(kernel_->fd());
    work.work = [this, jobs = std::move(jobs)](int out) {
        end_starts(jobs, tree_, kernel_, monotonic_now() + kGiveUp,
                   [out](const EndResult& result) { tell(out, format_end_result(result)); });
        return 0;
    };
    work.line = [this, batch](std::string_view line) {
        auto result = parse_end_result(line);
        if (!result || batch->open.erase(result->start) == 0) return;
        attempts_.erase(result->start);
        ended_(*result);
    };
    work.done = [this, batch](int, std::string) {
        --batches_;
        // The worker died or hung: nothing is known about these. Another one looks again.
        for (auto& [start, job] : batch->open) {
            bool again = ++attempts_[start] < kMaxAttempts;
            log::warning("{}: the worker that ended start {} did not finish; {}", job.service,
                         format_start_id(start), again ? "trying again" : "giving up");
            if (again) {
                waiting_.push_back(std::move(job));
            } else {
                attempts_.erase(start);
                ended_(EndResult{job.service, start, 0, 0, false, {}});
            }
        }
    };
    workers_.run(std::move(work));
}

std::string format_end_result(const EndResult& result) {
    std::string line = fmt::format("{:x} {} {} {}", result.start, result.killed, result.remains,
                                   result.empty ? 1 : 0);
    for (pid_t pid : result.stuck) line += fmt::format(" {}", pid);
    return line;
}

std::optional<EndResult> parse_end_result(std::string_view line) {
    auto words = split(line, ' ', true);
    if (words.size() < 4) return std::nullopt;
    auto start = parse_start_id(words[0]);
    auto killed = parse_unsigned(words[1]), remains = parse_unsigned(words[2]),
         empty = parse_unsigned(words[3]);
    if (!start || !killed || !remains || !empty) return std::nullopt;
    EndResult result{"", *start, static_cast<int>(*killed), static_cast<int>(*remains), *empty == 1, {}};
    for (std::size_t i = 4; i < words.size(); ++i)
        if (auto pid = parse_unsigned(words[i])) result.stuck.push_back(static_cast<pid_t>(*pid));
    return result;
}

} // namespace leash
