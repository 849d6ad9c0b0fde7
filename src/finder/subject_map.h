// SPDX-License-Identifier: MIT
// Which subject a row of a sample belongs to, and what a subject's file says in the units of a look.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "finder/finding.h"

namespace leash::finder {

// The value of a key that is a time, in nanoseconds; nothing where it is off (absent, or 0).
[[nodiscard]] std::optional<std::uint64_t> time_setting(const Subject& subject, std::string_view key);

// A duration for people: "850 ms", "12 s", "3 min 20 s", "5 h 10 min".
[[nodiscard]] std::string duration_text(std::uint64_t ns);

class SubjectMap {
  public:
    explicit SubjectMap(std::span<const Subject> subjects);
    // By start, else (a row that nobody attributed) by cgroup; null: nobody's.
    [[nodiscard]] const Subject* of(const taskview::Row& row) const;
    [[nodiscard]] const Subject* of_start(std::uint64_t start) const;

  private:
    std::unordered_map<std::uint64_t, const Subject*> by_start_, by_cgroup_;
};

} // namespace leash::finder
