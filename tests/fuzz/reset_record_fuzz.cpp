// SPDX-License-Identifier: MIT
// What lies on the disk may be anything. A record that is read is written back as it was; a history has
// no more records than there is room for.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "watchdog/causes/record.h"

using namespace leash_watchdog;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    char buffer[kRecordText];
    Record record;
    if (decode(text, record)) {
        Record again;
        auto length = encode(record, buffer, sizeof buffer);
        if (length == 0 || !decode({buffer, length}, again)) std::abort();
        char second[kRecordText];
        if (encode(again, second, sizeof second) != length || std::memcmp(buffer, second, length) != 0)
            std::abort();
    }
    static History history;
    history.count = 0;
    history.damaged = 0;
    decode_history(text, history);
    if (history.count > kRing) std::abort();
    // Any text in any field can be written and read back.
    Record filled;
    put(filled.cause, text.substr(0, size / 2));
    if (filled.cause[0] == '\0') put(filled.cause, "x");
    put(filled.evidence, text);
    put(filled.service, text.substr(size / 2));
    auto length = encode(filled, buffer, sizeof buffer);
    Record back;
    if (length == 0 || !decode({buffer, length}, back)) std::abort();
    if (std::strcmp(back.evidence, filled.evidence) != 0) std::abort();
    return 0;
}
