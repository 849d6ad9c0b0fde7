// SPDX-License-Identifier: MIT
#include "base/units.h"

#include <array>

#include "base/text.h"

namespace leash {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::array kTimeUnits{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                                Unit{"ms", 1}};
constexpr std::array kSizeUnits{Unit{"G", 1U << 30}, Unit{"M", 1U << 20}, Unit{"K", 1U << 10}};

struct Parts {
    std::string_view digits, unit;
};

Parts digits_and_unit(std::string_view text) {
    text = trim(text);
    auto end = text.find_first_not_of("0123456789");
    if (end == std::string_view::npos) return {text, {}};
    return {text.substr(0, end), trim(text.substr(end))};
}

template <std::size_t N>
std::string in_largest_unit(std::uint64_t value, const std::array<Unit, N>& units) {
    for (const auto& unit : units)
        if (value % unit.factor == 0)
            return fmt::format("{}{}", value / unit.factor, unit.name);
    return fmt::format("{}", value);
}

} // namespace

Result<Ms> parse_duration(std::string_view text) {
    auto [digits, unit_name] = digits_and_unit(text);
    if (digits.empty())
        return fail("'{}' is no time: write a whole number and a unit, such as 500ms, 5s, 10m or "
                    "2h",
                    printable(text));
    if (unit_name.empty())
        return fail("'{0}' has no unit: add a unit, such as {0}ms, {0}s, {0}m or {0}h", digits);
    if (unit_name.starts_with('.') || unit_name.starts_with(','))
        return fail("'{}' is no whole number: use a smaller unit, such as 1500ms for 1.5s",
                    printable(text));

    for (const auto& unit : kTimeUnits) {
        if (unit.name != unit_name) continue;
        auto number = parse_unsigned(digits); // none: more than 64 bit
        auto most = static_cast<std::uint64_t>(kLongestDuration.count()) / unit.factor;
        if (!number || *number > most)
            return fail("'{}' is too long: at most {}{}", printable(text), most, unit.name);
        return Ms{static_cast<Ms::rep>(*number * unit.factor)};
    }
    return fail("unknown unit '{}' of time: use ms, s, m or h", printable(unit_name));
}

std::string format_duration(Ms duration) {
    if (duration < 0ms) return "-" + format_duration(-duration);
    if (duration == 0ms) return "0s";
    return in_largest_unit(static_cast<std::uint64_t>(duration.count()), kTimeUnits);
}

Result<std::uint64_t> parse_size(std::string_view text) {
    auto [digits, unit_name] = digits_and_unit(text);
    if (digits.empty())
        return fail("'{}' is no size: write a whole number of bytes, or a number and a unit, such "
                    "as 64K, 20M or 1G",
                    printable(text));

    std::uint64_t factor = unit_name.empty() ? 1 : 0;
    for (const auto& unit : kSizeUnits)
        if (unit_name.size() == 1 && (unit_name[0] & ~0x20) == unit.name[0]) factor = unit.factor;
    if (factor == 0)
        return fail("unknown unit '{}' of size: use K, M or G, or none for bytes",
                    printable(unit_name));

    auto number = parse_unsigned(digits);
    if (!number || *number > kLargestSize / factor)
        return fail("'{}' is too large: at most {}{}", printable(text), kLargestSize / factor,
                    unit_name);
    return *number * factor;
}

std::string format_size(std::uint64_t bytes) {
    return bytes == 0 ? "0" : in_largest_unit(bytes, kSizeUnits);
}

} // namespace leash
