// SPDX-License-Identifier: MIT
// Calendars: the first four bytes are the instant after which, the fifth chooses a zone, the rest
// is text.
#include "base/calendar.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace leash;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 5) return 0;
    std::uint32_t after = 0;
    std::memcpy(&after, data, sizeof after);
    auto calendar = parse_calendar({reinterpret_cast<const char*>(data) + 5, size - 5});
    if (!calendar) {
        check(!calendar.error().text.empty());
        return 0;
    }
    // Clocks that are put forward and back by an hour every half year or so.
    auto zone = [&](std::int64_t instant) -> std::int64_t {
        return data[4] % 2 == 0 ? 3600 : 3600 * (1 + instant / 15'724'800 % 2);
    };
    std::int64_t at = after;
    for (int i = 0; i < 4; ++i) {
        auto next = next_time(*calendar, at, zone);
        if (!next) break;
        check(*next > at);
        check(next_time(*calendar, *next - 1, zone) == next);
        at = *next;
    }
    return 0;
}
