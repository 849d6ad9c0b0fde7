// SPDX-License-Identifier: MIT
// Datagrams of services: never crashes, and what comes out keeps its promises.
#include <cstdlib>

#include "base/text.h"
#include "notify/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leash;
    std::string_view datagram(reinterpret_cast<const char*>(data), size);
    auto message = parse_notify(datagram);
    if (!message) return 0;
    if (size == 0 || size > kMaxNotifyMessage) std::abort();
    if (message->main_pid && *message->main_pid < 2) std::abort();
    if (message->error_number && *message->error_number < 0) std::abort();
    if (message->status && printable(*message->status) != *message->status) std::abort();
    if (message->unknown < 0 || static_cast<std::size_t>(message->unknown) > size) std::abort();
    return 0;
}
