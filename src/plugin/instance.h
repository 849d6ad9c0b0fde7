// SPDX-License-Identifier: MIT
// One loaded plugin: what the functions of its leash_host do, and what it holds.
#pragma once

#include "base/event_loop.h"
#include "plugin/host.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace leash {

class PluginInstance {
  public:
    PluginInstance(PluginHost& host, std::string name, LoadedPlugin loaded,
                   const PluginState* restored);
    ~PluginInstance();
    PluginInstance(const PluginInstance&) = delete;
    PluginInstance& operator=(const PluginInstance&) = delete;

    [[nodiscard]] const std::string& name() const { return state_.plugin; }
    [[nodiscard]] const leash_plugin& plugin() const { return loaded_.plugin; }
    [[nodiscard]] const PluginState& state() const { return state_; }
    [[nodiscard]] const std::map<std::string, std::string>& status() const { return status_; }
    [[nodiscard]] const leash_host* interface() const {
        return interface_;
    } // null: no slot is free
    [[nodiscard]] bool watches(int fd) const { return watches_.contains(fd); }
    // The cookie of a helper that has ended, which is forgotten.
    [[nodiscard]] std::optional<std::uint64_t> take_helper(pid_t pid);
    void kill_helpers();

    // The functions of leash_host.
    void log(leash_level level, const char* text);
    const char* config(const char* key);
    int set_timer(std::uint64_t cookie, std::int64_t deadline_ms);
    int watch_fd(int fd, std::uint64_t cookie);
    int unwatch_fd(int fd);
    int spawn_helper(const leash_helper* helper);
    int trouble(std::uint64_t start, const char* kind, const char* evidence);
    int trouble_over(std::uint64_t start, const char* kind);
    int trouble_at(std::uint64_t start, const char* kind, std::int32_t percent, const char* evidence);
    void set_status(const char* key, const char* text);
    int save_state(const void* bytes, std::size_t length);
    int save_fd(const char* name, int fd);
    int saved_fd(const char* name);
    const char* section(std::uint32_t index);
    const char* config_in(const char* label, const char* key);
    int whose(std::int32_t pid, char* service, std::size_t size, std::uint64_t* start);
    int machine_trouble(const char* source, const char* kind, const char* policy,
                        const char* evidence);
    int machine_trouble_over(const char* source, const char* kind);
    int end_machine(int end, const char* kind, const char* why);
    int hold(int what);
    int let_go(int what);
    int boot_target(const char* target, const char* why);
    int run_probe(std::uint64_t start);
    int kill_probe(std::uint64_t start);

  private:
    void timer_fired(std::uint64_t cookie);
    const char* keep(std::string place, std::optional<std::string> value);

    PluginHost& host_;
    LoadedPlugin loaded_;
    PluginState state_;
    const leash_host* interface_;
    std::map<std::uint64_t, std::unique_ptr<Timer>> timers_;
    std::map<int, std::unique_ptr<IoWatch>> watches_;
    std::map<std::string, std::string> status_;
    // Every value ever given out, since the plugin may keep the pointers.
    std::map<std::string, std::deque<std::string>, std::less<>> config_;
};

} // namespace leash
