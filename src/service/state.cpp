// SPDX-License-Identifier: MIT
#include "service/state.h"

#include <algorithm>
#include <array>

namespace leash {
namespace {

constexpr std::array<std::string_view, 9> kNames{"stopped",  "waiting", "starting",
                                                 "running",  "reloading", "stopping",
                                                 "backoff",  "failed",  "done"};

} // namespace

std::string_view to_string(State state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<State> state_named(std::string_view name) {
    auto known = std::ranges::find(kNames, name);
    if (known == kNames.end()) return std::nullopt;
    return static_cast<State>(known - kNames.begin());
}

bool is_up(State state) {
    return state == State::running || state == State::reloading || state == State::done;
}

bool is_alive(State state) {
    return state == State::starting || state == State::running || state == State::reloading ||
           state == State::stopping;
}

} // namespace leash
