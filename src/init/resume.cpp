// SPDX-License-Identifier: MIT
// The next life of init after a crash: takes over what the state page names, and goes on.
#include "init/init.h"

#include <algorithm>
#include <cstring>

#include <sys/wait.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/log.h"
#include "init/crash.h"
#include "init/crash_report.h"

namespace leash {
namespace {

std::string times(int count) { return count == 1 ? "once" : fmt::format("{} times", count); }

} // namespace

void Init::record_system() {
    auto& record = system_record_;
    record.phase = static_cast<std::int32_t>(state_.phase);
    record.log_fd = logs_.channel_fd();
    record.log_pid = logs_.pid();
    // Until this life serves it, the socket is the earlier life's: clients may wait in its backlog.
    if (server_) record.control_fd = server_->listen_fd();
    if (module_) record.module_fd = module_->fd();
    if (records_) record.records_fd = records_->fd();
    record.editions = recovery_->configuration().records();
    record.end_kind = static_cast<std::int32_t>(end_kind_);
    record.end_deadline = end_deadline_.count();
    put_text(record.target, state_.target);
    put_text(record.module_text, state_.module_text);
    recovery_->record(record);
}

// Everything that the earlier life held open is open: what is in the page is kept, the rest closed.
void Init::take_over_descriptors() {
    system_record_ = *recovery_->system();
    std::vector<int> claimed{recovery_->fd(), system_record_.log_fd, system_record_.control_fd,
                             system_record_.records_fd};
    for (const auto& service : recovery_->services())
        for (int fd : {service.notify_fd, service.s6_fd, service.output})
            claimed.push_back(fd);
    for (const auto& edition : system_record_.editions)
        if (edition.number != 0) claimed.push_back(edition.fd);
    for (const auto& kept : recovery_->kept_descriptors()) claimed.push_back(kept.fd);
    for (const auto& record : recovery_->sockets())
        for (const auto& socket : record.sockets) claimed.push_back(socket.fd);
    for (const auto& plugin : recovery_->plugins())
        for (const auto& [name, fd] : plugin.fds) claimed.push_back(fd);
    // What this life has opened already: its loop and its signals.
    for (int fd : loop_.descriptors()) claimed.push_back(fd);
    claimed.push_back(signals_->fd());
    auto module = find_module_descriptor();
    if (module) claimed.push_back(module.get());
    close_unclaimed_descriptors(claimed.data(), static_cast<int>(claimed.size()));

    recovery_->configuration().adopt(system_record_.editions);
    if (system_record_.log_fd >= 0) logs_.adopt(UniqueFd(system_record_.log_fd), system_record_.log_pid);
    else logs_.start();
    system_record_.module_fd = -1;
    if (module) take_over_module(std::move(module));
    state_.target = system_record_.target;
    state_.module_text = system_record_.module_text;
    state_.phase = static_cast<Phase>(system_record_.phase);

    if (auto kind = system_record_.end_kind; kind >= 0 && kind <= static_cast<int>(kLastEndKind))
        end_kind_ = static_cast<EndKind>(kind);
    end_deadline_ = Ms{system_record_.end_deadline};
}

// What was asked for is no crash; a new binary that dies before it has taken over is one.
void Init::count_this_life() {
    auto& record = system_record_;
    auto why = static_cast<ExecKind>(std::exchange(record.exec_kind, 0));
    if (why == ExecKind::crash) {
        count_crash();
    } else if (why == ExecKind::planned) {
        ++record.reexecs;
        log::notice("init is executed anew, as Leash {}", LEASH_VERSION);
    }
    if (int stale = recovery_->stale_descriptors(); stale > 0)
        log::warning("{} of the descriptors that the state page names had been closed already", stale);
    ++record.lives_cut_short;
    recovery_->record(record);
    if (why == ExecKind::crash) store_report();
    if (record.crashes > 0) note_crashes();
    // The default, until the file has been read once.
    if (const char* reason = reason_to_stay_minimal(record, system_.crash_limit, monotonic_now()))
        stay_minimal(reason);
}

void Init::count_crash() {
    auto& record = system_record_;
    record.crash_times[record.crashes++ % SystemRecord::kCrashes] = monotonic_now().count();
    bool known = earlier_box_ && earlier_box_->crash.state != BlackBox::none;
    put_text(record.crash_text, known ? describe_crash(*earlier_box_) : "");
    put_text(record.crash_report, "");
    log::error("init has crashed ({} since boot) and goes on{}{}", times(record.crashes),
               known ? ": " : "", get_text(record.crash_text));
}

// There is nothing to resume: it is a boot, but of a machine that was up.
void Init::tell_of_lost_state() {
    count_crash();
    store_report();
    note_crashes();
    note(fmt::format("init has lost its state ({}): everything was ended and begun anew", lost_));
}

// For `status`. The last one's report comes some time later.
void Init::note_crashes() {
    constexpr std::string_view kBegin = "init has crashed";
    std::erase_if(state_.notes, [&](const auto& note) { return note.starts_with(kBegin); });
    const auto& record = system_record_;
    auto text = fmt::format("{} {} since boot", kBegin, times(record.crashes));
    if (record.crash_text[0] != '\0') text += fmt::format("; last: {}", get_text(record.crash_text));
    if (record.crash_report[0] != '\0') text += fmt::format("; {}", get_text(record.crash_report));
    state_.notes.push_back(std::move(text));
}

// A child writes it, whatever becomes of this life.
void Init::store_report() {
    std::shared_ptr<BlackBox> box = std::move(earlier_box_);
    if (!box || box->crash.state == BlackBox::none) return;
    WorkerJob job;
    job.name = "crash-report";
    job.limit = Ms{20'000};
    job.work = [box, crashes = system_record_.crashes, lost = lost_](int out) {
        return store_crash_report(*box, {crashes, "", lost, ""}, out);
    };
    job.done = [this](int, std::string output) {
        while (!output.empty() && output.back() == '\n') output.pop_back();
        output.erase(0, output.rfind('\n') + 1);
        if (output.empty()) {
            log::warning("the report of the crash could not be written");
            return;
        }
        put_text(system_record_.crash_report, output);
        record_system();
        note_crashes();
        log::notice("the report of the crash is {}", output);
    };
    workers_.run(std::move(job));
}

// So often that carrying on makes no sense: reap, keep the console alive, and let the WDT decide.
void Init::stay_minimal(const char* reason) {
    if (state_.phase == Phase::going_down && !state_.in_container) {
        // It was to end anyway, and where there is no WDT it would never.
        logs_.line(log::Level::error, true,
                   fmt::format("init crashes too often on its way down ({}): ending it at once",
                               reason));
        if (fork() == 0) {
            sync();
            _exit(0);
        }
        sleep(3); // for the disks and for the logger; nothing else is there to be served
        end_at_once();
    }
    logs_.line(log::Level::error, true,
               fmt::format("init crashes too often ({}): it only reaps from now on, and the WDT is fed "
                           "no more",
                           reason));
    if (!state_.in_container) become_rescue("init crashes too often");
    for (;;) {
        siginfo_t info{};
        if (waitid(P_ALL, 0, &info, WEXITED) < 0) pause();
    }
}

void Init::begin_anew() {
    executor_->sockets().take_over();
    executor_->adopt_stored();
    executor_->forget_starts_that_are_over();
    system_record_.lives_cut_short = 0;
    record_system();
    resumed_ = true;
    reap();
}

void Init::resume_services() {
    ensure_console(); // describes the built-in one again, if it was that which ran
    auto last = recovery_->last_alive();
    auto lost = last > Ms{0} ? std::max(monotonic_now() - last, Ms{0}) : Ms{0};
    // All of them before the first event: a service that waits for its turn may get it then.
    executor_->sockets().take_over();
    for (const auto& record : recovery_->services()) {
        auto name = get_text(record.name);
        if (record.scope) scopes_->resume(name);
        auto life = unpack(record.life);
        if (!executor_->sockets().complete(name) && life.sockets != Sockets::closed) {
            life.sockets = Sockets::stale;
            life.listens = false;
        }
        auto under = in_force_.find(name);
        manager_.resume(name, life, under == in_force_.end() ? nullptr : &under->second);
    }
    in_force_.clear();
    manager_.shift_deadlines(lost); // while nobody was there, nobody was late
    executor_->adopt_stored();
    for (const auto& record : recovery_->services()) executor_->adopt(record);
    executor_->forget_starts_that_are_over();
    // Plugins know nothing of what has happened before they were loaded.
    for (const auto& name : manager_.names()) {
        auto view = manager_.view(name);
        if (view->state != State::stopped)
            plugins_->service_changed({name, view->start, view->state, view->state, ""});
    }
    calendars_->ask_for_all();
    system_record_.lives_cut_short = 0;
    record_system();
    resumed_ = true;
    reap(); // SIGCHLDs may have been lost in between
    // Until then nothing is known of them, and nothing is called lost.
    if (state_.phase != Phase::going_down) conditions_->update();
    if (state_.phase == Phase::booting) core_.post(event::TargetRequested{state_.target});
    else if (state_.phase == Phase::settled) core_.post(event::Tick{});
    else go_on_down();
    log::notice("init carries on with {} services", manager_.names().size());
}

} // namespace leash
