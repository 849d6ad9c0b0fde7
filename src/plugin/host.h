// SPDX-License-Identifier: MIT
// PID 1's side of the plugin interface.
//
//     class Services : public HostServices { ... };       // what only PID 1 can do
//     PluginHost plugins(loop, services);
//     plugins.load("watchdog", restored state or nullptr);
//     loop.set_after_round([&] { ...; plugins.loop_round(); });
//     on SIGCHLD, for each pid reaped: if (plugins.child_exited(pid, status)) continue;
//
// Which plugin calls? The functions of leash_host carry no context, so each plugin gets a
// leash_host of its own, whose functions belong to one of kMaxPlugins slots (slots.h). No "current
// plugin" has to be tracked, and a call is attributed rightly whatever set it off.
//
// Order: a plugin is never called from within a call of a plugin. What arrives meanwhile (trouble()
// makes PID 1 stop a service, and PID 1 delivers the new state) is queued and told as soon as the
// outermost callback has returned.
#pragma once

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "base/tag.h"
#include "plugin/leash_plugin.h"
#include "plugin/loader.h"
#include "service/settings.h"
#include "service/state.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace leash {

inline constexpr std::size_t kMaxPlugins = 8;
inline constexpr std::size_t kMaxPluginTimers = 64;
inline constexpr std::size_t kMaxSavedFds = 24;
inline constexpr std::size_t kMaxSavedFdName = 15;

// What has to survive a re-exec of PID 1, for its state page.
struct PluginState {
    struct Helper {
        pid_t pid;
        std::uint64_t cookie;
    };
    std::string plugin;
    bool has_bytes = false;
    std::vector<std::byte> bytes;   // at most LEASH_PLUGIN_STATE
    std::map<std::string, int> fds; // at most kMaxSavedFds; PID 1 clears FD_CLOEXEC before it execs
    std::vector<Helper> helpers;    // children of PID 1, before and after
};

// What only PID 1 can do for a plugin. Called on the loop; must not block.
class HostServices {
  public:
    virtual ~HostServices() = default;

    // The value of `key` in the plugin's own section of init.conf, its default included; nothing if
    // there is no such key.
    [[nodiscard]] virtual std::optional<std::string> config(const std::string& plugin,
                                                            std::string_view key) = 0;
    // 0, -ESRCH (that start is over), -EINVAL (no such kind), or -EAGAIN: PID 1 has drained the
    // service's notify socket first and found a heartbeat, which it has delivered.
    virtual int trouble(StartId start, std::string_view kind, std::string_view evidence) = 0;
    virtual int trouble_over(StartId start, std::string_view kind) = 0;
    virtual int trouble_at(StartId, std::string_view /*kind*/, int /*percent*/,
                           std::string_view /*evidence*/) {
        return -ENOSYS;
    }

    // The rest of leash_plugin.h; by default there is no such thing.
    // Labels of the plugin's own sections, in the order of the file.
    [[nodiscard]] virtual std::vector<std::string> sections(const std::string&) { return {}; }
    [[nodiscard]] virtual std::optional<std::string> config_in(const std::string& /*plugin*/,
                                                               std::string_view /*label*/,
                                                               std::string_view /*key*/) {
        return std::nullopt;
    }
    struct Owner {
        std::string service;
        StartId start = 0;
    };
    [[nodiscard]] virtual std::optional<Owner> whose(pid_t) { return std::nullopt; }
    virtual int machine_trouble(std::string_view /*source*/, std::string_view /*kind*/,
                                std::string_view /*policy*/, std::string_view /*evidence*/) {
        return -ENOSYS;
    }
    virtual int machine_trouble_over(std::string_view /*source*/, std::string_view /*kind*/) {
        return -ENOSYS;
    }
    virtual int end_machine(leash_end, std::string_view /*kind*/, std::string_view /*why*/) {
        return -ENOSYS;
    }
    virtual int hold(const std::string& /*plugin*/, leash_hold) { return -ENOSYS; }
    virtual int let_go(const std::string& /*plugin*/, leash_hold) { return -ENOSYS; }
    virtual int boot_target(std::string_view /*target*/, std::string_view /*why*/) {
        return -ENOSYS;
    }
    virtual int run_probe(StartId) { return -ENOSYS; }
    virtual int kill_probe(StartId) { return -ENOSYS; }

    virtual void log(const std::string& plugin, log::Level level, std::string_view text);
    // Bytes, descriptors or helpers of a plugin have changed: put them into the state page.
    virtual void state_changed(const PluginState&) {}
};

class PluginInstance;

