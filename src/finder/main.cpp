// SPDX-License-Identifier: MIT
// leash-finder: looks at all tasks once in a while and tells its plugin in PID 1 what is wrong with
// whom. It ends when the plugin's end of the socket is closed.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "finder/reader.h"
#include "finder/sampler.h"
#include "finder/thread_detectors.h"
#include "wire.h"

namespace leash::finder {
namespace {

using leash_finder::kSocket;
using leash_finder::Order;
using leash_finder::Report;

constexpr std::size_t kMostSubjects = 2048, kMostFindings = 512;
constexpr std::int64_t kToldAnewLimit = 5'000; // ms

std::int64_t clock_of(clockid_t clock) { // ns
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::int64_t now_ms() { return clock_of(CLOCK_MONOTONIC) / 1'000'000; }

class Finder {
  public:
    Finder() : reader_(make_reader()) {
        detectors_ = thread_detectors(*reader_);
        detectors_.push_back(std::make_unique<Hogs>(sampler_));
    }

    int run() {
        auto due = now_ms() + interval_;
        while (true) {
            auto rest = std::clamp<std::int64_t>(due - now_ms(), 0, 60'000);
            pollfd wait{kSocket, POLLIN, 0};
            int ready = poll(&wait, 1, static_cast<int>(rest));
            if (ready > 0 && !read_orders()) return 0;
            if (now_ms() < due) continue;
            look();
            // After a stall there is no hurry to make up for what was missed.
            due = std::max(due + interval_, now_ms() + interval_ / 2);
        }
    }

  private:
    bool read_orders() {
        for (int i = 0; i < 256; ++i) {
            char bytes[sizeof(Order) + 1];
            auto got = recv(kSocket, bytes, sizeof bytes, MSG_DONTWAIT);
            if (got < 0) return errno == EAGAIN || errno == EINTR;
            if (got == 0) return false;
            Order order;
            if (leash_finder::read_order(bytes, static_cast<std::size_t>(got), order)) take(order);
        }
        return true;
    }

    void take(const Order& order) {
        auto place = std::ranges::find(subjects_, order.start, &Subject::start);
        switch (order.what) {
        case Order::watch: {
            if (place == subjects_.end()) {
                if (subjects_.size() == kMostSubjects) return;
                place = subjects_.insert(place, Subject{});
            }
            place->start = order.start;
            place->main_pid = order.main_pid;
            place->service = order.service;
            place->settings = parse_settings(order.settings);
            std::erase(doubted_, order.start);
            break;
        }
        case Order::drop:
            if (place != subjects_.end()) subjects_.erase(place);
            break;
        case Order::anew:
            doubted_.clear();
            for (const auto& subject : subjects_) doubted_.push_back(subject.start);
            doubt_ends_ = now_ms() + kToldAnewLimit;
            break;
        case Order::pace: interval_ = std::clamp<std::int64_t>(order.interval_ms, 100, 60'000); break;
        default: break;
        }
    }

    void look() {
        if (!doubted_.empty() && now_ms() >= doubt_ends_) {
            std::erase_if(subjects_, [&](const Subject& subject) {
                return std::ranges::find(doubted_, subject.start) != doubted_.end();
            });
            doubted_.clear();
        }
        auto used = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        auto began = clock_of(CLOCK_MONOTONIC);
        for (auto& subject : subjects_)
            if (subject.cgroup == 0) sampler_.find_group(subject);
        const auto& look = sampler_.look(subjects_, wants_threads(subjects_));
        std::vector<Finding> found;
        reader_->begin_look();
        for (const auto& detector : detectors_) {
            detector->look(look, found);
            Report alive; // each has its bounds, but all of them together may be slow
            alive.what = Report::alive;
            send(alive);
        }
        if (found.size() > kMostFindings) found.resize(kMostFindings);
        for (const auto& finding : found) tell(finding);

        Report done;
        done.what = Report::looked;
        done.tasks = static_cast<std::uint32_t>(look.processes->rows.size());
        done.subjects = static_cast<std::uint32_t>(subjects_.size());
        done.by_module = look.from_module ? 1 : 0;
        done.cost_ns = static_cast<std::uint64_t>(clock_of(CLOCK_PROCESS_CPUTIME_ID) - used);
        done.span_ns = before_ns_ == 0 ? 0 : static_cast<std::uint64_t>(began - before_ns_);
        before_ns_ = began;
        send(done);
    }

    void tell(const Finding& finding) {
        Report report;
        report.what = Report::found;
        report.start = finding.start;
        report.percent = std::clamp(finding.percent, 1, 1'000'000);
        std::strncpy(report.kind, finding.kind.c_str(), sizeof report.kind - 1);
        auto evidence = printable(finding.evidence);
        std::strncpy(report.evidence, evidence.c_str(), 400);
        for (std::size_t i = 0; i < finding.tids.size() && i < Report::kTids; ++i)
            report.tids[i] = finding.tids[i];
        send(report);
    }

    // PID 1 may be busy for a moment. What it does not take is told again at the next look.
    static void send(const Report& report) {
        for (int tries = 0; tries < 2; ++tries) {
            if (::send(kSocket, &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
            if (errno == EPIPE || errno == ECONNRESET) _exit(0);
            pollfd wait{kSocket, POLLOUT, 0};
            poll(&wait, 1, 500);
        }
    }

    Sampler sampler_;
    std::unique_ptr<Reader> reader_;
    std::vector<std::unique_ptr<Detector>> detectors_;
    std::vector<Subject> subjects_;
    std::vector<std::uint64_t> doubted_;
    std::int64_t interval_ = 1'000, doubt_ends_ = 0, before_ns_ = 0;
};

// A little less than others get, but always some: SCHED_BATCH and nice, not SCHED_IDLE, which a busy
// machine would starve just when it is needed.
void be_modest(const char* memory) {
    sched_param none{};
    sched_setscheduler(0, SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, 0, 5);
    if (auto bytes = parse_unsigned(memory); bytes && *bytes > 0) {
        rlimit limit{*bytes, *bytes};
        setrlimit(RLIMIT_DATA, &limit);
    }
}

} // namespace
} // namespace leash::finder

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    fcntl(leash_finder::kSocket, F_SETFD, FD_CLOEXEC);
    leash::finder::be_modest(argc > 1 ? argv[1] : "0");
    return leash::finder::Finder().run();
}
