// SPDX-License-Identifier: MIT
// A kernel module whose events a test writes down.
#pragma once

#include <cstring>
#include <optional>
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
    std::function<void()> on_next = [] {}, on_watch = [] {};
    EventOptions options;
    int asked = 0;

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
    Result<std::vector<leash_record>> next() override {
        events_.on_next();
        auto index = static_cast<std::size_t>(events_.asked++);
        if (index >= events_.batches.size()) return std::vector<leash_record>{};
        return events_.batches[index];
    }
    Result<std::vector<leash_start_info>> starts() override { return events_.known; }

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
