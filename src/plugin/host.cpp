// SPDX-License-Identifier: MIT
#include "plugin/host.h"

#include "plugin/instance.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace leash {

namespace {

// The plugin's numbers are the core's, so that one static_cast translates.
static_assert(int{LEASH_STOPPED} == static_cast<int>(State::stopped));
static_assert(int{LEASH_WAITING} == static_cast<int>(State::waiting));
static_assert(int{LEASH_STARTING} == static_cast<int>(State::starting));
static_assert(int{LEASH_RUNNING} == static_cast<int>(State::running));
static_assert(int{LEASH_RELOADING} == static_cast<int>(State::reloading));
static_assert(int{LEASH_STOPPING} == static_cast<int>(State::stopping));
static_assert(int{LEASH_BACKOFF} == static_cast<int>(State::backoff));
static_assert(int{LEASH_FAILED} == static_cast<int>(State::failed));
static_assert(int{LEASH_DONE} == static_cast<int>(State::done));
static_assert(int{LEASH_SOURCE_HEARTBEAT} == static_cast<int>(WatchdogSource::heartbeat));
static_assert(int{LEASH_SOURCE_TASKS} == static_cast<int>(WatchdogSource::tasks));
static_assert(int{LEASH_SOURCE_PROGRESS} == static_cast<int>(WatchdogSource::progress));
static_assert(int{LEASH_SOURCE_PROBE} == static_cast<int>(WatchdogSource::probe));

constexpr Ms kPulse = 1s;

} // namespace

void HostServices::log(const std::string& plugin, log::Level level, std::string_view text) {
    log::write(level, fmt::format("{}: {}", plugin, text));
}

PluginHost::PluginHost(EventLoop& loop, HostServices& services, std::string folder)
    : loop_(loop), services_(services), folder_(std::move(folder)),
      pulse_(loop, [this] { pulse_.in(kPulse); }) {}

PluginHost::~PluginHost() = default;

// Runs a call into a plugin; what it sets off waits until it has returned.
template <class F>
auto PluginHost::guarded(F&& callback) {
    struct Depth {
        int& depth;
        explicit Depth(int& value) : depth(value) { ++depth; }
        ~Depth() { --depth; }
    };
    auto result = [&] {
        Depth within(depth_);
        return callback();
    }();
    drain();
    return result;
}

Result<void> PluginHost::load(const std::string& name, const PluginState* restored) {
    if (loaded(name)) return fail("plugin {}: is loaded already", name);
    auto found = load_plugin(folder_, name);
    if (!found) return std::unexpected(found.error());
    return start_loaded(name, *found, restored);
}

Result<void> PluginHost::start(const std::string& name, PluginEntry entry,
                               const PluginState* restored) {
    if (loaded(name)) return fail("plugin {}: is loaded already", name);
    auto found = check_plugin(name, entry);
    if (!found) return std::unexpected(found.error());
    return start_loaded(name, *found, restored);
}

Result<void> PluginHost::start_loaded(const std::string& name, LoadedPlugin loaded,
                                      const PluginState* restored) {
    auto instance = std::make_unique<PluginInstance>(*this, name, loaded, restored);
    if (instance->interface() == nullptr)
        return fail("plugin {}: at most {} plugins can be loaded", name, kMaxPlugins);
    // A copy: the plugin may save anew while it reads.
    auto bytes = instance->state().bytes;
    const void* saved =
        instance->state().has_bytes ? static_cast<const void*>(bytes.data()) : nullptr;
    static constexpr std::byte kNothing{};
    if (instance->state().has_bytes && bytes.empty()) saved = &kNothing;

    PluginInstance* started = instance.get();
    plugins_.push_back(std::move(instance)); // before start(): its helpers may end any time
    int error =
        guarded([&] { return started->plugin().start(started->interface(), saved, bytes.size()); });
    if (error < 0) {
        started->kill_helpers();
        std::erase_if(queue_, [&](const Queued& queued) { return queued.to == started; });
        plugins_.pop_back();
        return fail_errno(-error, "plugin {}: does not start", name);
    }
    if (!pulse_.armed()) pulse_.in(kPulse);
    return {};
}

bool PluginHost::loaded(const std::string& name) const {
    return std::ranges::any_of(plugins_,
                               [&](const auto& plugin) { return plugin->name() == name; });
}

std::vector<std::string> PluginHost::names() const {
    std::vector<std::string> names;
    for (const auto& plugin : plugins_)
        names.push_back(plugin->name());
    return names;
}

void PluginHost::deliver(const leash_event& event) {
    send(nullptr, event);
}

