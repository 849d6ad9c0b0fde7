// SPDX-License-Identifier: MIT
// Service names, start ids, and the inherited tag that joins them:
// LEASH_TAG=<service>@<start id in hex>.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leash {

inline constexpr std::string_view kTagVariable = "LEASH_TAG";
inline constexpr std::size_t kMaxServiceName = 63;

// One life of a service. 0 means "none". Upper 32 bits: seconds since boot when it was made; lower
// 32 bits: random, so that it is never reused and cannot be guessed.
using StartId = std::uint64_t;

// [A-Za-z0-9._@-]{1,63}; "." and ".." are refused because the name becomes a folder's name.
[[nodiscard]] bool valid_service_name(std::string_view name);

[[nodiscard]] std::string format_start_id(StartId id); // 16 lower-case hex digits
[[nodiscard]] std::optional<StartId> parse_start_id(std::string_view hex);

struct Tag {
    std::string service;
    StartId start = 0;
    friend bool operator==(const Tag&, const Tag&) = default;
};

// The value only, without "LEASH_TAG=". Split at its last @.
[[nodiscard]] std::string format_tag(const Tag& tag);
[[nodiscard]] std::optional<Tag> parse_tag(std::string_view value);

} // namespace leash
