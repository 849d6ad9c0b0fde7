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
    if (message->error && printable(*message->error) != *message->error) std::abort();
    if (message->exit_status && (*message->exit_status < 0 || *message->exit_status > 255))
        std::abort();
    if (message->main_pidfd_id == 0) std::abort();
    if (const auto& name = message->stored_name)
        if (name->empty() || name->size() > kMaxStoredName || name->find(':') != name->npos ||
            printable(*name) != *name)
            std::abort();
    if (message->barrier) { // it comes alone
        NotifyMessage barrier;
        barrier.barrier = true;
        if (*message != barrier) std::abort();
    }
    for (std::size_t count : {0, 1, 253}) {
        auto matched = *message;
        if (!match_descriptors(matched, count)) {
            if (!message->barrier) std::abort();
            continue;
        }
        if (matched.store && count == 0) std::abort();
        if (matched.main_pidfd && (count != 1 || matched.store)) std::abort();
        if (matched.unknown < message->unknown || matched.unknown > message->unknown + 2) std::abort();
    }
    if (message->unknown < 0 || static_cast<std::size_t>(message->unknown) > size) std::abort();
    return 0;
}
