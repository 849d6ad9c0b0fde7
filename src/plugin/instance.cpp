// SPDX-License-Identifier: MIT
#include "plugin/instance.h"

#include "plugin/helper.h"
#include "plugin/slots.h"

#include <algorithm>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

namespace leash {

namespace {

std::string_view text_of(const char* text) {
    return text == nullptr ? "" : text;
}

} // namespace

PluginInstance::PluginInstance(PluginHost& host, std::string name, LoadedPlugin loaded,
                               const PluginState* restored)
    : host_(host), loaded_(loaded), interface_(claim_slot(*this)) {
    if (restored != nullptr) state_ = *restored;
    state_.plugin = std::move(name);
    for (auto& [key, fd] : state_.fds)
        fcntl(fd, F_SETFD, FD_CLOEXEC); // it came through the exec
}

PluginInstance::~PluginInstance() {
    watches_.clear();
    timers_.clear();
    free_slot(*this);
    unload_plugin(loaded_);
}

std::optional<std::uint64_t> PluginInstance::take_helper(pid_t pid) {
    auto found = std::ranges::find(state_.helpers, pid, &PluginState::Helper::pid);
    if (found == state_.helpers.end()) return std::nullopt;
    std::uint64_t cookie = found->cookie;
    state_.helpers.erase(found);
    host_.services_.state_changed(state_);
    return cookie;
}

void PluginInstance::kill_helpers() {
    for (const auto& helper : state_.helpers)
        kill(helper.pid, SIGKILL);
    state_.helpers.clear();
}

void PluginInstance::log(leash_level level, const char* text) {
    auto bounded = std::clamp(static_cast<int>(level), int{LEASH_ERROR}, int{LEASH_DEBUG});
    host_.services_.log(name(), static_cast<log::Level>(bounded), text_of(text));
}

const char* PluginInstance::keep(std::string place, std::optional<std::string> value) {
    if (!value) return nullptr;
    auto& given = config_[std::move(place)];
    if (given.empty() || given.back() != *value) given.push_back(std::move(*value));
    return given.back().c_str();
}

const char* PluginInstance::config(const char* key) {
    return keep(std::string(text_of(key)), host_.services_.config(name(), text_of(key)));
}

const char* PluginInstance::section(std::uint32_t index) {
    auto labels = host_.services_.sections(name());
    if (index >= labels.size()) return nullptr;
    return keep(fmt::format("[{}]", index), labels[index]);
}

const char* PluginInstance::config_in(const char* label, const char* key) {
    return keep(fmt::format("[{}]{}", text_of(label), text_of(key)),
                host_.services_.config_in(name(), text_of(label), text_of(key)));
}

int PluginInstance::set_timer(std::uint64_t cookie, std::int64_t deadline_ms) {
    auto found = timers_.find(cookie);
    if (deadline_ms < 0) {
        if (found != timers_.end()) timers_.erase(found);
        return 0;
    }
    if (found == timers_.end()) {
        if (timers_.size() >= kMaxPluginTimers) return -ENOSPC;
        auto timer = std::make_unique<Timer>(host_.loop_, [this, cookie] { timer_fired(cookie); });
        found = timers_.emplace(cookie, std::move(timer)).first;
    }
    // Never due at once: a plugin that sets it to "now" each time must not keep the loop from its
    // descriptors.
    found->second->at(std::max(Ms{deadline_ms}, monotonic_now() + 1ms));
    return 0;
}

void PluginInstance::timer_fired(std::uint64_t cookie) {
    leash_event event{};
    event.type = LEASH_EVENT_TIMER;
    event.cookie = cookie;
    host_.send(this, event);
}

int PluginInstance::watch_fd(int fd, std::uint64_t cookie) {
    struct stat info {};
    if (fstat(fd, &info) != 0) return -errno;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return -EPERM; // epoll would say so, too
    if (host_.watched(fd)) return -EEXIST;
    watches_[fd] = std::make_unique<IoWatch>(host_.loop_, fd, UEV_READ, [this, cookie](int) {
        leash_event event{};
        event.type = LEASH_EVENT_READABLE;
        event.cookie = cookie;
        host_.send(this, event);
    });
    return 0;
}

int PluginInstance::unwatch_fd(int fd) {
    return watches_.erase(fd) == 1 ? 0 : -ENOENT;
}

int PluginInstance::spawn_helper(const leash_helper* helper) {
    if (helper == nullptr) return -EINVAL;
    pid_t pid = spawn_helper_process(*helper);
    if (pid < 0) return pid;
    state_.helpers.push_back({pid, helper->cookie});
    host_.services_.state_changed(state_);
    return pid;
}

int PluginInstance::trouble(std::uint64_t start, const char* kind, const char* evidence) {
    return host_.services_.trouble(start, text_of(kind), text_of(evidence));
}

int PluginInstance::trouble_over(std::uint64_t start, const char* kind) {
    return host_.services_.trouble_over(start, text_of(kind));
}

int PluginInstance::trouble_at(std::uint64_t start, const char* kind, std::int32_t percent,
                               const char* evidence) {
    return host_.services_.trouble_at(start, text_of(kind), percent, text_of(evidence));
}

void PluginInstance::set_status(const char* key, const char* text) {
    if (text_of(text).empty())
        status_.erase(std::string(text_of(key)));
    else
        status_[std::string(text_of(key))] = text;
}

int PluginInstance::save_state(const void* bytes, std::size_t length) {
    if (length > LEASH_PLUGIN_STATE) return -E2BIG;
    if (bytes == nullptr && length > 0) return -EINVAL;
    const auto* begin = static_cast<const std::byte*>(bytes);
    state_.bytes.assign(begin, begin + length);
    state_.has_bytes = true;
    host_.services_.state_changed(state_);
    return 0;
}

int PluginInstance::save_fd(const char* name, int fd) {
    std::string key(text_of(name));
    if (key.empty() || key.size() > kMaxSavedFdName) return -EINVAL;
    if (fd < 0) {
        if (state_.fds.erase(key) == 0) return 0;
    } else {
        if (fcntl(fd, F_GETFD) < 0) return -errno;
        if (!state_.fds.contains(key) && state_.fds.size() >= kMaxSavedFds) return -ENOSPC;
        state_.fds[key] = fd;
    }
    host_.services_.state_changed(state_);
    return 0;
}

int PluginInstance::saved_fd(const char* name) {
    auto found = state_.fds.find(std::string(text_of(name)));
    return found == state_.fds.end() ? -1 : found->second;
}

int PluginInstance::whose(std::int32_t pid, char* service, std::size_t size, std::uint64_t* start) {
    auto owner = host_.services_.whose(pid);
    if (!owner) return -ESRCH;
    if (service != nullptr) {
        if (owner->service.size() >= size) return -ENAMETOOLONG;
        std::memcpy(service, owner->service.c_str(), owner->service.size() + 1);
    }
    if (start != nullptr) *start = owner->start;
    return 0;
}

int PluginInstance::machine_trouble(const char* source, const char* kind, const char* policy,
                                    const char* evidence) {
    return host_.services_.machine_trouble(text_of(source), text_of(kind), text_of(policy),
                                           text_of(evidence));
}

int PluginInstance::machine_trouble_over(const char* source, const char* kind) {
    return host_.services_.machine_trouble_over(text_of(source), text_of(kind));
}

int PluginInstance::end_machine(int end, const char* kind, const char* why) {
    if (end < LEASH_END_REBOOT || end > LEASH_END_WDT_RESET) return -EINVAL;
    return host_.services_.end_machine(static_cast<leash_end>(end), text_of(kind), text_of(why));
}

int PluginInstance::hold(int what) {
    if (what != LEASH_HOLD_BOOT && what != LEASH_HOLD_END) return -EINVAL;
    return host_.services_.hold(name(), static_cast<leash_hold>(what));
}

int PluginInstance::let_go(int what) {
    if (what != LEASH_HOLD_BOOT && what != LEASH_HOLD_END) return -EINVAL;
    return host_.services_.let_go(name(), static_cast<leash_hold>(what));
}

int PluginInstance::boot_target(const char* target, const char* why) {
    return host_.services_.boot_target(text_of(target), text_of(why));
}

int PluginInstance::run_probe(std::uint64_t start) { return host_.services_.run_probe(start); }

int PluginInstance::kill_probe(std::uint64_t start) { return host_.services_.kill_probe(start); }

} // namespace leash
