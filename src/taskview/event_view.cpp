// SPDX-License-Identifier: MIT
#include "taskview/event_view.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "taskview/event_words.h"

namespace leash::taskview {
namespace {

constexpr std::uint32_t kEnds = LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT;

class Viewer {
  public:
    Viewer(const EventView& view, EventSource& source, const EventOutput& output)
        : view_(view), source_(source), output_(output) {}

    int run() {
        if (auto known = source_.starts(); !known) return failed(known.error());
        else learn(*known);
        // What ends the view is watched for, too, whether it is shown or not.
        if (auto status = watch_all(); status != 0) return status;
        // One that has ended right before it was watched would be waited for for ever.
        if (view_.until_gone && pid_ == 0) {
            auto known = source_.starts();
            if (!known) return failed(known.error());
            learn(*known);
            if (!lives(view_.targets.front())) return 0;
        }
        offset_ = wall_clock_offset();
        while (true) {
            auto records = source_.next();
            if (!records) return failed(records.error());
            if (records->empty()) return 0;
            for (const auto& record : *records) {
                if (!show(record)) return 0;
                if (view_.until_gone && is_the_end(record)) return 0;
            }
        }
    }

  private:
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
            return done ? 0 : failed(done.error());
        }
        for (const auto& target : view_.targets) {
            watch = {.service = "", .pid = 0, .events = view_.events};
            if (auto pid = parse_unsigned(target)) {
                watch.pid = *pid <= INT32_MAX ? static_cast<pid_t>(*pid) : 0;
                if (watch.pid == 0) return no_such_process(target);
                if (view_.until_gone) watch.events |= kEnds;
                pid_ = watch.pid;
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
                    if (!lives(target)) {
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

    [[nodiscard]] bool lives(const std::string& service) const {
        return std::ranges::any_of(starts_, [&](const leash_start_info& start) {
            return service == start.name && start.live > 0;
        });
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
    std::int64_t offset_ = 0;
    pid_t pid_ = 0;
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
