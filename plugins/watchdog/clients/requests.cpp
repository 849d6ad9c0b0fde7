// SPDX-License-Identifier: MIT
// What the helper does for each command, and what it has to tell to init or to ask it.
#include "watchdog/clients/server.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace leash_clients {

void Server::serve(int index) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    const auto& question = connection.question;
    if (!knows(question.generation, question.command)) {
        answer(index, EBADMSG);
        return;
    }
    auto pid = effective_pid(connection);
    bool root = connection.uid == 0;
    switch (question.command) {
    case kSubscribe: subscribe(index, pid); break;
    case kKick:
    case kUnsubscribe: serve_client(connection, pid); break;
    case kListClients:
        connection.state = State::listing;
        connection.cursor = 1;
        connection.sent = 0;
        connection.deadline = now() + kAnswerMs;
        list(index);
        break;
    case kStatus:
    case kGetDebug:
    case kGetLoglevel:
    case kReason:
    case kReasonRaw:
    case kCounter: ask(index, pid); break;
    case kEnable:
    case kSetDebug:
    case kSetLoglevel:
    case kClear:
    case kReload:
        if (root) ask(index, pid);
        else answer(index, EPERM);
        break;
    default: reset_or_fail(index, pid); break;
    }
}

// From 3.1 on, who says the wrong thing is in trouble, too; older ones are only told so.
void Server::serve_client(Connection& connection, std::int32_t pid) {
    auto& question = connection.question;
    auto index = static_cast<int>(&connection - connections_.data());
    bool kick = question.command == kKick;
    bool was_late = table_.used(question.id) && table_.at(question.id).verdict != Verdict::none;
    int error = kick ? table_.kick(pid, question, now(), question.next_ack)
                     : table_.unsubscribe(pid, question);
    if (error != 0) {
        if (question.generation == Generation::v4)
            verdict_on(pid, question.id, kick ? Verdict::wrong_kick : Verdict::wrong_unsubscribe);
    } else if (kick && was_late) {
        tell_of(question.id, now());
    } else if (!kick) {
        auto& client = table_.at(question.id);
        if (was_late && !client.taken) {
            client.dead = true; // kept until init has heard of the verdict
        } else {
            if (was_late) {
                client.over = true;
                tell_of(question.id, now());
            }
            forget(question.id);
        }
    }
    answer(index, error);
}

// `id` is the process that it is about. Of a client of its own who is not root may ask for the verdict
// on that client, and no more.
void Server::reset_or_fail(int index, std::int32_t pid) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    const auto& question = connection.question;
    auto target = question.id > 0 && connection.uid == 0 ? question.id : pid;
    if (connection.uid == 0 && own_number(connection.peer, question.id)) target = connection.peer;
    int client = table_.id_of(target, 0);
    bool fails = question.command != kReset;
    auto code = fails ? static_cast<std::uint32_t>(question.command - kFailed)
                      : std::uint32_t{client != 0 ? kCodeDeadline : kCodeForcedReset};
    if (connection.uid != 0) {
        if (fails || client == 0) {
            answer(index, EPERM);
            return;
        }
        std::memcpy(table_.at(client).label, question.label, kLabelSize);
        verdict_on(target, client, Verdict::forced);
        answer(index, 0);
        return;
    }
    if (!fails || question.timeout > 0) {
        reset_.set = true;
        reset_.serial = ++serial_;
        reset_.due = now() + (question.timeout > 0 ? question.timeout : 0);
        reset_.pid = target;
        reset_.code = code;
        printable_label(question.label, reset_.label);
    }
    if (fails) {
        ask(index, target); // it is recorded at once
    } else {
        answer(index, 0);
        tell_reset(now());
    }
}

void Server::ask(int index, std::int32_t pid) {
    auto& connection = connections_[static_cast<std::size_t>(index)];
    const auto& question = connection.question;
    LinkMessage message;
    message.kind = Kind::ask;
    message.serial = connection.serial;
    message.command = question.command;
    message.pid = pid;
    message.uid = connection.uid;
    message.id = question.id;
    message.timeout = question.timeout;
    printable_label(question.label, message.label);
    if (!tell(message)) { // init stands still, or is about to
        answer(index, ETIMEDOUT);
        return;
    }
    connection.state = State::asking;
    connection.deadline = now() + kAnswerMs;
    if (connection.polled) poll_for(index, 0);
}

// ---- init -----------------------------------------------------------------------------------------

