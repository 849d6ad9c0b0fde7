// SPDX-License-Identifier: MIT
// The states of a service, as users see them.
//
//   stopped ──start──► waiting ──dependencies up──► starting ──ready──► running ──reload──► reloading
//      ▲                  │                            │                   │
//      │                  └──dependency failed──► failed                   ├─ stop, exit, trouble
//      │                                                                   ▼
//      └────────── nothing is left, and down is wanted ◄───────────── stopping
//                                                                          │ restart is due
//   failed  ◄── nothing is left, and it may not be restarted ◄─────────────┤
//   done    ◄── one-shot: main process ended with 0, nothing is left ◄─────┤
//   backoff ◄── nothing is left, waits out restart-delay ◄─────────────────┘   then waiting
#pragma once

#include <optional>
#include <string_view>

namespace leash {

enum class State { stopped, waiting, starting, running, reloading, stopping, backoff, failed, done };

[[nodiscard]] std::string_view to_string(State state);
[[nodiscard]] std::optional<State> state_named(std::string_view name);

// running, reloading or done: what others may depend on.
[[nodiscard]] bool is_up(State state);
// A start exists: starting, running, reloading, stopping.
[[nodiscard]] bool is_alive(State state);

} // namespace leash