void PluginHost::send(PluginInstance* to, const leash_event& event) {
    if (depth_ > 0) {
        auto kept = [](const char* text) { return std::string(text == nullptr ? "" : text); };
        queue_.push_back({to, event, kept(event.name), kept(event.kind), kept(event.text),
                          kept(event.finder)});
        return;
    }
    call(to, event);
    drain();
}

void PluginHost::call(PluginInstance* to, leash_event event) {
    event.size = sizeof event;
    event.now_ms = monotonic_now().count();
    for (const char** text : {&event.name, &event.kind, &event.text, &event.finder})
        if (*text == nullptr) *text = "";
    ++depth_;
    for (const auto& plugin : plugins_)
        if (to == nullptr || to == plugin.get()) plugin->plugin().event(&event);
    --depth_;
}

void PluginHost::drain() {
    while (depth_ == 0 && !queue_.empty()) {
        Queued queued = std::move(queue_.front());
        queue_.pop_front();
        queued.event.name = queued.name.c_str();
        queued.event.kind = queued.kind.c_str();
        queued.event.text = queued.text.c_str();
        queued.event.finder = queued.finder.c_str();
        call(queued.to, queued.event);
    }
}

void PluginHost::service_state(std::string_view name, StartId start, State state, Ms watchdog,
                               WatchdogSource source, pid_t main_pid, std::string_view watch,
                               std::string_view finder) {
    std::string text(name), how(watch), find(finder);
    leash_event event{};
    event.type = LEASH_EVENT_SERVICE_STATE;
    event.name = text.c_str();
    event.start = start;
    event.state = static_cast<std::int32_t>(state);
    event.watchdog_ms = watchdog.count();
    event.source = static_cast<std::int32_t>(source);
    event.main_pid = main_pid;
    event.text = how.c_str();
    event.finder = find.c_str();
    send(nullptr, event);
}

void PluginHost::heartbeat(std::string_view name, StartId start, std::string_view timer, pid_t sender) {
    std::string text(name), kind(timer);
    leash_event event{};
    event.type = LEASH_EVENT_HEARTBEAT;
    event.name = text.c_str();
    event.start = start;
    event.kind = kind.c_str();
    event.main_pid = sender;
    send(nullptr, event);
}

void PluginHost::time_asked(std::string_view name, StartId start, Ms time) {
    std::string text(name);
    leash_event event{};
    event.type = LEASH_EVENT_TIME_ASKED;
    event.name = text.c_str();
    event.start = start;
    event.watchdog_ms = time.count();
    send(nullptr, event);
}

void PluginHost::probe_exited(StartId start, int status, std::string_view why) {
    std::string text(why);
    leash_event event{};
    event.type = LEASH_EVENT_PROBE_EXIT;
    event.start = start;
    event.status = status;
    event.text = text.c_str();
    send(nullptr, event);
}

void PluginHost::heartbeat_trigger(std::string_view name, StartId start) {
    std::string text(name);
    leash_event event{};
    event.type = LEASH_EVENT_HEARTBEAT_TRIGGER;
    event.name = text.c_str();
    event.start = start;
    send(nullptr, event);
}

void PluginHost::target_settled(std::string_view target, int failed_services) {
    std::string text(target);
    leash_event event{};
    event.type = LEASH_EVENT_TARGET_SETTLED;
    event.name = text.c_str();
    event.status = failed_services;
    send(nullptr, event);
}

void PluginHost::brought_up() {
    leash_event event{};
    event.type = LEASH_EVENT_BROUGHT_UP;
    send(nullptr, event);
}

void PluginHost::configured() {
    leash_event event{};
    event.type = LEASH_EVENT_CONFIG;
    send(nullptr, event);
}

void PluginHost::shutdown(leash_end end, Ms limit, const EndCause& cause) {
    leash_event event{};
    event.name = cause.service.c_str();
    event.kind = cause.kind.c_str();
    event.text = cause.text.c_str();
    event.type = LEASH_EVENT_SHUTDOWN;
    event.status = end;
    event.watchdog_ms = limit.count();
    send(nullptr, event);
}

void PluginHost::reset_overdue(std::string_view what) {
    std::string text(what);
    leash_event event{};
    event.type = LEASH_EVENT_RESET_OVERDUE;
    event.text = text.c_str();
    send(nullptr, event);
}

void PluginHost::loop_round() {
    if (plugins_.empty()) return;
    leash_event event{};
    event.type = LEASH_EVENT_LOOP;
    send(nullptr, event);
}

