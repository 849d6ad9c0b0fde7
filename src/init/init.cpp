// SPDX-License-Identifier: MIT
#include "init/init.h"

#include <csignal>
#include <cstring>
#include <ctime>

#include <sys/random.h>
#include <sys/wait.h>
#include <malloc.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/log.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "init/display.h"

namespace leash {

namespace {

// waitid tells in two numbers what waitpid tells in one.
int wait_status_of(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return W_EXITCODE(info.si_status, 0);
    return W_EXITCODE(0, info.si_status) | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

} // namespace

Init::Init(KernelCommandLine asked, EarlierLife earlier)
    : asked_(std::move(asked)), logs_(loop_), workers_(loop_),
      deadman_(loop_, {[this](std::string text) { note(std::move(text)); },
                       [this] { forget_trouble_record(); }}),
      manager_([this] { return new_start_id(); }), core_(loop_, manager_),
      recovery_(earlier.recovery ? std::move(earlier.recovery) : Recovery::fresh()),
      earlier_box_(std::move(earlier.box)), lost_(std::move(earlier.lost)),
      heartbeat_(loop_, [this] {
          heartbeat_.in(Ms{1'000});
          look_after_module();
      }),
      end_limit_(loop_, [] {}),
      last_limit_(loop_, [this] {
          log::error("the way down took too long, ending it here");
          last_act();
      }),
      resuming_(recovery_->system().has_value()) {
    system_record_.control_fd = system_record_.module_fd = system_record_.records_fd = -1;
}

Init::~Init() = default;

// Seconds since boot above, random bits below: never reused, not to be guessed.
StartId Init::new_start_id() const {
    std::uint32_t low = 0;
    if (getrandom(&low, sizeof low, GRND_NONBLOCK) != sizeof low) {
        // Before the kernel's generator is ready: unique still, only less hard to guess.
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        low = static_cast<std::uint32_t>(now.tv_nsec) * 2654435761U;
    }
    timespec since_boot{};
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    StartId id = (static_cast<StartId>(since_boot.tv_sec + 1) << 32) | low;
    return manager_.service_of(id).empty() ? id : new_start_id();
}

int Init::run() {
    first_acts();
    loop_.set_after_round([this] { after_round(); });
    core_.set_actor([this](const Action& action) { act(action); });
    core_.set_settled([this] {
        if (requests_) requests_->settle();
        if (scopes_) scopes_->sweep(); // after a `stop` was told how it came out
    });
    core_.set_touched([this](const std::string& service) {
        if (executor_) executor_->record(service);
    });
    heartbeat_.in(Ms{1'000});
    if (!resuming_ || !take_kept_configuration()) read_configuration();
    loop_.run();
    return 0;
}

void Init::after_round() {
    if (executor_) executor_->after_round();
    if (plugins_) plugins_->after_round();
    recovery_->alive(monotonic_now());
}

void Init::note(std::string text) {
    log::warning("{}", text);
    state_.notes.push_back(std::move(text));
}

void Init::on_signal(int signal, int sender) {
    auto meaning = meaning_of(signal, state_.in_container);
    if (!meaning) return;
    auto who = fmt::format("{} from process {}", signal_name(signal), sender);
    if (*meaning != SignalMeaning::child) note_event(who);
    switch (*meaning) {
    case SignalMeaning::child: reap(); break;
    case SignalMeaning::reload:
        reload([](const ReloadReport&) {});
        break;
    case SignalMeaning::reboot: end_by_signal(EndKind::reboot, who); break;
    case SignalMeaning::halt: end_by_signal(EndKind::halt, who); break;
    case SignalMeaning::poweroff: end_by_signal(EndKind::poweroff, who); break;
    case SignalMeaning::wdt_reset: end_by_signal(EndKind::wdt_reset, who); break;
    }
}

void Init::end_by_signal(EndKind kind, const std::string& who) {
    (void)end_machine(kind, false, who, {"", "signal", who});
}

// Signals of one kind merge, so every call reaps all that is dead. A child is looked at before it is
// reaped: while it is a zombie its pid cannot be reused, and what it sent last can be attributed. It
// is reaped when all that follows from its end stands in the state page: should init crash in between,
// the next life finds the zombie, or has the record.
void Init::reap() {
    if (resuming_ && !resumed_) {
        // Whose the others are is not known yet; as zombies they can wait.
        for (pid_t pid : workers_.pids()) reap_one(P_PID, pid);
        return;
    }
    for (int bound = 0; bound < 4096; ++bound)
        if (!reap_one(P_ALL, 0)) return;
    kill(getpid(), SIGCHLD); // more than a round's share: go on after the others had their turn
}

bool Init::reap_one(idtype_t which, pid_t pid) {
    siginfo_t info{};
    int options = WEXITED | WNOHANG | WNOWAIT;
    if (waitid(which, static_cast<id_t>(pid), &info, options) < 0 || info.si_pid == 0) return false;
    note_event("reaps process ", info.si_pid);
    if (executor_) executor_->before_reap(info.si_pid);
    auto whose = module_ ? module_->whois(info.si_pid) : std::nullopt;
    int status = wait_status_of(info);
    bool known = (executor_ && executor_->child_exited(info.si_pid, status)) ||
                 workers_.child_exited(info.si_pid, status) ||
                 (plugins_ && plugins_->child_exited(info.si_pid, status)) ||
                 logs_.child_exited(info.si_pid);
    if (!known) tell_whose_was(info.si_pid, whose);
    return waitpid(info.si_pid, nullptr, WNOHANG) > 0;
}

void Init::act(const Action& action) {
    std::visit(
        [this](const auto& what) {
            using What = std::decay_t<decltype(what)>;
            if constexpr (std::is_same_v<What, action::Spawn>) executor_->spawn(what);
            else if constexpr (std::is_same_v<What, action::Listen>)
                executor_->sockets().open(what.service);
            else if constexpr (std::is_same_v<What, action::Unlisten>)
                executor_->sockets().close(what.service);
            else if constexpr (std::is_same_v<What, action::Watch>)
                executor_->sockets().watch(what.service);
            else if constexpr (std::is_same_v<What, action::SignalStart>) executor_->signal(what);
            else if constexpr (std::is_same_v<What, action::EndStart>) executor_->end(what);
            else if constexpr (std::is_same_v<What, action::ReloadMain>) executor_->reload(what);
            else if constexpr (std::is_same_v<What, action::RunHook>) executor_->run_hook(what);
            else if constexpr (std::is_same_v<What, action::LimitStart>) executor_->limit(what);
            else if constexpr (std::is_same_v<What, action::FreezeStart>) executor_->freeze(what);
            else if constexpr (std::is_same_v<What, action::DumpStart>)
                executor_->dump_evidence(what);
            else if constexpr (std::is_same_v<What, action::RunControl>) executor_->run_control(what);
            else if constexpr (std::is_same_v<What, action::KillControl>) executor_->kill_control(what);
            else if constexpr (std::is_same_v<What, action::AskNextRun>) calendars_->ask(what);
            else if constexpr (std::is_same_v<What, action::StateChanged>) on_state_changed(what);
            else if constexpr (std::is_same_v<What, action::Tell>) {
                auto level = what.severity == action::Severity::error     ? log::Level::error
                             : what.severity == action::Severity::warning ? log::Level::warning
                             : what.severity == action::Severity::notice  ? log::Level::notice
                                                                          : log::Level::info;
                log::write(level, what.service.empty() ? what.text : what.service + ": " + what.text);
            } else if constexpr (std::is_same_v<What, action::TroubleNoted>) {
                records_->trouble(what, manager_.view(what.service));
                executor_->look_at(what);
            } else if constexpr (std::is_same_v<What, action::EndMachine>) {
                auto kind = what.end == action::MachineEnd::reboot     ? EndKind::reboot
                            : what.end == action::MachineEnd::poweroff ? EndKind::poweroff
                                                                       : EndKind::halt;
                auto goes = end_machine(kind, false,
                                        fmt::format("policy of {}: {}", what.service, what.reason),
                                        {what.service, what.kind, what.reason});
                auto view = manager_.view(what.service);
                if (!goes) note_result(what.service, what.kind, goes.error().text);
                if (!goes && view)
                    core_.post(event::EndRefused{view->start, what.reason + "; " + goes.error().text});
            } else if constexpr (std::is_same_v<What, action::EnterTarget>) {
                enter_target_by_policy(what.target,
                                       fmt::format("policy of {}: {}", what.service, what.reason));
            } else if constexpr (std::is_same_v<What, action::TargetSettled>) {
                if (state_.phase == Phase::booting) state_.phase = Phase::settled;
                record_system();
                plugins_->target_settled(what.target, what.failed);
                malloc_trim(0); // what reading the configuration has left, once
                if (requests_) requests_->target_settled(what.target, what.failed);
                logs_.line(log::Level::notice, true,
                           what.failed == 0
                               ? fmt::format("Target {} is up", what.target)
                               : fmt::format("Target {} has settled, {} of its services failed",
                                             what.target, what.failed));
            } else if constexpr (std::is_same_v<What, action::AllStopped>) {
                all_stopped_ = true;
                final_stage();
            }
        },
        action);
}

void Init::on_state_changed(const action::StateChanged& change) {
    note_event(change.service, fmt::format(": {} -> {}", to_string(change.from), to_string(change.to)));
    const auto* settings = manager_.settings(change.service);
    bool going_down = state_.phase == Phase::going_down;
    if (auto line = display_line(change, settings, going_down))
        logs_.line(line->bad ? log::Level::error : log::Level::notice, true, with_mark(*line));
    log::debug("{}: {} -> {} {}", change.service, to_string(change.from), to_string(change.to),
               change.reason);
    if (plugins_) plugins_->service_changed(change);
    note_exit(change);
    // Its last lines are in the pipe still: the logger reads on until the last writer is gone.
    if (!is_alive(change.to) && change.to != State::waiting && change.to != State::backoff)
        logs_.forget(change.service);
    if (change.to == State::stopped || change.to == State::failed || change.to == State::done)
        executor_->rests(change.service);
}

// Unasked, it ended or did not come up.
void Init::note_exit(const action::StateChanged& change) {
    bool again = change.from == State::stopping && change.to == State::waiting;
    if (change.to != State::failed && change.to != State::backoff && !again) return;
    const auto* life = manager_.life(change.service);
    if (!life || (again && !life->automatic)) return;
    if (auto view = manager_.view(change.service)) records_->exited(*view);
}

// How came out what a policy has asked for. `who`: a service, or else the source of a trouble.
void Init::note_result(const std::string& who, const std::string& kind, const std::string& result) {
    records::Record record;
    record.event = "result";
    (manager_.settings(who) ? record.service : record.source) = who;
    record.kind = kind;
    record.result = result;
    records_->note(std::move(record));
}

Result<void> Init::enter_target(const std::string& target, const std::string& why) {
    if (state_.phase == Phase::going_down) return fail("the machine is going down");
    const auto* settings = manager_.settings(target);
    if (!is_built_in_target(target) && (!settings || settings->type != ServiceType::target))
        return fail("there is no target '{}': default, rescue, safe, or a service of type target",
                    printable(target));
    logs_.line(log::Level::notice, true, fmt::format("Now: target {} ({})", target, why));
    state_.target = target;
    target_entered_ = true;
    record_system();
    core_.post(event::TargetRequested{target, true});
    return {};
}

void Init::enter_target_by_policy(const std::string& target, const std::string& why) {
    if (state_.target == target) return; // there is nothing more to give up
    (void)enter_target(target, why);
    if (requests_) requests_->target_asked(target);
}

control::SystemView Init::system_view() const {
    control::SystemView view;
    view.target = state_.target;
    view.uptime = monotonic_now();
    view.module = module_status();
    view.cgroup = state_.cgroup_text;
    bool degraded = false;
    for (const auto& name : manager_.names()) {
        auto service = manager_.view(name);
        ++view.services;
        if (is_up(service->state)) ++view.running;
        if (service->state == State::failed) view.failed.push_back(name);
        view.troubles += static_cast<int>(service->troubles.size());
        degraded |= service->state == State::failed || service->state == State::backoff;
    }
    view.state = state_.phase == Phase::booting     ? "starting"
                 : state_.phase == Phase::going_down ? "stopping"
                 : degraded                          ? "degraded"
                                                     : "running";
    if (plugins_) view.plugins = plugins_->views();
    view.notes = state_.notes;
    view.crashes = system_record_.crashes;
    if (int count = system_record_.crashes; count > 0)
        view.crashed = Ms{system_record_.crash_times[(count - 1) % SystemRecord::kCrashes]};
    view.crash = get_text(system_record_.crash_text);
    view.crash_report = get_text(system_record_.crash_report);
    if (records_) view.records = records_->complaint();
    if (plugins_) view.troubles += static_cast<int>(plugins_->machine_troubles().size());
    return view;
}

} // namespace leash
