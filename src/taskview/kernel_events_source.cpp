// SPDX-License-Identifier: MIT
#include "taskview/kernel_events_source.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include <poll.h>
#include <sys/signalfd.h>

#include "taskview/event_words.h"

namespace leash::taskview {
namespace {

constexpr Ms kCoalesce{20}; // nobody reads faster than that
constexpr std::uint32_t kQueue = 16384;
constexpr Ms kLook{1000};

class KernelEventSource : public EventSource {
  public:
    KernelEventSource(KernelEvents events, KernelLineage lineage, const EventOptions& options)
        : events_(std::move(events)), lineage_(std::move(lineage)), by_signal_(options.by_signal),
          output_(options.output) {
        sigemptyset(&ends_);
        sigaddset(&ends_, SIGINT);
        sigaddset(&ends_, SIGTERM);
        sigset_t blocked = ends_;
        if (by_signal_) sigaddset(&blocked, SIGRTMIN);
        sigprocmask(SIG_BLOCK, &blocked, nullptr);
        end_.reset(::signalfd(-1, &ends_, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    Result<void> watch(const Watch& watch) override {
        KernelEvents::What what;
        what.group = watch.service.empty() ? 0 : group_of(watch.service);
        what.pid = watch.pid;
        what.events = watch.events;
        what.attributed = watch.service.empty() && watch.pid == 0 && !watch.everywhere;
        what.queue = kQueue;
        what.coalesce = kCoalesce;
        what.signal = by_signal_ ? SIGRTMIN : 0;
        auto done = events_.watch(what);
        if (!done) return std::unexpected(done.error());
        return {};
    }

    Result<std::vector<leash_record>> next(Ms longest) override {
        return by_signal_ ? next_signal(longest) : next_records(longest);
    }

    // A write that waits for its reader would hear no signal. One that poll() lets through does not
    // wait: lines are shorter than what a pipe that is ready takes.
    bool takes_output() override {
        pollfd ready[] = {{output_, POLLOUT, 0}, {end_.get(), POLLIN, 0}};
        while (::poll(ready, 2, ended_ ? 0 : -1) < 0)
            if (errno != EINTR) return true; // the write will tell
        if (!ended_ && (ready[1].revents & POLLIN) != 0) {
            ended_ = true;
            return false;
        }
        return ready[0].revents != 0;
    }

    std::uint32_t untold_loss() override {
        if (!by_signal_) return 0; // records tell
        auto totals = events_.totals();
        looked_ = monotonic_now();
        if (!totals) return 0;
        auto lost = static_cast<std::uint32_t>(totals->signals_lost - lost_);
        lost_ = totals->signals_lost;
        return lost;
    }

    Result<std::vector<leash_start_info>> starts() override { return lineage_.starts(); }

    std::optional<leash_whois> whois(pid_t pid, std::uint64_t start_ns) override {
        return lineage_.whois(pid, start_ns);
    }

  private:
    // The signals are looked at before each read: events may come faster than they are shown.
    Result<std::vector<leash_record>> next_records(Ms longest) {
        while (true) {
            pollfd ready[] = {{events_.fd(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
            int count = ::poll(ready, 2, static_cast<int>(longest.count()));
            if (count < 0 && errno != EINTR) return fail_errno(errno, "poll");
            if (count < 0) continue;
            ended_ = ended_ || (ready[1].revents & POLLIN) != 0;
            if (ended_ || count == 0) return std::vector<leash_record>{};
            auto records = events_.read();
            if (!records) return std::unexpected(records.error());
            if (!records->empty()) return std::vector(records->begin(), records->end());
        }
    }

    // As kmonitor has it: the signal carries the event and the process, and nothing else. A signal
    // that was refused is told by nothing but a counter, which is looked at by the clock.
    Result<std::vector<leash_record>> next_signal(Ms longest) {
        sigset_t wanted = ends_;
        sigaddset(&wanted, SIGRTMIN);
        siginfo_t info{};
        auto began = monotonic_now();
        while (true) {
            if (monotonic_now() - looked_ >= kLook)
                if (auto lost = untold_loss(); lost != 0) return std::vector{loss_record(lost)};
            auto wait = longest < Ms{0} ? kLook : std::min(longest, kLook);
            timespec most{wait / 1s, (wait % 1s).count() * 1'000'000};
            if (::sigtimedwait(&wanted, &info, &most) >= 0) break;
            if (errno != EINTR && errno != EAGAIN) return fail_errno(errno, "sigtimedwait");
            if (longest >= Ms{0} && monotonic_now() - began >= longest)
                return std::vector<leash_record>{};
        }
        ended_ = ended_ || info.si_signo != SIGRTMIN;
        if (ended_) return std::vector<leash_record>{};
        leash_record record{};
        record.time_ns = record_clock();
        record.type = static_cast<std::uint32_t>(info.si_value.sival_int);
        record.tid = record.tgid = info.si_pid;
        return std::vector{record};
    }

    KernelEvents events_;
    KernelLineage lineage_;
    bool by_signal_;
    int output_;
    bool ended_ = false; // a signal has said so
    sigset_t ends_{};
    UniqueFd end_;
    Ms looked_{}; // at the counters
    std::uint64_t lost_ = 0;
};

} // namespace

std::unique_ptr<EventSource> kernel_event_source(KernelEvents events, KernelLineage lineage,
                                                 const EventOptions& options) {
    return std::make_unique<KernelEventSource>(std::move(events), std::move(lineage), options);
}

std::expected<std::unique_ptr<EventSource>, Refusal> open_kernel_events(
    const EventOptions& options) {
    auto events = KernelEvents::open();
    if (!events) return std::unexpected(refusal_of(events.error()));
    auto lineage = KernelLineage::open(KernelLineage::Role::observer);
    if (!lineage) return std::unexpected(refusal_of(lineage.error()));
    return kernel_event_source(std::move(*events), std::move(*lineage), options);
}

} // namespace leash::taskview
