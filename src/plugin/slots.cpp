// SPDX-License-Identifier: MIT
#include "plugin/slots.h"

#include "base/clock.h"
#include "plugin/instance.h"

#include <array>
#include <cerrno>
#include <utility>

namespace leash {

namespace {

std::array<PluginInstance*, kMaxPlugins> g_owners{};

// A function per slot: Thunk<3, &PluginInstance::save_fd>::call belongs to whoever owns slot 3. A
// call on a free slot (a plugin that was refused, but left a thread behind) does nothing.
template <std::size_t N, auto Member>
struct Thunk;
template <std::size_t N, class R, class... Args, R (PluginInstance::*Member)(Args...)>
struct Thunk<N, Member> {
    static R call(Args... args) {
        if (g_owners[N] != nullptr) return (g_owners[N]->*Member)(args...);
        if constexpr (std::is_same_v<R, int>)
            return -ENODEV;
        else
            return R();
    }
};

std::int64_t now_ms() {
    return monotonic_now().count();
}

template <std::size_t N>
constexpr leash_host make_host() {
    using P = PluginInstance;
    return {.size = sizeof(leash_host),
            .abi = LEASH_PLUGIN_ABI,
            .log = Thunk<N, &P::log>::call,
            .now_ms = now_ms,
            .config = Thunk<N, &P::config>::call,
            .set_timer = Thunk<N, &P::set_timer>::call,
            .watch_fd = Thunk<N, &P::watch_fd>::call,
            .unwatch_fd = Thunk<N, &P::unwatch_fd>::call,
            .spawn_helper = Thunk<N, &P::spawn_helper>::call,
            .trouble = Thunk<N, &P::trouble>::call,
            .trouble_over = Thunk<N, &P::trouble_over>::call,
            .set_status = Thunk<N, &P::set_status>::call,
            .save_state = Thunk<N, &P::save_state>::call,
            .save_fd = Thunk<N, &P::save_fd>::call,
            .saved_fd = Thunk<N, &P::saved_fd>::call,
            .section = Thunk<N, &P::section>::call,
            .config_in = Thunk<N, &P::config_in>::call,
            .whose = Thunk<N, &P::whose>::call,
            .machine_trouble = Thunk<N, &P::machine_trouble>::call,
            .machine_trouble_over = Thunk<N, &P::machine_trouble_over>::call,
            .end_machine = Thunk<N, &P::end_machine>::call,
            .hold = Thunk<N, &P::hold>::call,
            .let_go = Thunk<N, &P::let_go>::call,
            .boot_target = Thunk<N, &P::boot_target>::call,
            .run_probe = Thunk<N, &P::run_probe>::call,
            .kill_probe = Thunk<N, &P::kill_probe>::call,
            .trouble_at = Thunk<N, &P::trouble_at>::call};
}

template <std::size_t... N>
constexpr std::array<leash_host, sizeof...(N)> make_hosts(std::index_sequence<N...>) {
    return {make_host<N>()...};
}

const std::array<leash_host, kMaxPlugins> g_hosts =
    make_hosts(std::make_index_sequence<kMaxPlugins>());

} // namespace

const leash_host* claim_slot(PluginInstance& instance) {
    for (std::size_t i = 0; i < kMaxPlugins; ++i) {
        if (g_owners[i] != nullptr) continue;
        g_owners[i] = &instance;
        return &g_hosts[i];
    }
    return nullptr;
}

void free_slot(PluginInstance& instance) {
    for (auto& owner : g_owners)
        if (owner == &instance) owner = nullptr;
}

} // namespace leash
