// SPDX-License-Identifier: MIT
#include "init/calendars.h"

#include "base/log.h"
#include "base/text.h"
#include "init/calendar_stamps.h"
#include "service/lifecycle.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include <sys/timerfd.h>
#include <unistd.h>

namespace leash {
namespace {

constexpr Ms kRetry{60'000}, kAboutToCome{1'000}, kJump{1'000};
constexpr std::int64_t kSmallStep = 3600; // a clock that is set back by less brings no job again

Ms now_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return Ms{static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000};
}

Ms wall_clock_now() { return now_of(CLOCK_REALTIME); }

// Stays the same until somebody sets the clock: both go on while the machine sleeps.
Ms wall_clock_offset() { return wall_clock_now() - now_of(CLOCK_BOOTTIME); }

} // namespace

Calendars::Calendars(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers)
    : loop_(loop), manager_(manager), core_(core), workers_(workers),
      soon_(loop, [this] { find_out(); }),
      wall_clock_(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (!wall_clock_) {
        log::error("no timer of the wall clock: {}; when it is set, calendars are late",
                   std::strerror(errno));
        return;
    }
    watch_ = std::make_unique<IoWatch>(loop_, wall_clock_.get(), UEV_READ,
                                       [this](int) { on_wall_clock(); });
}

void Calendars::ask(const action::AskNextRun& wanted) {
    const auto& service = wanted.service;
    if (wanted.came) came_.insert(service);
    // It asks because this one has come.
    if (auto due = due_.find(service);
        due != due_.end() && due->second <= wall_clock_now().count() / 1000 + 1) {
        last_due_[service] = due->second;
        due_.erase(due);
    }
    asked_.insert(service);
    soon_.in(Ms{0}); // many ask in one turn of the loop: one worker answers all
}

void Calendars::ask_for_all() {
    for (const auto& name : manager_.names()) {
        const auto* life = manager_.life(name);
        // What is due, or all but due, is left to the core: it starts it, and then asks itself.
        bool due = life->next_run != kNever && life->next_run <= monotonic_now() + kAboutToCome;
        if (life->timed && !due) asked_.insert(name);
    }
    if (!asked_.empty()) soon_.in(Ms{0});
}

void Calendars::find_out() {
    struct Question {
        std::string service;
        Calendar calendar;
        std::int64_t after;
        bool persistent, came;
    };
    std::vector<Question> questions;
    auto now = wall_clock_now().count() / 1000;
    for (const auto& name : std::exchange(asked_, {})) {
        const auto* settings = manager_.settings(name);
        if (!settings || settings->calendar->rules.empty()) continue;
        auto last = last_due_.find(name);
        bool again =
            last != last_due_.end() && last->second > now && last->second - now < kSmallStep;
        questions.push_back({name, *settings->calendar, again ? last->second : now,
                             settings->persistent, came_.contains(name)});
    }
    came_.clear();
    if (questions.empty()) return arm();
    WorkerJob job;
    job.name = "calendar";
    job.limit = Ms{15'000};
    job.work = [questions, now](int out) {
        auto zone = machine_zone();
        for (const auto& question : questions) {
            std::optional<std::int64_t> stamp;
            if (question.persistent) {
                stamp = read_stamp(kCalendarStamps, question.service);
                if (question.came || !stamp) {
                    stamp = now;
                    auto written = write_stamp(kCalendarStamps, question.service, now);
                    if (!written) tell(out, "! " + written.error().text);
                }
            }
            auto next = next_or_missed(question.calendar, stamp, now, question.after, zone);
            if (!tell(out, fmt::format("{} {}", question.service, next.value_or(0)))) return 1;
        }
        return 0;
    };
    job.done = [this, questions](int status, const std::string& answers) {
        if (status == 0) return take(answers);
        log::warning(
            "the calendars of {} services could not be looked at: trying again in a minute",
            questions.size());
        for (const auto& question : questions) {
            asked_.insert(question.service);
            if (question.came) came_.insert(question.service);
        }
        soon_.in(kRetry);
    };
    workers_.run(std::move(job));
}

void Calendars::take(const std::string& answers) {
    auto wall = wall_clock_now();
    auto now = monotonic_now();
    for (auto line : split(answers, '\n', true)) {
        if (line.starts_with("! ")) {
            log::warning("{}", line.substr(2));
            continue;
        }
        auto blank = line.find(' ');
        std::string service(line.substr(0, blank));
        auto at =
            blank == std::string_view::npos ? std::nullopt : parse_unsigned(line.substr(blank + 1));
        if (!at) continue;
        auto seconds = static_cast<std::int64_t>(*at);
        if (seconds == 0) {
            due_.erase(service);
            log::notice("{}: its calendar does not come again", service);
            core_.post(event::NextRun{service, kNever});
            continue;
        }
        due_[service] = seconds;
        // A millisecond more: both clocks have been rounded down.
        core_.post(event::NextRun{service, now + (Ms{seconds * 1000} - wall) + Ms{1}});
    }
    arm();
}

void Calendars::arm() {
    if (!wall_clock_) return;
    itimerspec spec{};
    for (const auto& [service, at] : due_)
        if (spec.it_value.tv_sec == 0 || at < spec.it_value.tv_sec) spec.it_value.tv_sec = at;
    armed_offset_ = wall_clock_offset();
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    if (timerfd_settime(wall_clock_.get(), flags, &spec, nullptr) == 0) return;
    if (errno == ECANCELED) clock_was_set(); // while it was not armed
    else log::error("the timer of the wall clock: {}", std::strerror(errno));
}

void Calendars::clock_was_set() {
    log::notice("the clock was set: calendars are looked at again");
    due_.clear();
    ask_for_all();
}

void Calendars::on_wall_clock() {
    std::uint64_t expirations = 0;
    auto got = read(wall_clock_.get(), &expirations, sizeof expirations);
    if (got < 0 && errno == ECANCELED) return clock_was_set();
    // A timer that a jump of the clock has let run out can be seen before it is cancelled.
    if (std::chrono::abs(wall_clock_offset() - armed_offset_) > kJump) return clock_was_set();
    if (got < 0) return;
    auto now = wall_clock_now().count() / 1000;
    for (auto due = due_.begin(); due != due_.end();) {
        if (due->second > now) {
            ++due;
            continue;
        }
        auto [service, at] = *due;
        due = due_.erase(due);
        last_due_[service] = at;
        const auto* life = manager_.life(service);
        // The core's clock stood still while the machine slept.
        if (life && life->timed && life->next_run != kNever && life->next_run > monotonic_now())
            core_.post(event::NextRun{service, monotonic_now()});
    }
    arm();
}

} // namespace leash
