// SPDX-License-Identifier: MIT
#include "taskview/event_view.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "taskview/event_words.h"

namespace leash::taskview {
namespace {

constexpr std::uint32_t kEnds = LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT;
constexpr std::uint32_t kOfMachine = LEASH_EVENT_OOM | LEASH_EVENT_HUNG | LEASH_EVENT_TROUBLE;
constexpr Ms kSettled{100}; // what is told has arrived by then, as a signal, too

class Viewer {
  public:
    Viewer(const EventView& view, EventSource& source, const EventOutput& output)
        : view_(view), source_(source), output_(output) {}

    int run() {
        int status = follow();
        // Who is asked to end in a storm has not been told of the last of it.
        if (auto lost = source_.untold_loss(); lost != 0) show(loss_record(lost));
        return status;
    }

  private:
    int follow() {
        if (auto known = source_.starts(); !known) return failed(known.error());
        else learn(*known);
        offset_ = wall_clock_offset();
        // What ends the view is watched for, too, whether it is shown or not.
        if (auto status = watch_all(); status != 0) return status;
        // The end may have been told right before the watch, and where events were lost it may be one
        // of them: it would be waited for for ever.
        bool doubt = view_.until_gone;
        while (true) {
            if (doubt && !gone_ns_) {
                auto gone = is_gone();
                if (!gone) return failed(gone.error());
                if (*gone) gone_ns_ = record_clock() + kSettled.count() * 1'000'000ULL;
            }
            doubt = false;
            auto records = source_.next(gone_ns_ ? kSettled : EventSource::kEndless);
            if (!records) return failed(records.error());
            if (records->empty()) return 0;
            for (const auto& record : *records) {
                if (gone_ns_ && record.time_ns > *gone_ns_) return 0;
                if (!show(record)) return 0;
                if (view_.until_gone && is_the_end(record)) return 0;
                doubt = doubt || (view_.until_gone && record.lost != 0);
            }
        }
    }

    // What the view is about, looked at anew.
    Result<bool> is_gone() {
        if (pid_ != 0) {
            auto process = source_.whois(pid_, began_ns_);
            return !process || (process->flags & LEASH_WHOIS_DEAD) != 0;
        }
        auto known = source_.starts();
        if (!known) return std::unexpected(known.error());
        learn(*known);
        auto before = std::exchange(living_, living_starts(view_.targets.front()));
        // As the event has it: one start that has lost its last process is enough.
        return living_.empty() || std::ranges::any_of(before, [&](StartId id) {
            return std::ranges::find(living_, id) == living_.end();
        });
    }

    int failed(const Error& error) {
        auto refusal = refusal_of(error);
        output_.complain(refusal.text);
        return refusal.status;
    }

    int watch_all() {
        EventSource::Watch watch;
        watch.events = view_.events;
        if (view_.targets.empty()) {
            auto done = source_.watch(watch);
            if (!done) return failed(done.error());
            // What happens to the machine need not happen to a service.
            watch = {.service = "", .pid = 0, .events = view_.events & kOfMachine, .everywhere = true};
            if (watch.events != 0) done = source_.watch(watch);
            return done ? 0 : failed(done.error());
        }
        for (const auto& target : view_.targets) {
            watch = {.service = "", .pid = 0, .events = view_.events, .everywhere = false};
            if (auto pid = parse_unsigned(target)) {
                watch.pid = *pid <= INT32_MAX ? static_cast<pid_t>(*pid) : 0;
                if (watch.pid == 0) return no_such_process(target);
                if (view_.until_gone) watch.events |= kEnds;
                pid_ = watch.pid;
                if (auto process = source_.whois(pid_, 0)) began_ns_ = process->start_ns;
            } else {
                if (!valid_service_name(target)) {
                    output_.complain(fmt::format(
                        "'{}' is neither a number of a process nor the name of a service",
                        printable(target)));
                    return kNoSuch;
                }
                watch.service = target;
                if (view_.until_gone) {
                    watch.events |= LEASH_EVENT_START_EMPTY;
                    living_ = living_starts(target);
                    if (living_.empty()) {
                        output_.complain(fmt::format("service {} has no process", target));
                        return kNoSuch;
                    }
                }
            }
            auto done = source_.watch(watch);
            if (!done && done.error().code == ESRCH) return no_such_process(target);
            if (!done) return failed(done.error());
        }
        return 0;
    }

    int no_such_process(const std::string& target) {
        output_.complain(fmt::format("there is no process {}", target));
        return kNoSuch;
    }

    void learn(const std::vector<leash_start_info>& starts) {
        for (const auto& start : starts) names_[start.id] = start.name;
        starts_ = starts;
    }

    [[nodiscard]] std::vector<StartId> living_starts(const std::string& service) const {
        std::vector<StartId> ids;
        for (const auto& start : starts_)
            if (service == start.name && start.live > 0) ids.push_back(start.id);
        return ids;
    }

    // A start that is forgotten before anybody asks has no name: its service's starts share a group.
    std::string name_of(const leash_record& record) {
        if (record.start == 0) return "";
        auto [entry, is_new] = names_.try_emplace(record.start);
        if (is_new)
            if (auto known = source_.starts()) learn(*known);
        if (!names_[record.start].empty()) return names_[record.start];
        for (const auto& target : view_.targets)
            if (!parse_unsigned(target) && group_of(target) == record.group) return target;
        return "";
    }

    bool show(const leash_record& record) {
        bool wanted = (record.type & (view_.events | LEASH_EVENT_OVERFLOW)) != 0;
        if (!wanted && record.lost == 0) return true;
        if (!source_.takes_output()) return false;
        auto service = name_of(record);
        if (view_.json) return output_.out(event_json(record, service, offset_) + "\n");
        return output_.out(event_lines(record, service, offset_));
    }

    [[nodiscard]] bool is_the_end(const leash_record& record) const {
        if (pid_ != 0) return (record.type & kEnds) != 0 && record.tgid == pid_;
        return record.type == LEASH_EVENT_START_EMPTY;
    }

    const EventView& view_;
    EventSource& source_;
    const EventOutput& output_;
    std::unordered_map<StartId, std::string> names_;
    std::vector<leash_start_info> starts_;
    std::vector<StartId> living_; // of the service, when it was last looked at
    std::int64_t offset_ = 0;
    pid_t pid_ = 0;
    std::uint64_t began_ns_ = 0; // the process: its number alone may be another one's by now
    // What it is about is gone: what was told until then is shown, and nothing else waited for.
    std::optional<std::uint64_t> gone_ns_;
};

} // namespace

int view_events(const EventView& view, const OpenEventSource& open, const EventOutput& output) {
    auto source = open({.by_signal = view.by_signal});
    if (!source) {
        output.complain(source.error().text);
        return source.error().status;
    }
    return Viewer(view, **source, output).run();
}

} // namespace leash::taskview
