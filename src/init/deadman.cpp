// SPDX-License-Identifier: MIT
#include "init/deadman.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "base/units.h"

namespace leash {
namespace {

constexpr const char* kSysctls = "/proc/sys/kernel/leash/";
constexpr int kPings = 4; // in one time-out

// 0 or an errno. Nothing waits behind files of /proc/sys.
int write_sysctl(const std::string& name, const std::string& value) {
    UniqueFd fd(::open((kSysctls + name).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!fd) return errno;
    auto line = value + "\n";
    return ::write(fd.get(), line.data(), line.size()) < 0 ? errno : 0;
}

const char* word(OnDeadman action) {
    switch (action) {
    case OnDeadman::panic: return "panic";
    case OnDeadman::restart: return "restart";
    case OnDeadman::nothing: break;
    }
    return "nothing";
}

std::uint32_t action_of(OnDeadman action) {
    switch (action) {
    case OnDeadman::panic: return LEASH_DEADMAN_PANIC;
    case OnDeadman::restart: return LEASH_DEADMAN_RESTART;
    case OnDeadman::nothing: break;
    }
    return LEASH_DEADMAN_NOTHING;
}

} // namespace

Deadman::Deadman(EventLoop& loop, Hooks hooks)
    : hooks_(std::move(hooks)), timer_(loop, [this] { ping(); }) {}

void Deadman::ping_every(Ms timeout) {
    timeout_ = timeout;
    last_ping_ = monotonic_now();
    if (timeout_ > Ms{0}) timer_.in(std::max(timeout_ / kPings, Ms{10}));
    else timer_.cancel();
}

void Deadman::ping() {
    if (module_ == nullptr || timeout_ <= Ms{0}) return;
    auto silent = monotonic_now() - last_ping_;
    auto pinged = module_->ping();
    if (!pinged) {
        hooks_.note(fmt::format("the kernel's deadman is off: {}", pinged.error().text));
        ping_every(Ms{0});
        return;
    }
    ping_every(timeout_);
    if (silent < timeout_) return;
    hooks_.note(fmt::format("init was silent for {}, and the kernel's trouble handler was told",
                            format_duration(silent)));
    hooks_.was_silent();
}

void Deadman::take_over(KernelLineage* module) {
    module_ = module;
    if (module_ == nullptr) return;
    auto found = module_->deadman();
    if (!found || found->state == LEASH_DEADMAN_OFF) return;
    bool was_silent = found->state == LEASH_DEADMAN_SILENT || found->state == LEASH_DEADMAN_FIRED;
    (void)module_->ping();
    ping_every(Ms{found->timeout_ms});
    if (!was_silent) return;
    hooks_.note("init was silent until this life of it began, and the kernel's trouble handler was "
                "told");
    hooks_.was_silent();
}

void Deadman::write_values(const DeadmanSettings& settings) {
    for (const auto& [name, value] :
         {std::pair{"handler", settings.handler},
          std::pair{"hung_task_ms", fmt::to_string(settings.hung_task.count())}})
        if (int error = write_sysctl(name, value); error != 0)
            hooks_.note(fmt::format("{}{}: {}", kSysctls, name, std::strerror(error)));
}

void Deadman::configure(const DeadmanSettings& settings, KernelLineage* module) {
    ping(); // what was silent until now is told, before that is forgotten
    module_ = module;
    bool wanted = settings.timeout > Ms{0} || settings.hung_task > Ms{0};
    bool able = module_ != nullptr && (module_->version().features & LEASH_FEATURE_DEADMAN) != 0;
    if (!able) {
        ping_every(Ms{0});
        if (wanted && settings != settings_)
            hooks_.note("deadman and hung-task of init.conf need the kernel module, which is not "
                        "there (initctl status): nobody watches");
        settings_ = settings;
        return;
    }
    if (!values_written_ || settings != settings_) write_values(settings);
    values_written_ = true;
    settings_ = settings;
    if (settings.timeout <= Ms{0}) {
        if (timeout_ > Ms{0}) disarm();
        return;
    }
    leash_deadman argument{};
    argument.timeout_ms = static_cast<std::uint32_t>(settings.timeout.count());
    argument.grace_ms = static_cast<std::uint32_t>(settings.grace.count());
    argument.action = action_of(settings.action);
    argument.flags = LEASH_DEADMAN_KEEP; // a life that has lost the descriptor is no reason to stop
    if (auto armed = module_->set_deadman(argument); !armed) {
        hooks_.note(armed.error().text);
        ping_every(Ms{0});
        return;
    }
    ping_every(settings.timeout);
}

void Deadman::disarm() {
    if (module_ == nullptr || timeout_ <= Ms{0}) return;
    if (auto off = module_->set_deadman({}); !off) hooks_.note(off.error().text);
    ping_every(Ms{0});
}

std::string Deadman::status() const {
    if (timeout_ <= Ms{0}) return {};
    return fmt::format("; deadman {}, then {}", format_duration(timeout_), word(settings_.action));
}

} // namespace leash
