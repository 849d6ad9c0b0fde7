// SPDX-License-Identifier: MIT
// Messages of watchdogd's clients, and those of the helper that serves them: never crashes; what is
// read is written again with the same bytes, labels stay texts, and the table of clients takes whatever
// comes in its order.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "watchdog/clients/link.h"
#include "watchdog/clients/table.h"

using namespace leash_clients;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void one_message(const std::uint8_t* data, std::size_t size) {
    Message message;
    if (!decode(data, size, message)) return;
    check(size == size_of(message.generation));
    check(std::memchr(message.label, '\0', sizeof message.label) != nullptr);
    char text[kLabelSize];
    printable_label(message.label, text);
    for (const char* c = text; *c != '\0'; ++c) check(*c >= ' ' && *c <= '~');
    char bytes[kMaxMessage];
    message.error = 0;
    check(encode(message, bytes) == size);
    Message again;
    check(decode(bytes, size, again));
    check(again.command == message.command && again.id == message.id && again.pid == message.pid &&
          again.timeout == message.timeout && again.ack == message.ack &&
          std::strcmp(again.label, message.label) == 0);
    Reason reason;
    reason.time = message.id;
    check(encode(message, reason, bytes) == size);
}

// Each six bytes are a step: what, by whom, with which id, ack, and time.
void many_steps(const std::uint8_t* data, std::size_t size) {
    auto table = std::make_unique<ClientTable>(size % 2 == 0);
    std::int64_t now = 1000;
    for (; size >= 6; data += 6, size -= 6) {
        Message message;
        message.id = data[2] - 2;
        message.ack = data[3];
        message.timeout = data[4] * 100 - 200;
        int pid = 1 + data[1] % 8;
        std::int32_t id = 0;
        std::uint32_t next = 0;
        now += data[5] * 10;
        switch (data[0] % 8) {
        case 0:
            if (table->subscribe(pid, data[1] % 3, message, now, id) == 0) {
                check(table->used(id));
                table->at(id).owned = data[3] % 2 == 0;
            }
            break;
        case 1:
            if (table->kick(pid, message, now, next) == 0)
                check(table->at(message.id).verdict == Verdict::none);
            break;
        case 2:
            if (table->unsubscribe(pid, message) == 0) table->forget(message.id);
            break;
        case 3:
            if (table->used(message.id) && !table->died(message.id)) table->forget(message.id);
            break;
        case 4: table->set_enabled(data[1] % 2 == 0, now); break;
        case 5: table->shift(data[5]); break;
        case 6:
            if (int whose = table->id_of(pid, message.id)) table->judge(whose, Verdict::wrong_kick);
            break;
        default:
            table->tick(now);
            check(table->next() > now);
            break;
        }
        int count = 0;
        for (int each = 1; each < table->end(); ++each) count += table->used(each) ? 1 : 0;
        check(count == table->count());
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    one_message(data, size);
    LinkMessage message;
    if (take_link(data, size, message)) check(std::strlen(message.label) < kLabelSize);
    many_steps(data, size);
    return 0;
}