bool Server::tell(const LinkMessage& message) {
    ssize_t sent = send(kLinkFd, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == static_cast<ssize_t>(sizeof message);
}

// What init is to know of a client: whose it is first of all, then how it is.
void Server::tell_of(int id, std::int64_t at) {
    auto& client = table_.at(id);
    LinkMessage message;
    message.id = id;
    message.serial = client.serial;
    message.pid = client.pid;
    message.uid = client.uid;
    message.timeout = client.timeout;
    message.start = client.start;
    printable_label(client.label, message.label);
    std::memcpy(message.service, client.service, sizeof message.service);
    if (!client.owned) {
        message.kind = Kind::whose;
        tell(message);
    } else if (client.verdict != Verdict::none && !client.taken) {
        message.kind = Kind::verdict;
        message.what = static_cast<std::uint16_t>(client.verdict);
        message.code = code_of(client.verdict);
        tell(message);
    } else if (client.over) {
        message.kind = Kind::over;
        client.over = !tell(message);
        if (!client.over) return;
    } else {
        return;
    }
    client.ask_again = at + kAgainMs;
    if (!to_tell_ || client.ask_again < tell_at_) tell_at_ = client.ask_again;
    to_tell_ = true;
}

void Server::tell_reset(std::int64_t at) {
    if (!reset_.set || reset_.due > at) return;
    LinkMessage message;
    message.kind = Kind::reset;
    message.serial = reset_.serial;
    message.pid = reset_.pid;
    message.code = reset_.code;
    std::memcpy(message.label, reset_.label, sizeof message.label);
    tell(message);
    reset_.due = at + kAgainMs;
}

void Server::read_link() {
    for (int i = 0; i < 64; ++i) {
        LinkMessage message;
        char bytes[sizeof message + 1];
        ssize_t got = recv(kLinkFd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0) link_gone_ = true;
        if (got < 0 && errno != EAGAIN && errno != EINTR) link_gone_ = true;
        if (got <= 0) return;
        if (take_link(bytes, static_cast<std::size_t>(got), message)) hear(message);
    }
}

void Server::hear(const LinkMessage& message) {
    bool of_client = table_.used(message.id) && table_.at(message.id).serial == message.serial;
    switch (message.kind) {
    case Kind::enabled:
        if (!told_hello_) hello_at_ = now() + kHelloMs;
        told_hello_ = true;
        table_.set_enabled(message.value != 0, now());
        break;
    case Kind::owner:
        if (!of_client || table_.at(message.id).owned) break;
        table_.at(message.id).owned = true;
        table_.at(message.id).start = message.start;
        std::memcpy(table_.at(message.id).service, message.service, sizeof message.service);
        confirm(message.id);
        tell_of(message.id, now());
        break;
    case Kind::taken:
        if (reset_.set && message.serial == reset_.serial && message.id == 0) reset_.set = false;
        if (!of_client || table_.at(message.id).verdict == Verdict::none) break;
        table_.at(message.id).taken = true;
        if (table_.at(message.id).dead) forget(message.id);
        break;
    case Kind::answer:
        for (int i = 0; i < static_cast<int>(connections_.size()); ++i) {
            auto& connection = connections_[static_cast<std::size_t>(i)];
            if (connection.state != State::asking || connection.client != 0 ||
                connection.serial != message.serial)
                continue;
            auto& question = connection.question;
            bool reason = question.command == kReason || question.command == kReasonRaw;
            question.next_ack = message.value;
            if (!reason || message.error != 0) {
                answer(i, message.error);
                break;
            }
            Reason found;
            found.counter = message.value;
            found.wid = message.wid;
            found.code = message.code;
            found.time = message.time;
            std::memcpy(found.label, message.label, sizeof found.label);
            char bytes[kMaxMessage];
            send_bytes(i, bytes, encode(question, found, bytes));
            break;
        }
        break;
    default: break; // of the other direction
    }
}

// What is due by the time.
void Server::housekeeping(std::int64_t at) {
    if (at >= hello_at_) {
        LinkMessage hello;
        hello.pid = getpid();
        tell(hello);
        hello_at_ = at + (told_hello_ ? kHelloMs : kAgainMs);
    }
    for (int i = 0; open_ > 0 && i < static_cast<int>(connections_.size()); ++i) {
        auto& connection = connections_[static_cast<std::size_t>(i)];
        if (connection.state == State::free || connection.deadline > at) continue;
        if (connection.state == State::asking && connection.client != 0) {
            confirm(connection.client);
        } else if (connection.state == State::reading &&
                   decode(connection.bytes, connection.length, connection.question)) {
            serve(i);
        } else {
            close_connection(i);
        }
    }
    if (table_.tick(at) > 0 || (to_tell_ && at >= tell_at_)) tell_all(at);
    tell_reset(at);
}

void Server::tell_all(std::int64_t at) {
    to_tell_ = false;
    for (int id = 1; id < table_.end(); ++id) {
        if (!table_.used(id)) continue;
        auto& client = table_.at(id);
        if (client.owned && !client.over && (client.verdict == Verdict::none || client.taken)) continue;
        if (client.ask_again <= at) {
            tell_of(id, at);
        } else {
            if (!to_tell_ || client.ask_again < tell_at_) tell_at_ = client.ask_again;
            to_tell_ = true;
        }
    }
}

} // namespace leash_clients
