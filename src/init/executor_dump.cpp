// SPDX-License-Identifier: MIT
// Evidence about a start that is in trouble: in short for each record of it, and as a file by the step
// `dump`. It is taken before anything is done to the start: signals and the end wait for it, with a time
// limit of their own, since the worker may wait for a place or hang.
#include "init/executor.h"

#include <algorithm>
#include <csignal>
#include <ctime>

#include <unistd.h>

#include "base/log.h"
#include "base/signal_name.h"
#include "init/evidence.h"
#include "records/record.h"
#include "records/store.h"

namespace leash {
namespace {

constexpr Ms kLookLimit{400}, kDumpLimit{5'000};
constexpr RateLimit kMostLooks{12, Ms{60'000}}; // of all services; a storm of trouble is not made worse
// A disk that hangs holds each of them up for long, and other workers need their places.
constexpr int kMostDumping = 2;
constexpr RateLimit kMostDumps{12, Ms{60'000}};
constexpr std::size_t kMostFacts = 11 * 1024;
constexpr const char* kNoDisk = "/run/leash/dumps"; // where /var/lib/leash is not to be written to
constexpr DumpLimits kInMemory{4, 256 * 1024, false};

// "20261122T134000Z-httpd-deadlock.txt": in the order of time.
std::string name_of_dump(const action::DumpStart& wanted) {
    std::string date;
    for (char c : records::show_date(std::time(nullptr)))
        if (c != '-' && c != ':') date += c;
    return fmt::format("{}-{}-{}.txt", date, wanted.service, to_string(wanted.kind));
}

} // namespace

// What is asked of the start meanwhile waits, for each look no longer than its own limit.
unsigned Executor::hold_back(StartId start, Ms limit) {
    auto look = ++holds_;
    auto& timer = held_[start].looks[look];
    timer = std::make_unique<Timer>(loop_, [this, start, look] { let_go(start, look); });
    timer->in(limit);
    auto& held = held_[start];
    held.until = std::max(held.until, monotonic_now() + limit);
    if (!held.signals.empty()) core_.post(event::SignalHeld{start, held.until});
    return look;
}

// Before another program takes init's place: it would know nothing of it.
void Executor::let_all_go() {
    while (!held_.empty()) {
        auto start = held_.begin()->first;
        auto look = held_.begin()->second.looks.begin()->first;
        let_go(start, look);
    }
}

void Executor::let_go(StartId start, unsigned look) {
    auto found = held_.find(start);
    if (found == held_.end() || found->second.looks.erase(look) == 0 || !found->second.looks.empty())
        return;
    auto held = std::move(found->second);
    held_.erase(found);
    for (const auto& wanted : held.signals) signal(wanted);
    if (held.end) end(*held.end);
    // Its time limit counts from here; and what is in the state page for a next life is sent.
    if (!held.signals.empty()) core_.post(event::SignalSent{start});
}

// They would have waited for evidence that nobody takes any more.
void Executor::send_held(const std::string& service, const ServiceRecord& record) {
    bool sent = false;
    for (auto number : record.held) {
        if (number <= 0 || number >= _NSIG) continue;
        log::notice("{}: {} was held back when init crashed, and is sent now", service,
                    signal_name(number));
        signal(action::SignalStart{service, record.life.start, number});
        sent = true;
    }
    if (sent) core_.post(event::SignalSent{record.life.start});
}

bool Executor::held_back(const action::SignalStart& wanted) {
    auto found = held_.find(wanted.start);
    if (found == held_.end()) return false;
    found->second.signals.push_back(wanted);
    core_.post(event::SignalHeld{wanted.start, found->second.until});
    return true;
}

bool Executor::held_back(const action::EndStart& wanted) {
    auto found = held_.find(wanted.start);
    if (found == held_.end() || wanted.everything) return false;
    found->second.end = wanted;
    return true;
}

EvidenceTarget Executor::target_of(const std::string& service, StartId start) {
    EvidenceTarget target;
    target.service = service;
    target.start = start;
    if (auto* live = live_.find(start)) target.main_pid = live->main_pid;
    if (tree_) target.group = tree_->path_of(service);
    target.kernel = kernel_;
    return target;
}

// Only of what is there: a crash loop is seen when its start has ended.
void Executor::look_at(const action::TroubleNoted& noted) {
    auto* live = live_.find(noted.start);
    if (noted.what != action::TroubleNoted::What::seen || !live || live->main_pid == 0) return;
    if (!evidence_ || !looks_.take(kMostLooks, monotonic_now())) return;
    auto target = target_of(noted.service, noted.start);
    auto look = hold_back(noted.start, kLookLimit);
    WorkerJob job;
    job.name = "look";
    job.limit = Ms{10'000};
    if (kernel_) job.keep_fds.push_back(kernel_->fd());
    job.work = [target](int out) { return tell(out, evidence_facts(target)) ? 0 : 1; };
    job.done = [this, noted, look](int status, std::string facts) {
        let_go(noted.start, look);
        while (facts.ends_with('\n')) facts.pop_back();
        if (status != 0 || facts.empty() || facts.size() > kMostFacts) return;
        evidence_({noted.service, noted.start, noted.kind, std::move(facts), "", ""});
    };
    workers_.run(std::move(job));
}

void Executor::dump_evidence(const action::DumpStart& wanted) {
    if (dumping_ >= kMostDumping || !dumps_.take(kMostDumps, monotonic_now())) {
        log::error("{}: no dump: there are too many of them", wanted.service);
        if (evidence_)
            evidence_({wanted.service, wanted.start, wanted.kind, "", "", "no dump: too many at once"});
        return;
    }
    ++dumping_;
    auto look = hold_back(wanted.start, kDumpLimit);
    auto target = target_of(wanted.service, wanted.start);
    target.kind = to_string(wanted.kind);
    target.evidence = wanted.evidence;
    WorkerJob job;
    job.name = "dump";
    job.limit = Ms{30'000};
    if (kernel_) job.keep_fds.push_back(kernel_->fd());
    job.work = [target, name = name_of_dump(wanted)](int out) {
        // Whatever hangs from here on, the disk included: what the tasks do is kept.
        auto text = evidence_text(target);
        auto kept = write_dump(kNoDisk, name, text, kInMemory);
        if (kept) tell(out, *kept);
        text += evidence_details(target);
        tell(out, ""); // it is taken: the start may go
        auto written = write_dump(std::string(records::kFolder) + "/dumps", name, text, {});
        if (!written) written = write_dump(kNoDisk, name, std::move(text), kInMemory);
        else if (kept) (void)unlink(kept->c_str());
        tell(out, written ? *written : written.error().text);
        return written ? 0 : 1;
    };
    struct Told {
        std::string kept, text; // where the first part is; where all of it is, or why it is not
        bool taken = false;
    };
    auto told = std::make_shared<Told>();
    job.line = [this, told, look, start = wanted.start](std::string_view line) {
        if (line.empty()) {
            told->taken = true;
            let_go(start, look);
        } else {
            (told->taken ? told->text : told->kept) = line;
        }
    };
    job.done = [this, told, look, wanted](int status, const std::string&) {
        --dumping_;
        let_go(wanted.start, look);
        auto text = !told->text.empty() ? told->text : "it took too long";
        if (status != 0 && told->text.empty() && !told->kept.empty()) {
            log::warning("{}: dump in {}: what its tasks do, and no more, since the rest took too long",
                         wanted.service, told->kept);
            if (evidence_)
                evidence_({wanted.service, wanted.start, wanted.kind, "", told->kept,
                           "dump: the first part, the rest took too long"});
            return;
        }
        if (status == 0) log::notice("{}: dump in {}", wanted.service, text);
        else log::error("{}: no dump: {}", wanted.service, text);
        if (!evidence_) return;
        if (status == 0) evidence_({wanted.service, wanted.start, wanted.kind, "", text, "dump: done"});
        else evidence_({wanted.service, wanted.start, wanted.kind, "", "", "no dump: " + text});
    };
    workers_.run(std::move(job));
}

} // namespace leash
