// SPDX-License-Identifier: MIT
// What services say: whose message counts, and what each of its fields sets off.
#include "init/executor.h"

#include <algorithm>

#include <sys/wait.h>

#include "base/log.h"
#include "base/process.h"

namespace leash {
namespace {

constexpr std::uint64_t kMinWatchdog = 100, kMaxTime = 24 * 3'600'000; // ms, as the keys have it
constexpr const char* kUnnamed = "stored"; // as systemd calls it

Ms ms_of(std::uint64_t usec) {
    return Ms{std::min((usec / 1000) + (usec % 1000 != 0 ? 1 : 0), kMaxTime)};
}

} // namespace

bool Executor::beats(const ServiceSettings& settings) {
    return settings.watchdog > Ms{0} && settings.watchdog_source == WatchdogSource::heartbeat;
}

// ---- the socket -------------------------------------------------------------------------------

std::unique_ptr<NotifySocket> Executor::make_notify_socket(const std::string& service, StartId start) {
    auto socket = std::make_unique<NotifySocket>(
        loop_,
        [this, start](const NotifyMessage& message, const NotifySender& sender,
                      std::vector<UniqueFd>& descriptors) {
            on_message(start, message, sender, descriptors);
        },
        [this](std::vector<UniqueFd> descriptors) { closer_.close(std::move(descriptors)); });
    socket->set_flooded([service] {
        log::warning("{}: sends more than {} messages at once, or {} a second for long: it is heard "
                     "only now and then until it calms down",
                     service, NotifySocket::kBurst, NotifySocket::kRate);
    });
    return socket;
}

Result<void> Executor::open_notify(LiveStart& live, const ServiceSettings& settings) {
    bool wanted = settings.notify.kind == NotifyKind::systemd || beats(settings) ||
                  settings.fd_store_max > 0;
    if (!wanted || live.notify) return {};
    live.notify = make_notify_socket(live.service, live.start);
    return live.notify->open(notify_path(live.service));
}

void Executor::add_notify_environment(const LiveStart& live, const ServiceSettings& settings,
                                      SpawnRequest& request) const {
    if (!live.notify) return;
    auto access = live.access.value_or(settings.notify_access);
    bool heard = access == NotifyAccess::exec || access == NotifyAccess::all;
    if (request.control && !heard) return;
    auto& environment = request.extra_environment;
    environment.emplace_back("NOTIFY_SOCKET", live.notify->path());
    if (request.control) return;
    if (beats(settings))
        environment.emplace_back("WATCHDOG_USEC", std::to_string(settings.watchdog.count() * 1000));
    if (settings.fd_store_max > 0)
        environment.emplace_back("FDSTORE", std::to_string(settings.fd_store_max));
}

bool Executor::drain_notify(StartId start) {
    auto* live = live_.find(start);
    if (!live || !live->notify) return false;
    auto before = beats_;
    live->notify->drain();
    live = live_.find(start);
    if (live && live->s6) live->s6->drain();
    return beats_ != before;
}

void Executor::before_reap(pid_t pid) {
    auto* live = live_.by_main_pid(pid);
    if (!live && pid != 0) live = live_.by_control_pid(pid);
    if (!live) return;
    auto start = live->start;
    if (live->notify) live->notify->drain();
    live = live_.find(start);
    if (live && live->s6) live->s6->drain();
    live = live_.find(start);
    if (live && live->pidfile) live->pidfile->drain();
}

void Executor::tell_of_notify(ServiceView& view) const {
    view.stored = stores_.names(view.name);
    const auto* settings = manager_.settings_of(view.start);
    auto found = live_.all().find(view.start);
    if (found == live_.all().end() || !found->second->notify || !settings) return;
    const auto& live = *found->second;
    const auto& counts = live.notify->counts();
    view.notify_access = live.access.value_or(settings->notify_access);
    view.messages = {counts.received, counts.dropped, live.ignored, counts.pauses};
}

// ---- whose message counts -----------------------------------------------------------------------

// A message counts if a task of this very start sent it. The kernel module knows, also of a sender
// that is dead by now; without it, it is the main process, or one that sits in its cgroup. A tag
// would be a claim that anybody can make.
bool Executor::belongs(const LiveStart& live, pid_t pid) const {
    auto whose = kernel_ ? kernel_->whois(pid) : std::nullopt;
    if (whose && whose->start != 0 && whose->via != LEASH_VIA_TAG)
        return whose->start == live.start;
    if (pid == live.main_pid || pid == live.first_pid) return true;
    if (!tree_) return false;
    auto place = tree_->place_of(pid);
    return place && place->service == live.service && place->remains_of == 0;
}

StartId Executor::whose(pid_t pid) const {
    auto whose = kernel_ ? kernel_->whois(pid) : std::nullopt;
    if (whose && whose->start != 0 && whose->via != LEASH_VIA_TAG) return whose->start;
    for (const auto& [start, live] : live_.all())
        if (pid == live->main_pid || pid == live->first_pid) return start;
    auto place = tree_ ? tree_->place_of(pid) : std::nullopt;
    if (!place || place->remains_of != 0) return 0;
    auto view = manager_.view(place->service);
    return view ? view->start : 0;
}

bool Executor::may_notify(const LiveStart& live, pid_t sender) const {
    const auto* settings = manager_.settings_of(live.start);
    if (!settings || sender <= 0) return false;
    switch (live.access.value_or(settings->notify_access)) {
    case NotifyAccess::none: return false;
    case NotifyAccess::main: return sender == live.main_pid;
    case NotifyAccess::exec: return sender == live.main_pid || sender == live.control_pid;
    case NotifyAccess::all: return belongs(live, sender);
    }
    return false;
}

// ---- what it says ---------------------------------------------------------------------------------

void Executor::on_message(StartId start, const NotifyMessage& message, const NotifySender& sender,
                          std::vector<UniqueFd>& descriptors) {
    // Asks for nothing but to be told, and comes from systemd-notify's own process.
    if (message.barrier) return;
    auto* live = live_.find(start);
    if (!live) return;
    if (!may_notify(*live, sender.pid)) {
        // Anybody can write to the socket, so only the first one is worth a line.
        if (live->ignored++ == 0)
            log::warning("{}: a message from process {} is ignored, as all more of that kind: {}",
                         live->service, sender.pid,
                         belongs(*live, sender.pid) ? "notify-access does not allow it"
                                                    : "it is no task of this service");
        return;
    }
    auto service = live->service;
    if (message.access) {
        live->access = message.access;
        record(service);
    }
    if (message.main_pidfd && descriptors.size() == 1) change_main_to(*live, descriptors.front().get());
    else if (message.main_pid)
        change_main(*live, *message.main_pid, "MAINPID=", message.main_pidfd_id);
    if (message.store || message.unstore) store(*live, message, descriptors);

    if (message.status) core_.post(event::StatusText{start, *message.status});
    if (message.error_number || message.exit_status || message.error)
        core_.post(event::ErrorTold{start, message.error_number, message.exit_status, message.error});
    if (message.restart_reset) core_.post(event::RestartsForgiven{start});
    if (message.watchdog_usec && *message.watchdog_usec > 0) {
        auto limit = std::max(ms_of(*message.watchdog_usec), Ms{kMinWatchdog});
        core_.post(event::WatchdogAsked{start, limit});
        heartbeats_.limit_changed(service, start);
    }
    if (message.extend_timeout_usec) {
        auto time = ms_of(*message.extend_timeout_usec);
        core_.post(event::TimeAsked{start, time});
        heartbeats_.time_asked(service, start, time);
    }
    if (message.stopping) core_.post(event::Stopping{start});
    else if (message.ready) core_.post(event::Ready{start});
    else if (message.reloading) {
        std::optional<Ms> began;
        if (message.monotonic_usec)
            began = Ms{static_cast<std::int64_t>(*message.monotonic_usec / 1000)};
        core_.post(event::Reloading{start, began});
    }
    if (message.watchdog) {
        ++beats_;
        heartbeats_.beat(service, start, message.watchdog_timer, sender.pid);
    }
    if (message.watchdog_trigger) heartbeats_.trigger(service, start);
}

void Executor::store(const LiveStart& live, const NotifyMessage& message,
                     std::vector<UniqueFd>& descriptors) {
    auto name = message.stored_name.value_or(kUnnamed);
    if (message.unstore && message.stored_name) stores_.remove(live.service, name);
    if (!message.store) return;
    const auto* settings = manager_.settings_of(live.start);
    int most = settings ? settings->fd_store_max : 0;
    auto outcome = stores_.add(live.service, name, message.poll_stored, descriptors, most);
    if (outcome.refused > 0)
        log::warning("{}: {} descriptors called {} are not kept: {}", live.service, outcome.refused,
                     name, most == 0 ? "fd-store-max is 0" : fmt::format("fd-store-max is {}", most));
}

// A heartbeat in the way of s6. Who wrote it cannot be told: whoever has the descriptor was given it.
void Executor::on_newline(StartId start) {
    auto* live = live_.find(start);
    if (!live) return;
    ++beats_;
    heartbeats_.beat(live->service, start, {}, live->main_pid);
}

void Executor::on_pidfile(StartId start, pid_t pid) {
    auto* live = live_.find(start);
    if (!live) return;
    if (!belongs(*live, pid)) {
        log::warning("{}: its pid file names process {}, which is no task of this service",
                     live->service, pid);
        return;
    }
    live->pidfile.reset();
    change_main(*live, pid, "pid file");
    core_.post(event::Ready{start});
}

void Executor::change_main(LiveStart& live, pid_t pid, const char* told_by,
                           std::optional<std::uint64_t> id) {
    if (pid == live.main_pid) return;
    auto pidfd = open_pidfd(pid);
    // Asked again now that the number cannot be reused under our hands.
    if (!pidfd || !belongs(live, pid)) {
        log::warning("{}: {} {} is ignored: it is no living task of this service", live.service,
                     told_by, pid);
        return;
    }
    if (id && pidfd_id(pidfd->get()).value_or(*id) != *id) {
        log::warning("{}: {} {} is ignored: another process has that number by now", live.service,
                     told_by, pid);
        return;
    }
    live.main_pid = pid;
    live.pidfd = std::move(*pidfd);
    watch_main(live);
    core_.post(event::MainChanged{live.start, pid});
}

// The descriptor is the sender's, flags and all: it only says which process is meant.
void Executor::change_main_to(LiveStart& live, int pidfd) {
    auto pid = pid_of_pidfd(pidfd);
    if (!pid) {
        log::warning("{}: MAINPIDFD=1 is ignored: {}", live.service, pid.error().text);
        return;
    }
    if (*pid == live.main_pid) return;
    auto own = open_pidfd(*pid);
    // It lives, so the number that was looked up is still its own.
    if (!own || !signal_pidfd(pidfd, 0)) {
        log::warning("{}: MAINPIDFD=1 is ignored: that process has ended", live.service);
        return;
    }
    change_main(live, *pid, "MAINPIDFD=1:", std::nullopt);
}

// Its wait status goes to its parent. The module remembers it; without the module nobody here knows.
int Executor::status_of_no_child(const std::string& service, StartId start, pid_t pid) const {
    const auto* settings = manager_.settings_of(start);
    if (settings && settings->scope) return 0; // whoever began it judges it
    auto whose = kernel_ ? kernel_->whois(pid) : std::nullopt;
    if (whose && whose->start == start && (whose->flags & LEASH_WHOIS_DEAD) != 0)
        return whose->exit_code;
    log::warning("{}: how its main process {} ended is not known, since it was no child of init: it "
                 "counts as a failure",
                 service, pid);
    return W_EXITCODE(1, 0);
}

void Executor::watch_main(LiveStart& live) {
    live.pidfd_watch = std::make_unique<IoWatch>(loop_, live.pidfd.get(), UEV_READ,
                                                 [this, start = live.start](int) {
        auto* dead = live_.find(start);
        if (!dead) return;
        dead->pidfd_watch.reset();
        siginfo_t info{};
        // Its parent may be a task of the service that reaps it: then only the pidfd tells.
        bool ours = waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(dead->pidfd.get()), &info,
                           WEXITED | WNOHANG | WNOWAIT) == 0;
        if (ours) return; // SIGCHLD follows
        auto pid = dead->main_pid;
        before_reap(pid); // what it said last comes before its end
        dead = live_.find(start);
        if (!dead || dead->main_pid != pid) return;
        live_.first_is_gone(pid); // of a scope
        dead->main_pid = 0;
        core_.post(event::MainExited{start, status_of_no_child(dead->service, start, pid)});
        forget_if_over(start);
    });
}

} // namespace leash
