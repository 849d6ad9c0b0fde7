// SPDX-License-Identifier: MIT
#include "init/trouble_records.h"

#include <algorithm>
#include <ctime>

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "service/lifecycle.h"

namespace leash {
namespace {

using records::Record;

constexpr std::size_t kMostServices = 256; // whose exits are counted at a time

template <class What> const char* word_of(What what) {
    switch (what) {
    case What::seen: return "trouble";
    case What::step: return "step";
    case What::over: return "over";
    }
    return "trouble";
}

Ms boot_time() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return Ms{now.tv_sec * 1000 + now.tv_nsec / 1'000'000};
}

} // namespace

TroubleRecords::TroubleRecords(EventLoop& loop, Workers& workers, UniqueFd spool)
    : loop_(loop), workers_(workers), again_(loop, [this] { store(); }), flush_limit_(loop, [this] {
          if (auto done = std::exchange(flushed_, nullptr)) done();
      }) {
    if (spool) {
        spool_ = records::Spool::adopt(std::move(spool));
    } else if (auto opened = records::Spool::open(records::kSpool)) {
        spool_ = std::move(*opened);
    } else {
        log::error("no records of trouble will be kept: {}", opened.error().text);
    }
    // Numbers begin anew with an empty spool, and so does what they belong to: in a container the
    // kernel's boot_id is that of the host, and of the container's last life.
    bool goes_on = spool_ && spool_->last_number() > 0;
    boot_ = goes_on ? spool_->boot() : read_value("/proc/sys/kernel/random/uuid");
}

void TroubleRecords::open_disk(const records::StoreLimits& limits) {
    limits_ = limits;
    disk_ = true;
    store();
}

void TroubleRecords::note(Record record) {
    if (!spool_) return;
    record.dropped = dropped_;
    auto line = records::encode(record, {boot_, spool_->last_number() + 1}, std::time(nullptr),
                                boot_time());
    auto lost = spool_->append(line, stored_);
    if (!lost) {
        if (dropped_++ == 0) log::error("{}", lost.error().text);
        return;
    }
    dropped_ = *lost;
    if (disk_ && !storing_ && retry_ == Ms{0}) again_.in(Ms{0}); // with what comes in the same round
}

void TroubleRecords::trouble(const action::TroubleNoted& noted, const std::optional<ServiceView>& view) {
    Record record;
    record.event = word_of(noted.what);
    record.service = noted.service;
    record.start = noted.start;
    record.kind = to_string(noted.kind);
    if (noted.level > 0) record.level = noted.level;
    record.evidence = noted.evidence;
    record.answer = noted.answer;
    record.next = noted.next;
    if (!noted.next.empty()) record.due = std::max(noted.due - monotonic_now(), Ms{0});
    if (view) {
        record.state = to_string(view->state);
        if (view->main_pid > 0) record.main_pid = view->main_pid;
        record.restarts = view->restarts;
    }
    note(std::move(record));
}

void TroubleRecords::machine(const MachineNote& noted) {
    Record record;
    record.event = word_of(noted.what);
    record.source = noted.source;
    record.kind = noted.kind;
    record.evidence = noted.evidence;
    record.answer = noted.answer;
    record.next = noted.next;
    if (!noted.next.empty()) record.due = std::max(noted.due - monotonic_now(), Ms{0});
    note(std::move(record));
}

void TroubleRecords::exited(const ServiceView& view) {
    if (exits_.size() >= kMostServices && !exits_.contains(view.name)) exits_.clear();
    auto& exits = exits_[view.name];
    if (!exits.window.take(kMostExits, monotonic_now())) {
        ++exits.left_out;
        return;
    }
    Record record;
    record.event = "exit";
    record.service = view.name;
    record.start = view.last_start;
    record.evidence = view.reason;
    if (auto left_out = std::exchange(exits.left_out, 0); left_out > 0)
        record.evidence += fmt::format(" ({} more exits since the last record)", left_out);
    if (view.last_exit) record.result = describe_exit(*view.last_exit);
    record.state = to_string(view.state);
    record.restarts = view.restarts;
    note(std::move(record));
}

// ---- to the disk ---------------------------------------------------------------------------------

void TroubleRecords::store() {
    if (!spool_ || !disk_ || storing_) return;
    if (spool_->last_number() <= stored_) return stored(0, "");
    storing_ = true;
    WorkerJob job;
    job.name = "records";
    job.limit = kStoreLimit;
    job.keep_fds = {spool_->fd()};
    job.work = [this](int out) {
        if (!spool_->claim()) { // there shall be one that hangs, not one more each minute
            tell(out, "the disk does not answer in time");
            return 1;
        }
        auto text = records::read_all(spool_->fd(), 2 * records::Spool::kBytes);
        auto done = records::store(records::kFolder, text, limits_);
        tell(out, done ? std::to_string(*done) : done.error().text);
        return done ? 0 : 1;
    };
    job.done = [this](int status, const std::string& output) {
        storing_ = false;
        stored(status, output);
    };
    workers_.run(std::move(job));
}

void TroubleRecords::stored(int status, const std::string& output) {
    auto text = output.substr(0, output.find('\n'));
    if (status == 0) {
        if (auto number = parse_unsigned(text)) stored_ = std::max(stored_, *number);
        if (!problem_.empty()) log::notice("records of trouble are on the disk again");
        problem_.clear();
        retry_ = Ms{0};
        again_.cancel();
        if (spool_->last_number() > stored_ && !text.empty()) again_.in(Ms{0});
        else if (auto done = std::exchange(flushed_, nullptr)) {
            flush_limit_.cancel();
            done();
        }
        return;
    }
    if (text.empty()) text = "the disk does not answer in time";
    if (problem_ != text) log::warning("records of trouble wait for the disk: {}", text);
    problem_ = text;
    retry_ = retry_ == Ms{0} ? kShortestRetry : std::min(2 * retry_, kLongestRetry);
    again_.in(retry_);
    if (auto done = std::exchange(flushed_, nullptr)) {
        flush_limit_.cancel();
        done();
    }
}

void TroubleRecords::flush(Ms limit, std::function<void()> done) {
    if (!spool_ || !disk_ || spool_->last_number() <= stored_) return done();
    flushed_ = std::move(done);
    flush_limit_.in(limit);
    if (!storing_) store();
}

std::string TroubleRecords::complaint() const {
    if (problem_.empty() || !spool_) return {};
    return fmt::format("records of trouble wait for the disk ({} of them): {}",
                       spool_->last_number() - stored_, problem_);
}

} // namespace leash
