// SPDX-License-Identifier: MIT
#include "watchdog/clients/table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace leash_clients {

namespace {

constexpr std::uint32_t kFirstAck = 42;
constexpr std::uint32_t kAckStep = 2;

} // namespace

std::uint32_t code_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::none: return kCodeNone;
    case Verdict::wrong_kick: return kCodeFailedKick;
    case Verdict::wrong_unsubscribe: return kCodeFailedUnsubscribe;
    case Verdict::deadline:
    case Verdict::died:
    case Verdict::forced: return kCodeDeadline;
    }
    return kCodeUnknown;
}

int ClientTable::subscribe(std::int32_t pid, std::uint32_t uid, const Message& question,
                           std::int64_t now, std::int32_t& id) {
    // A time that is negative as an int was meant as an unsigned: far beyond any.
    if (question.timeout >= 0 && question.timeout < kLeastTimeoutMs) return EINVAL;
    int free = 0;
    int of_user = 0;
    for (int each = 1; each < end_; ++each) {
        if (!used(each)) {
            if (free == 0) free = each;
        } else if (at(each).uid == uid) {
            ++of_user;
        }
    }
    if (free == 0 && end_ <= kMaxClients) free = end_;
    if (free == 0 || (uid != 0 && of_user >= kMaxOfUser)) return ENOMEM;

    if (static_cast<std::size_t>(free) > clients_.size()) {
        clients_.resize(static_cast<std::size_t>(free));
        deadlines_.resize(clients_.size(), kNever);
    }
    auto& client = at(free);
    client = Client{};
    if (++serial_ == 0) ++serial_;
    client.serial = serial_;
    client.pid = pid;
    client.uid = uid;
    client.timeout = question.timeout < 0 ? std::numeric_limits<std::int32_t>::max()
                                          : question.timeout;
    client.ack = kFirstAck;
    std::memcpy(client.label, question.label, sizeof client.label);
    end_ = std::max(end_, free + 1);
    highest_ = std::max(highest_, free);
    ++count_;
    id = free;
    arm(free, client.timeout, now);
    return 0;
}

int ClientTable::find(std::int32_t pid, const Message& question) const {
    if (question.id < 0 || question.id > highest_) return EINVAL;
    if (!used(question.id)) return EIDRM;
    const auto& client = at(question.id);
    if (client.dead || client.pid != pid) return EBADE;
    return client.ack == question.ack ? 0 : EBADRQC;
}

int ClientTable::kick(std::int32_t pid, const Message& question, std::int64_t now,
                      std::uint32_t& next_ack) {
    if (int error = find(pid, question); error != 0) return error;
    auto& client = at(question.id);
    client.ack += kAckStep;
    next_ack = client.ack;
    if (client.verdict != Verdict::none) {
        client.over = true;
        client.verdict = Verdict::none;
        client.taken = false;
    }
    // 2.x says -1 and means what it has subscribed for.
    bool extends = question.generation != Generation::v2 && question.timeout > 0;
    arm(question.id, extends ? question.timeout : client.timeout, now);
    return 0;
}

int ClientTable::unsubscribe(std::int32_t pid, const Message& question) {
    return find(pid, question);
}

void ClientTable::arm(int id, std::int64_t ms, std::int64_t now) {
    auto& deadline = deadlines_[static_cast<std::size_t>(id - 1)];
    deadline = enabled_ ? now + ms + kSlackMs : kNever;
    next_ = std::min(next_, deadline);
}

bool ClientTable::died(int id) {
    auto& client = at(id);
    client.dead = true;
    deadlines_[static_cast<std::size_t>(id - 1)] = kNever;
    // Who was never confirmed was never watched; nor is anybody while it is off.
    bool tell = client.owned && (enabled_ || client.verdict != Verdict::none);
    if (!tell || (client.verdict != Verdict::none && client.taken)) return false;
    judge(id, Verdict::died);
    return true;
}

void ClientTable::judge(int id, Verdict verdict) {
    auto& client = at(id);
    if (client.verdict != Verdict::none) return;
    client.verdict = verdict;
    client.taken = false;
    client.over = false;
    client.ask_again = 0;
    deadlines_[static_cast<std::size_t>(id - 1)] = kNever; // once is enough until it kicks
}

void ClientTable::forget(int id) {
    if (!used(id)) return;
    at(id) = Client{};
    deadlines_[static_cast<std::size_t>(id - 1)] = kNever;
    --count_;
    while (end_ > 1 && !used(end_ - 1)) --end_;
}

int ClientTable::id_of(std::int32_t pid, std::int32_t preferred) const {
    auto is = [&](int id) { return used(id) && !at(id).dead && at(id).pid == pid; };
    if (is(preferred)) return preferred;
    for (int id = 1; id < end_; ++id)
        if (is(id)) return id;
    return 0;
}

void ClientTable::set_enabled(bool enabled, std::int64_t now) {
    if (enabled == enabled_) return;
    enabled_ = enabled;
    next_ = kNever;
    for (int id = 1; id < end_; ++id) {
        const auto& client = at(id);
        if (used(id) && !client.dead && client.verdict == Verdict::none) arm(id, client.timeout, now);
    }
}

void ClientTable::shift(std::int64_t ms) {
    next_ = kNever;
    for (int id = 1; id < end_; ++id) {
        auto& deadline = deadlines_[static_cast<std::size_t>(id - 1)];
        if (!used(id) || deadline == kNever) continue;
        deadline += ms;
        next_ = std::min(next_, deadline);
    }
}

int ClientTable::tick(std::int64_t now) {
    if (now < next_) return 0;
    int late = 0;
    next_ = kNever;
    for (int id = 1; id < end_; ++id) {
        if (!used(id)) continue;
        auto deadline = deadlines_[static_cast<std::size_t>(id - 1)];
        if (deadline <= now) {
            judge(id, Verdict::deadline);
            ++late;
        } else {
            next_ = std::min(next_, deadline);
        }
    }
    return late;
}

} // namespace leash_clients