// What is told with a shutdown: who asked for it, and why.
struct EndCause {
    std::string service; // whose trouble, "": no service's
    std::string kind;    // "requested", "signal", a kind of trouble
    std::string text;    // for people
};

// A client's command to a plugin.
struct PluginCommand {
    std::vector<std::string> words;
    uid_t uid = 0;
    pid_t pid = 0;
};
struct PluginAnswer {
    int status = 0;
    std::vector<std::string> lines; // JSON
    std::string message;
};

class PluginHost {
  public:
    PluginHost(EventLoop& loop, HostServices& services,
               std::string folder = std::string(kPluginFolder));
    // Unloads without a word to the plugins; helpers are left alone.
    ~PluginHost();
    PluginHost(const PluginHost&) = delete;
    PluginHost& operator=(const PluginHost&) = delete;

    // Loads and starts. `restored`: what an earlier life of PID 1 kept for it. A plugin that fails
    // is left out (its helpers are killed); the error says why and PID 1 goes on. Reads a file.
    [[nodiscard]] Result<void> load(const std::string& name, const PluginState* restored = nullptr);
    [[nodiscard]] Result<void> start(const std::string& name, PluginEntry entry,
                                     const PluginState* restored = nullptr);
    [[nodiscard]] std::vector<std::string> names() const;

    // What plugins are told. now_ms and size are filled in here.
    void deliver(const leash_event& event);
    // `watch`: how it is watched, in the words of leash_plugin.h.
    void service_state(std::string_view name, StartId start, State state, Ms watchdog,
                       WatchdogSource source, pid_t main_pid, std::string_view watch = {},
                       std::string_view finder = {});
    void heartbeat(std::string_view name, StartId start, std::string_view timer = {}, pid_t sender = 0);
    void time_asked(std::string_view name, StartId start, Ms time);
    // `status` as of waitpid(2); -1 with the reason: it could not be run.
    void probe_exited(StartId start, int status, std::string_view why = {});
    void heartbeat_trigger(std::string_view name, StartId start);
    void target_settled(std::string_view target, int failed_services);
    // `limit`: how long the shutdown may take at most, as far as it is known.
    void shutdown(leash_end end, Ms limit = Ms{0}, const EndCause& cause = {});
    void reset_overdue(std::string_view what);
    // The machine is up to its first service.
    void brought_up();
    void configured(); // init.conf has been read again
    // To be called after each round of the loop. The host itself sees to one round a second at
    // least.
    void loop_round();

    // True: it was a plugin's helper, which has been told. `status` as of waitpid(2).
    bool child_exited(pid_t pid, int status);

    // Before anything is stopped for `end`. An error's text is the reason to refuse it.
    [[nodiscard]] Result<void> may_end(leash_end end);
    // Whether a policy may reboot the machine for trouble. An error's text is the reason to refuse it.
    [[nodiscard]] Result<void> may_reboot(leash_end end, const EndCause& cause);
    // Hands the reset of the machine over. How long PID 1 is to wait for it; an error: no plugin
    // can, reboot at once.
    [[nodiscard]] Result<Ms> delegate(leash_end end);
    // The last act before reboot(2). An error: `end` would become a reset of the machine.
    [[nodiscard]] Result<void> release(leash_end end);

    // An error: there is no such plugin, or it takes no commands.
    [[nodiscard]] Result<PluginAnswer> command(std::string_view plugin, const PluginCommand& command);

    // The timers of a start, of all plugins that watch it.
    [[nodiscard]] std::vector<leash_timer> timers(StartId start) const;

    // For `initctl status`: key to text.
    [[nodiscard]] std::map<std::string, std::string> status() const;
    // What is to be kept across a re-exec, one for each plugin.
    [[nodiscard]] std::vector<PluginState> states() const;

  private:
    friend class PluginInstance;
    struct Queued {
        PluginInstance* to; // nullptr: all
        leash_event event;
        std::string name, kind, text, finder;
    };
    void send(PluginInstance* to, const leash_event& event);
    void call(PluginInstance* to, leash_event event);
    void drain();
    template <class F>
    auto guarded(F&& callback);
    [[nodiscard]] Result<void> start_loaded(const std::string& name, LoadedPlugin loaded,
                                            const PluginState* restored);
    [[nodiscard]] bool loaded(const std::string& name) const;
    [[nodiscard]] bool watched(int fd) const;

    EventLoop& loop_;
    HostServices& services_;
    std::string folder_;
    std::vector<std::unique_ptr<PluginInstance>> plugins_;
    std::deque<Queued> queue_;
    int depth_ = 0; // within a call of a plugin
    Timer pulse_;   // the once-a-second of LEASH_EVENT_LOOP
};

} // namespace leash
