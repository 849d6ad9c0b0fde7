// SPDX-License-Identifier: MIT
#include "service/life_record.h"

#include <algorithm>

#include "base/fixed_text.h"

namespace leash {

LifeRecord pack(const Life& life) {
    LifeRecord record{};
    record.start = life.start;
    record.last_start = life.last_start;
    record.since = life.since.count();
    record.spawned_at = life.spawned_at.count();
    record.start_deadline = life.start_deadline.count();
    record.stop_deadline = life.stop_deadline.count();
    record.again_at = life.again_at.count();
    record.pause = life.pause.count();
    record.runtime_deadline = life.runtime_deadline.count();
    record.next_run = life.next_run.count();
    record.watchdog = life.watchdog.count();
    record.extended = life.extended.count();
    record.runtime_extended = life.runtime_extended.count();
    record.reload_asked = life.reload_asked.count();
    record.reload_begun = life.reload_begun;
    record.times_reloads = life.times_reloads;
    record.error_number = life.error_number;
    record.said_exit = life.said_exit.value_or(0);
    record.has_said_exit = life.said_exit.has_value();
    record.control_deadline = life.control.deadline.count();
    record.control_kind = static_cast<std::int32_t>(life.control.kind);
    record.control_pid = life.control.pid;
    record.control_index = life.control.index;
    record.control_serial = life.control.serial;
    record.control_running = life.control.running;
    record.exit_seen = life.exit_seen;
    record.cleaned = life.cleaned;
    record.silent = life.silent;
    record.sockets = static_cast<std::uint8_t>(life.sockets);
    record.lazy = life.lazy;
    record.listens = life.listens;
    record.traffic_left = life.traffic_left;
    record.timed = life.timed;
    record.state = static_cast<std::int32_t>(life.state);
    record.main_pid = life.main_pid;
    record.outcome = static_cast<std::int32_t>(life.outcome);
    record.last_exit = life.last_exit.value_or(0);
    record.has_last_exit = life.last_exit.has_value();
    record.remains = life.remains;
    record.restarts = life.restarts;
    record.wanted_up = life.wanted_up;
    record.again = life.again;
    record.stepped_back = life.stepped_back;
    record.main_moved = life.main_moved;
    record.main_exited = life.main_exited;
    record.end_asked = life.end_asked;
    record.emptied = life.emptied;
    record.automatic = life.automatic;
    record.backoff = life.backoff;
    record.exits = life.exits.get();
    record.failures = life.failures.get();
    record.slow_loop = life.slow_loop;
    put_text(record.reason, life.reason);
    put_text(record.outcome_reason, life.outcome_reason);
    put_text(record.status_text, *life.status_text);
    put_text(record.error_text, *life.error_text);
    std::size_t used = 0;
    for (bool pending : {true, false}) // what waits matters more
        for (std::size_t i = 0; i < life.troubles->size(); ++i) {
            const auto& trouble = (*life.troubles)[i];
            bool stands = trouble.pending || trouble.standing || trouble.answered > 0;
            if (!stands || trouble.pending != pending || used == LifeRecord::kTroubles) continue;
            auto& saved = record.troubles[used++];
            saved.used = 1;
            saved.kind = static_cast<std::uint8_t>(i);
            saved.pending = trouble.pending ? 1 : 0;
            saved.standing = trouble.standing ? 1 : 0;
            saved.calming = trouble.calming ? 1 : 0;
            saved.next = static_cast<std::uint32_t>(trouble.next);
            saved.due = trouble.due.count();
            saved.since = trouble.since.count();
            saved.answered = static_cast<std::uint8_t>(trouble.answered);
            saved.below = static_cast<std::uint8_t>(trouble.waiting.below);
            saved.level = static_cast<std::uint8_t>(trouble.waiting.level);
            put_text(saved.evidence, trouble.evidence);
        }
    for (const auto& use : life.budgets.newest(LifeRecord::kBudgets))
        record.budgets[record.budgets_used++] = use;
    return record;
}

Life unpack(const LifeRecord& record) {
    Life life;
    if (record.state < 0 || record.state > static_cast<std::int32_t>(State::done) ||
        record.outcome < 0 || record.outcome > static_cast<std::int32_t>(Outcome::listen) ||
        record.sockets > static_cast<std::uint8_t>(Sockets::stale))
        return life;
    life.start = record.start;
    life.last_start = record.last_start;
    life.since = Ms{record.since};
    life.spawned_at = Ms{record.spawned_at};
    life.start_deadline = Ms{record.start_deadline};
    life.stop_deadline = Ms{record.stop_deadline};
    life.again_at = Ms{record.again_at};
    life.pause = Ms{record.pause};
    life.runtime_deadline = Ms{record.runtime_deadline};
    life.next_run = Ms{record.next_run};
    life.watchdog = Ms{record.watchdog};
    life.extended = Ms{record.extended};
    life.runtime_extended = Ms{record.runtime_extended};
    life.reload_asked = Ms{record.reload_asked};
    life.reload_begun = record.reload_begun != 0;
    life.times_reloads = record.times_reloads != 0;
    life.error_number = record.error_number;
    if (record.has_said_exit) life.said_exit = record.said_exit;
    life.control.deadline = Ms{record.control_deadline};
    if (record.control_kind >= 0 && record.control_kind < kControlKinds) {
        life.control.kind = static_cast<ControlKind>(record.control_kind);
        life.control.running = record.control_running != 0;
    }
    life.control.pid = record.control_pid;
    life.control.index = record.control_index;
    life.control.serial = record.control_serial;
    life.exit_seen = record.exit_seen != 0;
    life.cleaned = record.cleaned != 0;
    life.silent = record.silent != 0;
    life.sockets = static_cast<Sockets>(record.sockets);
    // Whoever was at it is gone.
    if (life.sockets == Sockets::asked) life.sockets = Sockets::closed;
    life.lazy = record.lazy != 0;
    life.listens = record.listens != 0;
    life.traffic_left = record.traffic_left != 0;
    life.timed = record.timed != 0;
    life.state = static_cast<State>(record.state);
    life.main_pid = record.main_pid;
    life.outcome = static_cast<Outcome>(record.outcome);
    if (record.has_last_exit) life.last_exit = record.last_exit;
    life.remains = record.remains;
    life.restarts = record.restarts;
    life.wanted_up = record.wanted_up != 0;
    life.again = record.again != 0;
    life.stepped_back = record.stepped_back != 0;
    life.main_moved = record.main_moved != 0;
    life.main_exited = record.main_exited != 0;
    life.end_asked = record.end_asked != 0;
    life.emptied = record.emptied != 0;
    life.automatic = record.automatic != 0;
    life.backoff = record.backoff;
    if (record.exits.newest() != Ms::min()) life.exits = record.exits;
    if (record.failures.newest() != Ms::min()) life.failures = record.failures;
    life.slow_loop = record.slow_loop != 0;
    life.reason = get_text(record.reason);
    life.outcome_reason = get_text(record.outcome_reason);
    if (auto text = get_text(record.status_text); !text.empty()) life.status_text = std::move(text);
    if (auto text = get_text(record.error_text); !text.empty()) life.error_text = std::move(text);
    for (const auto& saved : record.troubles) {
        if (saved.used == 0 || saved.kind >= kTroubleKinds) continue;
        life.troubles.edit()[saved.kind] = {saved.pending != 0,
                                            saved.next,
                                            Ms{saved.due},
                                            get_text(saved.evidence),
                                            {saved.below, std::min<int>(saved.level, 100)},
                                            std::min<int>(saved.answered, 100),
                                            saved.standing != 0,
                                            saved.calming != 0,
                                            Ms{saved.since}};
    }
    for (std::size_t i = 0; i < record.budgets_used && i < LifeRecord::kBudgets; ++i)
        life.budgets.restore(record.budgets[i]);
    return life;
}

} // namespace leash
