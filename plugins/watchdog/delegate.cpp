// SPDX-License-Identifier: MIT
#include "delegate.h"

#include "cookies.h"
#include "say.h"
#include "wdt_sysfs.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/syscall.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

int send_signal(int process, int number) {
    long result = syscall(SYS_pidfd_send_signal, process, number, nullptr, 0);
    return result == 0 ? 0 : -errno;
}

// An attribute that is a number; negative: there is none.
long attribute(const char* device, const char* name) {
    char text[32];
    if (!read_attribute_of(device, name, text, sizeof text)) return -1;
    char* end = nullptr;
    long number = std::strtol(text, &end, 0);
    return end == text ? -1 : number;
}

} // namespace

Delegate::~Delegate() {
    if (process_ >= 0) close(process_);
}

void Delegate::start(const leash_host* host, const Settings& settings) {
    host_ = host;
    settings_ = settings;
    show();
}

void Delegate::reconfigure(const Settings& settings) {
    if (std::strcmp(settings_.delegate_to, settings.delegate_to) != 0)
        say(host_, LEASH_WARNING,
            "init.conf: [watchdog] delegate-to counts from the next boot on; until then the WDT is %s",
            wanted() ? settings_.delegate_to : "ours");
    settings_.delegate_pause_ms = settings.delegate_pause_ms;
    settings_.delegate_limit_ms = settings.delegate_limit_ms;
}

void Delegate::service_state(const leash_event& event) {
    if (!wanted() || std::strcmp(event.name, settings_.delegate_to) != 0) return;
    bool up = event.state == LEASH_RUNNING || event.state == LEASH_RELOADING;
    pid_ = up ? event.main_pid : 0;
    show();
}

std::int64_t Delegate::begin(std::int64_t now) {
    if (process_ >= 0) close(process_);
    process_ = pid_ > 1 ? static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)) : -1;
    if (process_ < 0) {
        say(host_, LEASH_ERROR, "%s, which is to reset the machine (delegate-to), does not run",
            settings_.delegate_to);
        return -ESRCH;
    }
    // Before it is told: some lower it.
    long timeout = attribute(settings_.foreign_device, "timeout");
    std::int64_t limit = settings_.delegate_limit_ms;
    if (limit == 0) limit = 3 * (timeout > 0 ? timeout * 1000LL : settings_.timeout_ms);
    int error = send_signal(process_, SIGPWR);
    if (error != 0) {
        say(host_, LEASH_ERROR, "%s (pid %d) cannot be told to reset the machine: %s",
            settings_.delegate_to, pid_, std::strerror(-error));
        return error;
    }
    char pause[32];
    say(host_, LEASH_NOTICE, "%s (pid %d) is to reset the machine: SIGPWR, and SIGTERM in %s",
        settings_.delegate_to, pid_, show_ms(settings_.delegate_pause_ms, pause, sizeof pause));
    host_->set_timer(kTimerDelegate, now + settings_.delegate_pause_ms);
    return settings_.delegate_pause_ms + limit;
}

bool Delegate::timer(std::uint64_t cookie) {
    if (cookie != kTimerDelegate) return false;
    if (send_signal(process_, SIGTERM) == 0)
        say(host_, LEASH_NOTICE, "%s (pid %d): SIGTERM", settings_.delegate_to, pid_);
    else
        say(host_, LEASH_NOTICE, "%s has ended: nobody kicks the WDT any more", settings_.delegate_to);
    return true;
}

void Delegate::show() const {
    if (!wanted()) return;
    char text[256];
    if (pid_ > 0)
        std::snprintf(text, sizeof text, "%s is fed by the service %s (pid %d)",
                      settings_.foreign_device, settings_.delegate_to, pid_);
    else
        std::snprintf(text, sizeof text, "%s: NOBODY FEEDS IT: the service %s does not run",
                      settings_.foreign_device, settings_.delegate_to);
    host_->set_status("watchdog", text);
}

unsigned Delegate::boot_flags() const {
    long flags = wanted() ? attribute(settings_.foreign_device, "bootstatus") : -1;
    return flags > 0 ? static_cast<unsigned>(flags) : 0;
}

} // namespace leash_watchdog
