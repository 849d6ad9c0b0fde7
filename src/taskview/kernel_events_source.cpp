// SPDX-License-Identifier: MIT
#include <cerrno>
#include <csignal>
#include <ctime>
#include <optional>

#include <poll.h>
#include <sys/signalfd.h>

#include "lineage/kernel_events.h"
#include "taskview/event_view.h"

namespace leash::taskview {
namespace {

constexpr Ms kCoalesce{20}; // nobody reads faster than that
constexpr std::uint32_t kQueue = 16384;

class KernelEventSource : public EventSource {
  public:
    KernelEventSource(KernelEvents events, KernelLineage lineage, bool by_signal)
        : events_(std::move(events)), lineage_(std::move(lineage)), by_signal_(by_signal) {
        sigemptyset(&ends_);
        sigaddset(&ends_, SIGINT);
        sigaddset(&ends_, SIGTERM);
        sigset_t blocked = ends_;
        if (by_signal) sigaddset(&blocked, SIGRTMIN);
        sigprocmask(SIG_BLOCK, &blocked, nullptr);
        if (!by_signal) end_.reset(::signalfd(-1, &ends_, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    Result<void> watch(const Watch& watch) override {
        KernelEvents::What what;
        what.group = watch.service.empty() ? 0 : group_of(watch.service);
        what.pid = watch.pid;
        what.events = watch.events;
        what.attributed = watch.service.empty() && watch.pid == 0;
        what.queue = kQueue;
        what.coalesce = kCoalesce;
        what.signal = by_signal_ ? SIGRTMIN : 0;
        auto done = events_.watch(what);
        if (!done) return std::unexpected(done.error());
        return {};
    }

    Result<std::vector<leash_record>> next() override {
        return by_signal_ ? next_signal() : next_records();
    }

    Result<std::vector<leash_start_info>> starts() override { return lineage_.starts(); }

  private:
    Result<std::vector<leash_record>> next_records() {
        while (true) {
            auto records = events_.read();
            if (!records) return std::unexpected(records.error());
            if (!records->empty()) return std::vector(records->begin(), records->end());
            pollfd ready[] = {{events_.fd(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
            if (::poll(ready, 2, -1) < 0 && errno != EINTR) return fail_errno(errno, "poll");
            if ((ready[1].revents & POLLIN) != 0) return std::vector<leash_record>{};
        }
    }

    // As kmonitor has it: the signal carries the event and the process, and nothing else.
    Result<std::vector<leash_record>> next_signal() {
        sigset_t wanted = ends_;
        sigaddset(&wanted, SIGRTMIN);
        siginfo_t info{};
        timespec look{1, 0};
        while (::sigtimedwait(&wanted, &info, &look) < 0) {
            if (errno != EINTR && errno != EAGAIN) return fail_errno(errno, "sigwaitinfo");
            if (auto lost = newly_lost(); lost != 0) return std::vector{overflow(lost)};
        }
        if (info.si_signo != SIGRTMIN) return std::vector<leash_record>{};
        leash_record record{};
        timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        record.time_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
                         static_cast<std::uint64_t>(now.tv_nsec);
        record.type = static_cast<std::uint32_t>(info.si_value.sival_int);
        record.tid = record.tgid = info.si_pid;
        return std::vector{record};
    }

    std::uint32_t newly_lost() {
        auto totals = events_.totals();
        if (!totals) return 0;
        auto lost = static_cast<std::uint32_t>(totals->signals_lost - lost_);
        lost_ = totals->signals_lost;
        return lost;
    }

    static leash_record overflow(std::uint32_t lost) {
        leash_record record{};
        record.type = LEASH_EVENT_OVERFLOW;
        record.lost = lost;
        return record;
    }

    KernelEvents events_;
    KernelLineage lineage_;
    bool by_signal_;
    sigset_t ends_{};
    UniqueFd end_;
    std::uint64_t lost_ = 0;
};

} // namespace

std::expected<std::unique_ptr<EventSource>, Refusal> open_kernel_events(
    const EventOptions& options) {
    auto events = KernelEvents::open();
    if (!events) return std::unexpected(refusal_of(events.error()));
    auto lineage = KernelLineage::open(KernelLineage::Role::observer);
    if (!lineage) return std::unexpected(refusal_of(lineage.error()));
    return std::make_unique<KernelEventSource>(std::move(*events), std::move(*lineage),
                                               options.by_signal);
}

} // namespace leash::taskview
