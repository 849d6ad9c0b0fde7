// SPDX-License-Identifier: MIT
// What a service's file says of the troubles that finders look for: the keys, which mostly have the
// names of the troubles, and their values, as people write them and in plain units. Plain: times in
// milliseconds, sizes in bytes, `%` where a number is a share; "" is off.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "service/settings.h"

namespace leash {

enum class FinderForm {
    share_time,    // cpu-hog: 90%/30s              "90/30000"
    size,          // memory-hog: 64M, 80%          "67108864", "80%"
    size_time,     // memory-leak: 64M/10m          "67108864/600000"
    count,         // fd-hog: 1000, 90%             "1000", "90%"
    count_time,    // fd-leak: 1000/10m             "1000/600000"
    count_forks,   // task-hog: 200, 500/10s        "200", "500/10000", "200,500/10000"
    time,          // stuck: 30s                    "30000"
};

struct FinderKey {
    std::string_view key;      // as the trouble's
    TroubleKind kind;
    FinderForm form;
    std::string_view fallback; // as people write it
};
inline constexpr std::size_t kFinderKeys = 13;
// `strays` is a key of its own (ServiceSettings::strays).
[[nodiscard]] std::span<const FinderKey> finder_keys();
[[nodiscard]] const FinderKey* finder_key_of(TroubleKind kind); // null: it has none

[[nodiscard]] std::string_view grammar_of(FinderForm form); // for people
// The plain value; an error says what is wrong.
[[nodiscard]] Result<std::string> plain_finder_value(FinderForm form, std::string_view text);

// The words KEY=VALUE, a blank between two, of all that is on, with defaults, and `strays=`: as a
// plugin is told. Keys in the order of finder_keys().
[[nodiscard]] std::string finder_text(const ServiceSettings& settings);
// What the key of this trouble says, in plain units; "": it is off.
[[nodiscard]] std::string finder_value(const ServiceSettings& settings, TroubleKind kind);

} // namespace leash
