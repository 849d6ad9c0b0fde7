// SPDX-License-Identifier: MIT
// A Life as bytes of fixed size, for the state page: what a next life of init needs to carry on with
// a service as if nothing had happened. Plain values; texts are cut, and of
// the budgets of policy steps the last used ones are kept.
#pragma once

#include <cstdint>
#include <type_traits>

#include "service/lifecycle.h"

namespace leash {

struct LifeRecord {
    std::uint64_t start, last_start;
    std::int64_t since, spawned_at, start_deadline, stop_deadline, again_at, pause,
        runtime_deadline, next_run, control_deadline, watchdog, extended, runtime_extended,
        reload_asked; // ms
    std::int32_t state, main_pid, outcome, last_exit, remains, restarts, control_kind,
        control_pid, error_number, said_exit;
    std::uint32_t control_index, control_serial;
    std::uint8_t has_last_exit, wanted_up, again, main_moved, main_exited, end_asked, emptied,
        automatic, control_running, exit_seen, cleaned, silent,
        has_said_exit, reload_begun, times_reloads, stepped_back,
        sockets, lazy, listens, traffic_left, timed, slow_loop;
    Backoff backoff;
    RateWindow exits, failures;
    char reason[96], outcome_reason[96], status_text[96],
        error_text[48];
    // Troubles that stand; beyond, those with a level are answered again when they are told again.
    static constexpr std::size_t kTroubles = 8;
    struct Standing {
        std::int64_t due, since;
        std::uint32_t next;
        std::uint8_t used, kind, pending, standing, calming, answered, below, level; // percent
        char evidence[60];
    } troubles[kTroubles];
    static constexpr std::size_t kBudgets = 3;
    std::uint32_t budgets_used;
    Budgets::Use budgets[kBudgets];
};
static_assert(std::is_trivially_copyable_v<LifeRecord>);
// Which troubles there are is part of the record: another number needs another version of the page.
static_assert(kTroubleKinds == 19);

[[nodiscard]] LifeRecord pack(const Life& life);
// Values out of range (another build wrote them) become the ones of a stopped service.
[[nodiscard]] Life unpack(const LifeRecord& record);

} // namespace leash
