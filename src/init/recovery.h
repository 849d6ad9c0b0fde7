// SPDX-License-Identifier: MIT
// Crash-only PID 1: what a next life of init needs to know stands in a state page all the time, and
// every fatal signal leads to the same short path: exec the same binary again, in place.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/state_page.h"
#include "service/manager.h"

namespace leash {

// One service in the page. Plain, fixed size, no pointer: another build may read it if the version
// is the same.
struct ServiceRecord {
    static constexpr std::uint32_t kVersion = 1;
    char name[64];
    std::uint64_t start;
    std::uint64_t last_start;
    std::int64_t since_ms; // CLOCK_MONOTONIC
    std::int32_t state;    // as enum State
    std::int32_t main_pid;
    std::int32_t restarts;
    std::int32_t last_exit;
    std::uint32_t has_last_exit;
    std::uint32_t intent; // enum Intent: written before the act
};

class Recovery {
  public:
    enum class Intent : std::uint32_t { none, spawn, end };
    static constexpr std::uint32_t kCapacity = 2048; // services

    // A fresh page. Never fails: without memory for a page there is none, and init says so.
    static std::unique_ptr<Recovery> fresh();

    // To be called with the view after each change, and with an intent before each clone and kill.
    void record(const ServiceView& view, Intent intent = Intent::none);
    void forget(const std::string& service);

    [[nodiscard]] std::vector<ServiceRecord> records() const;
    [[nodiscard]] int fd() const { return page_ ? page_->fd() : -1; }

  private:
    std::uint32_t index_of(const std::string& service);

    std::optional<StatePage> page_;
    std::map<std::string, std::uint32_t> indexes_;
    std::vector<std::uint32_t> free_;
    std::uint32_t next_ = 0;
};

} // namespace leash
