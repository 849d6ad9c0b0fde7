// SPDX-License-Identifier: MIT
// A kernel module whose events a test writes down.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "taskview/event_view.h"

namespace leash::taskview {

inline leash_record made(std::uint32_t type, pid_t pid) {
    leash_record record{};
    record.type = type;
    record.tid = record.tgid = pid;
    std::strcpy(record.comm, "cmd");
    return record;
}

struct FakeEvents {
    std::vector<std::vector<leash_record>> batches; // then it is enough
    std::vector<leash_start_info> known;
    std::vector<EventSource::Watch> watches;
    std::optional<Error> error; // of watch()
    std::optional<Refusal> refusal;
    std::function<void()> on_next = [] {}, on_watch = [] {}; // on_next: it is waited for what comes
    std::function<bool()> on_output = [] { return true; };
    std::map<pid_t, leash_whois> processes;
    bool any_process_lives = true; // what `processes` does not have
    std::uint32_t untold = 0;
    EventOptions options;
    int asked = 0;

    void add_dead(pid_t pid, std::uint32_t flags = LEASH_WHOIS_DEAD) {
        leash_whois process{};
        process.pid = pid;
        process.flags = flags;
        processes[pid] = process;
    }

    void add_start(StartId id, const char* service, std::uint32_t live) {
        leash_start_info start{};
        start.id = id;
        start.live = live;
        std::strcpy(start.name, service);
        known.push_back(start);
    }

    OpenEventSource opener();
};

class FakeEventSource : public EventSource {
  public:
    explicit FakeEventSource(FakeEvents& events) : events_(events) {}
    Result<void> watch(const Watch& watch) override {
        events_.watches.push_back(watch);
        events_.on_watch();
        if (events_.error) return std::unexpected(*events_.error);
        return {};
    }
    Result<std::vector<leash_record>> next(Ms longest) override {
        if (longest == kEndless) events_.on_next();
        auto index = static_cast<std::size_t>(events_.asked++);
        if (index >= events_.batches.size()) return std::vector<leash_record>{};
        return events_.batches[index];
    }
    bool takes_output() override { return events_.on_output(); }
    std::uint32_t untold_loss() override { return std::exchange(events_.untold, 0); }
    Result<std::vector<leash_start_info>> starts() override { return events_.known; }
    std::optional<leash_whois> whois(pid_t pid, std::uint64_t start_ns) override {
        auto known = events_.processes.find(pid);
        leash_whois process{};
        process.pid = pid;
        process.start_ns = 1;
        if (known != events_.processes.end()) process = known->second;
        else if (!events_.any_process_lives) return std::nullopt;
        if (start_ns != 0 && start_ns != process.start_ns) return std::nullopt;
        return process;
    }

  private:
    FakeEvents& events_;
};

inline OpenEventSource FakeEvents::opener() {
    return [this](const EventOptions& asked_for)
               -> std::expected<std::unique_ptr<EventSource>, Refusal> {
        options = asked_for;
        if (refusal) return std::unexpected(*refusal);
        return std::make_unique<FakeEventSource>(*this);
    };
}

} // namespace leash::taskview