bool PluginHost::child_exited(pid_t pid, int status) {
    for (const auto& plugin : plugins_) {
        auto cookie = plugin->take_helper(pid);
        if (!cookie) continue;
        leash_event event{};
        event.type = LEASH_EVENT_HELPER_EXIT;
        event.cookie = *cookie;
        event.main_pid = pid;
        event.status = status;
        send(plugin.get(), event);
        return true;
    }
    return false;
}

Result<void> PluginHost::may_end(leash_end end) {
    for (const auto& plugin : plugins_) {
        if (plugin->plugin().may_end == nullptr) continue;
        std::array<char, 256> why{};
        int error = guarded([&] { return plugin->plugin().may_end(end, why.data(), why.size()); });
        why.back() = '\0';
        if (error < 0) return std::unexpected(Error{why.data(), -error});
    }
    return {};
}

Result<void> PluginHost::may_reboot(leash_end end, const EndCause& cause) {
    for (const auto& plugin : plugins_) {
        if (plugin->plugin().may_reboot == nullptr) continue;
        std::array<char, 256> why{};
        int error = guarded([&] {
            return plugin->plugin().may_reboot(end, cause.service.c_str(), cause.kind.c_str(),
                                               why.data(), why.size());
        });
        why.back() = '\0';
        if (error < 0) return std::unexpected(Error{why.data(), -error});
    }
    return {};
}

Result<Ms> PluginHost::delegate(leash_end end) {
    std::optional<Ms> longest;
    std::int64_t error = -ENODEV;
    for (const auto& plugin : plugins_) {
        if (plugin->plugin().delegate == nullptr) continue;
        std::int64_t wait = guarded([&] { return plugin->plugin().delegate(end); });
        if (wait < 0)
            error = wait;
        else
            longest = std::max(longest.value_or(Ms{0}), Ms{wait});
    }
    if (longest) return *longest;
    return fail_errno(static_cast<int>(-error), "no plugin can reset the machine");
}

Result<void> PluginHost::release(leash_end end) {
    Result<void> result;
    for (const auto& plugin : plugins_) {
        if (plugin->plugin().release == nullptr) continue;
        int error = guarded([&] { return plugin->plugin().release(end); });
        if (error < 0 && result)
            result = fail_errno(-error, "plugin {} holds a timer that cannot be stopped",
                                plugin->name());
    }
    return result;
}

Result<PluginAnswer> PluginHost::command(std::string_view plugin, const PluginCommand& command) {
    auto found = std::ranges::find_if(plugins_, [&](const auto& p) { return p->name() == plugin; });
    if (found == plugins_.end()) return fail("there is no plugin '{}'", plugin);
    auto* to = found->get();
    if (to->plugin().command == nullptr) return fail("plugin {} takes no commands", plugin);
    std::vector<const char*> words;
    for (const auto& word : command.words) words.push_back(word.c_str());
    words.push_back(nullptr);
    PluginAnswer answer;
    leash_command call{};
    call.size = sizeof call;
    call.uid = command.uid;
    call.pid = command.pid;
    call.argc = static_cast<std::uint32_t>(command.words.size());
    call.argv = words.data();
    call.line = [](const leash_command* c, const char* json) {
        static_cast<PluginAnswer*>(c->context)->lines.emplace_back(json);
    };
    call.message = [](const leash_command* c, const char* text) {
        static_cast<PluginAnswer*>(c->context)->message = text;
    };
    call.context = &answer;
    answer.status = guarded([&] { return to->plugin().command(&call); });
    return answer;
}

std::vector<leash_timer> PluginHost::timers(StartId start) const {
    std::vector<leash_timer> timers;
    for (const auto& plugin : plugins_) {
        if (plugin->plugin().timers == nullptr) continue;
        std::array<leash_timer, 8> room{};
        int count = plugin->plugin().timers(start, room.data(), room.size());
        for (int i = 0; i < std::min(count, static_cast<int>(room.size())); ++i) {
            auto& timer = room[static_cast<std::size_t>(i)];
            timer.name[sizeof timer.name - 1] = '\0';
            timers.push_back(timer);
        }
    }
    return timers;
}

std::map<std::string, std::string> PluginHost::status() const {
    std::map<std::string, std::string> lines;
    for (const auto& plugin : plugins_)
        for (const auto& [key, text] : plugin->status())
            lines[key] = text;
    return lines;
}

std::vector<PluginState> PluginHost::states() const {
    std::vector<PluginState> states;
    for (const auto& plugin : plugins_)
        states.push_back(plugin->state());
    return states;
}

bool PluginHost::watched(int fd) const {
    return std::ranges::any_of(plugins_, [&](const auto& plugin) { return plugin->watches(fd); });
}

} // namespace leash
