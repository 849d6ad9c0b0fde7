// SPDX-License-Identifier: MIT
#include "watchdog/clients/wire.h"

#include <cstdio>
#include <cstring>
#include <ctime>

namespace leash_clients {

namespace {

struct V2 {
    std::int32_t command, error, id, pid;
    char label[16];
    std::int32_t timeout;
    std::uint32_t ack, next_ack;
};

struct V3 {
    std::int32_t command, error, id, pid, timeout;
    std::uint32_t ack, next_ack;
    char label[48];
};

struct V4 {
    V3 head;
    char padding[128];
};

// What lies over the beginning of an answer; v3 ends before the date.
struct ReasonBytes {
    std::uint32_t counter, wid, code, enabled;
    char label[48];
    struct tm date;
};

static_assert(sizeof(V2) == 44 && sizeof(V3) == 76 && sizeof(V4) == 204);
static_assert(sizeof(V4) == kMaxMessage && offsetof(ReasonBytes, date) == 64);
static_assert(sizeof(ReasonBytes) <= sizeof(V4));

constexpr std::int32_t kErrorV2 = 255;
constexpr std::int32_t kErrorV3 = -1;

template <class Head> void take_head(const Head& from, Message& to) {
    to.command = from.command;
    to.id = from.id;
    to.pid = from.pid;
    to.timeout = from.timeout;
    to.ack = from.ack;
    to.next_ack = from.next_ack;
    std::memcpy(to.label, from.label, sizeof from.label);
    to.label[sizeof from.label - 1] = '\0';
}

template <class Head> void put_head(const Message& from, Head& to, std::int32_t error) {
    to.command = from.error == 0 ? from.command : error;
    to.error = from.error;
    to.id = from.id;
    to.pid = from.pid;
    to.timeout = from.timeout;
    to.ack = from.ack;
    to.next_ack = from.next_ack;
    std::memcpy(to.label, from.label, sizeof to.label - 1);
}

} // namespace

std::size_t size_of(Generation generation) {
    switch (generation) {
    case Generation::v2: return sizeof(V2);
    case Generation::v3: return sizeof(V3);
    case Generation::v4: return sizeof(V4);
    }
    return 0;
}

bool knows(Generation generation, std::int32_t command) {
    bool first = (command >= kSubscribe && command <= kKick) || command == kEnable ||
                 command == kStatus;
    if (generation == Generation::v2) return first;
    bool third = command == kSetDebug || command == kGetDebug ||
                 (command >= kReset && command <= kReload);
    if (generation == Generation::v3) return first || third;
    return first || third || (command > kFailed && command <= kListClients);
}

bool decode(const void* bytes, std::size_t length, Message& message) {
    message = Message{};
    if (length == sizeof(V2)) {
        V2 raw;
        std::memcpy(&raw, bytes, sizeof raw);
        take_head(raw, message);
        message.generation = Generation::v2;
        return true;
    }
    if (length != sizeof(V3) && length != sizeof(V4)) return false;
    V3 raw;
    std::memcpy(&raw, bytes, sizeof raw);
    take_head(raw, message);
    message.generation = length == sizeof(V3) ? Generation::v3 : Generation::v4;
    return true;
}

std::size_t encode(const Message& answer, void* bytes) {
    if (answer.generation == Generation::v2) {
        V2 raw{};
        put_head(answer, raw, kErrorV2);
        std::memcpy(bytes, &raw, sizeof raw);
        return sizeof raw;
    }
    V4 raw{};
    put_head(answer, raw.head, kErrorV3);
    std::memcpy(raw.padding, answer.service, sizeof answer.service - 1);
    std::size_t length = size_of(answer.generation);
    std::memcpy(bytes, &raw, length);
    return length;
}

std::size_t encode(const Message& question, const Reason& reason, void* bytes) {
    union {
        ReasonBytes reason;
        V4 message;
    } raw;
    std::memset(&raw, 0, sizeof raw);
    raw.reason.counter = reason.counter;
    raw.reason.wid = reason.wid;
    raw.reason.code = reason.code;
    std::memcpy(raw.reason.label, reason.label, sizeof reason.label - 1);
    if (question.generation == Generation::v4) {
        time_t when = reason.time;
        if (when > 0) gmtime_r(&when, &raw.reason.date);
        raw.reason.date.tm_zone = nullptr; // an address of ours is nobody's business
    }
    std::size_t length = size_of(question.generation);
    std::memcpy(bytes, &raw, length);
    return length;
}

void printable_label(const char* label, char (&text)[kLabelSize]) {
    std::size_t i = 0;
    for (; i + 1 < kLabelSize && label[i] != '\0'; ++i)
        text[i] = label[i] >= ' ' && label[i] <= '~' ? label[i] : '?';
    text[i] = '\0';
    if (i == 0) std::snprintf(text, sizeof text, "(no label)");
}

} // namespace leash_clients
