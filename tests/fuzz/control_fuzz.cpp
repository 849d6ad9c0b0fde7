// SPDX-License-Identifier: MIT
// Requests to the control socket: never crashes; whatever it accepts can be encoded again and
// parses to the same.
#include <cstdlib>

#include "control/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leash::control;
    std::string_view line(reinterpret_cast<const char*>(data), size);
    auto request = parse_request(line);
    if (!request) {
        if (request.error().message.empty() || request.error().message.size() > 512) std::abort();
        return 0;
    }
    auto again = encode_request(request->verb, request->args, request->option);
    if (!again) { // only for want of room: an option may come at most once there
        return 0;
    }
    again->pop_back();
    auto same = parse_request(*again);
    if (!same || same->verb != request->verb || same->args != request->args ||
        same->option != request->option)
        std::abort();
    return 0;
}
