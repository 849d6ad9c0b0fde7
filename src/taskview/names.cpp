// SPDX-License-Identifier: MIT
#include "taskview/names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <sys/syscall.h>

namespace leash::taskview {
namespace {

struct SystemCall {
    int number;
    std::string_view name;
};
constexpr SystemCall kSystemCalls[] = {
#include "system_calls.inc" // made from <asm/unistd.h>: {__NR_read, "read"}, ...
};

constexpr std::array kPolicies{"other", "fifo", "rr", "batch", "", "idle", "deadline", "ext"};

struct TtyRange {
    unsigned major, first, count;
    std::string_view name; // and the number behind it
};
constexpr unsigned kMinors = 1U << 20;
constexpr TtyRange kTtys[] = {
    {4, 0, 64, "tty"},           {4, 64, kMinors, "ttyS"},    {136, 0, kMinors, "pts/"},
    {166, 0, kMinors, "ttyACM"}, {188, 0, kMinors, "ttyUSB"}, {204, 64, 16, "ttyAMA"},
    {229, 0, kMinors, "hvc"},
};
constexpr unsigned kPtsMajors = 8, kPtsMajor = 136, kPtsAMajor = 256;

} // namespace

std::string_view system_call_name(int number) {
    auto found = std::ranges::find(kSystemCalls, number, &SystemCall::number);
    return found == std::end(kSystemCalls) ? "" : found->name;
}

std::string_view scheduling_policy_name(unsigned policy) {
    return policy < kPolicies.size() ? kPolicies[policy] : "";
}

std::string tty_name(std::uint32_t number) {
    if (number == 0) return "";
    unsigned major = (number >> 8) & 0xFFF, minor = (number & 0xFF) | ((number >> 12) & 0xFFF00);
    if (major == 5 && minor == 1) return "console";
    unsigned extra = 0; // ptys take eight majors of 256, where more than 256 are open
    if (major > kPtsMajor && major < kPtsMajor + kPtsMajors) {
        extra = (major - kPtsMajor) * kPtsAMajor;
        major = kPtsMajor;
    }
    for (const auto& range : kTtys)
        if (range.major == major && minor >= range.first && minor - range.first < range.count)
            return fmt::format("{}{}", range.name, minor - range.first + extra);
    return fmt::format("{}:{}", major, minor);
}

} // namespace leash::taskview
