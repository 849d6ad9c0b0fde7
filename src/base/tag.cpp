// SPDX-License-Identifier: MIT
#include "base/tag.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace leash {
namespace {

bool name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '@' || c == '-';
}

} // namespace

bool valid_service_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxServiceName || name == "." || name == "..") return false;
    return std::ranges::all_of(name, name_char);
}

std::string format_start_id(StartId id) { return fmt::format("{:016x}", id); }

std::optional<StartId> parse_start_id(std::string_view hex) {
    if (hex.empty() || hex.size() > 16) return std::nullopt;
    StartId id = 0;
    const char* end = hex.data() + hex.size();
    auto [at, error] = std::from_chars(hex.data(), end, id, 16);
    if (error != std::errc{} || at != end || id == 0) return std::nullopt;
    return id;
}

std::string format_tag(const Tag& tag) { return tag.service + "@" + format_start_id(tag.start); }

std::optional<Tag> parse_tag(std::string_view value) {
    auto at = value.rfind('@');
    if (at == std::string_view::npos) return std::nullopt;
    auto name = value.substr(0, at);
    auto id = parse_start_id(value.substr(at + 1));
    if (!id || !valid_service_name(name)) return std::nullopt;
    return Tag{std::string(name), *id};
}

} // namespace leash
