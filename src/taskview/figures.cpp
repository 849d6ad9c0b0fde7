// SPDX-License-Identifier: MIT
#include "taskview/figures.h"

#include <string_view>

#include <fmt/format.h>

namespace leash::taskview {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000, kHundredth = kSecond / 100;
constexpr std::string_view kUnits = "KMGTPE";

} // namespace

std::string bytes_figure(std::uint64_t bytes) {
    if (bytes < 1000) return std::to_string(bytes);
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 999.5 would be rounded to four digits.
    for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
    return value < 9.95 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                        : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

std::string cpu_figure(std::uint64_t ns) {
    auto seconds = ns / kSecond, minutes = seconds / 60;
    if (minutes >= 100)
        return fmt::format("{}h{:02}:{:02}", minutes / 60, minutes % 60, seconds % 60);
    return fmt::format("{}:{:02}.{:02}", minutes, seconds % 60, ns / kHundredth % 100);
}

std::string elapsed_figure(std::uint64_t ns) {
    auto seconds = ns / kSecond, minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    auto text = fmt::format("{:02}:{:02}", minutes % 60, seconds % 60);
    if (hours > 0) text = fmt::format("{:02}:{}", hours % 24, text);
    if (days > 0) text = fmt::format("{}-{}", days, text);
    return text;
}

std::string percent_figure(double percent) { return fmt::format("{:.1f}", percent); }

} // namespace leash::taskview
