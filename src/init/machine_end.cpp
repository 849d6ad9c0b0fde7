// SPDX-License-Identifier: MIT
// Shutdown: services in reverse order, then everything else, then the machine. It always ends: each
// part has a time limit of its own, and the WDT is armed throughout.
#include "init/init.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>

#include <linux/reboot.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "base/log.h"
#include "base/whole_file.h"

namespace leash {
namespace {

// Worked out behind the time limits of services, should the core's own arithmetic ever fail.
constexpr Ms kGrace{15'000};
// The steps of the final stage have time limits of their own, which add up to less. Should their
// worker or the loop's arithmetic fail, this ends the machine all the same.
constexpr Ms kFinalStage{45'000};
// What is unmounted is on the disk by then.
constexpr Ms kLastSync{2'000};
// For the last records of trouble to reach the disk.
constexpr Ms kRecordsLimit{5'000};

} // namespace

// Null: nothing speaks against it.
const char* Init::obstacle_to(EndKind kind) const {
    if (kind == EndKind::soft_reboot && recovery_->fd() < 0)
        return "without a state page init would lose the WDT on the way";
    if (kind != EndKind::kexec) return nullptr;
    if (state_.in_container) return "a container has no kernel of its own";
    auto loaded = read_whole_file("/sys/kernel/kexec_loaded");
    if (loaded.empty()) return "this kernel has no kexec";
    return loaded.front() == '1' ? nullptr : "no kernel is loaded for it: load one with kexec -l";
}

Result<void> Init::end_machine(EndKind kind, bool force, const std::string& who, EndCause cause) {
    if (state_.phase == Phase::going_down) {
        log::notice("{} asked for by {}: the machine is going down already", to_string(kind), who);
        return {};
    }
    auto refuse = [&](std::string_view why) {
        log::error("{} asked for by {} is refused: {}", to_string(kind), who, why);
        return fail("{} is refused: {}", to_string(kind), why);
    };
    if (const char* why = obstacle_to(kind)) return refuse(why);
    if (!executor_ || !plugins_) { // so early that nothing has been started yet
        end_kind_ = kind;
        last_act();
        return {};
    }
    if (!force && !state_.in_container)
        if (auto allowed = plugins_->may_end(kind); !allowed) return refuse(allowed.error().text);
    // What nobody has asked for may be the next round of a loop.
    bool by_itself = !cause.kind.empty() && cause.kind != "requested" && cause.kind != "signal";
    if (by_itself && (kind == EndKind::reboot || kind == EndKind::wdt_reset))
        if (auto allowed = plugins_->may_reboot(kind, cause); !allowed)
            return refuse(allowed.error().text);
    end_kind_ = kind;
    end_deadline_ = monotonic_now() + system_.shutdown_timeout;
    if (cause.kind.empty()) cause.kind = "requested";
    if (cause.text.empty()) cause.text = who;
    go_down(who, cause);
    return {};
}

void Init::go_down(const std::string& why, const EndCause& cause) {
    state_.phase = Phase::going_down;
    record_system();
    logs_.line(log::Level::notice, true,
               fmt::format("Going down for {}: {}", to_string(end_kind_), why));
    plugins_->shutdown(end_kind_, std::max(end_deadline_ - monotonic_now(), Ms{0}), cause);
    end_limit_.set_callback([this] {
        if (all_stopped_) return;
        log::error("services did not stop in time, going on without them:{}", still_there());
        final_stage();
    });
    end_limit_.at(end_deadline_ + kGrace);
    last_limit_.at(end_deadline_ + kGrace + kFinalStage);
    core_.post(event::ShutdownRequested{end_deadline_, delegate()});
}

// The service that resets the machine in place of the WDT's own kicker; empty: none, or not this time.
std::string Init::delegate() const {
    return end_kind_ == EndKind::wdt_reset ? system_.watchdog.delegate_to : std::string();
}

// It goes on through the final stage, with all of its processes.
std::vector<pid_t> Init::delegate_pids() const {
    auto name = delegate();
    auto view = name.empty() ? std::nullopt : manager_.view(name);
    if (!view || !is_up(view->state)) return {};
    auto pids = cgroups_ ? cgroups_->processes(name) : std::vector<pid_t>{};
    pids.push_back(view->main_pid);
    return pids;
}

// Init has crashed on the way. To the same end, and services get no more time than they had.
void Init::go_on_down() {
    const char* why = "init has crashed on the way and goes on";
    go_down(why, {"", "resumed", why});
}

// For people who wonder what the machine waits for.
std::string Init::still_there() const {
    std::string names;
    for (const auto& name : manager_.names()) {
        auto view = manager_.view(name);
        if (!is_alive(view->state) || view->start == 0) continue;
        names += fmt::format(" {} ({}", name, to_string(view->state));
        names += view->main_pid > 0 ? fmt::format(", process {})", view->main_pid) : ")";
    }
    return names.empty() ? " nobody" : names;
}

// Plugins may have something to write still, for which they need the file systems.
void Init::final_stage() {
    if (std::exchange(unmounting_, true)) return;
    end_limit_.cancel();
    plugins_->wait_until_let_go(LEASH_HOLD_END, [this] {
        records_->flush(kRecordsLimit, [this] { unmount_and_end(); });
    });
}

void Init::unmount_and_end() {
    final_stage_ = std::make_unique<FinalStage>(
        loop_, workers_,
        FinalStageHooks{[this] {
                            auto spared = plugins_->helper_pids();
                            spared.push_back(logs_.pid());
                            std::ranges::copy(delegate_pids(), std::back_inserter(spared));
                            return spared;
                        },
                        delegate(), module_ ? &*module_ : nullptr,
                        [this](const std::string& text) { logs_.line(log::Level::notice, true, text); },
                        [this](std::function<void()> done) { logs_.flush(std::move(done)); },
                        [this] { last_act(); }, end_kind_ != EndKind::soft_reboot});
    if (!state_.in_container) {
        final_stage_->run();
        return;
    }
    loop_.stop(); // the namespace takes the rest with it
}

void Init::last_act() {
    if (std::exchange(last_act_begun_, true)) return;
    last_limit_.cancel();
    // What comes may wait for disks. A user space that begins anew is still to be watched.
    if (end_kind_ != EndKind::soft_reboot) deadman_.disarm();
    if (state_.in_container) {
        loop_.stop();
        return;
    }
    if (end_kind_ == EndKind::wdt_reset && plugins_) {
        auto wait = plugins_->delegate();
        if (wait) {
            logs_.line(log::Level::notice, true,
                       fmt::format("The WDT resets the machine, in {} s at most", wait->count() / 1000));
            wait_for_wdt(*wait);
            return;
        }
        log::warning("there is no WDT to delegate the reboot to ({}): rebooting at once",
                     wait.error().text);
    }
    if (end_kind_ == EndKind::soft_reboot) {
        soft_reboot();
        return;
    }
    if (plugins_) {
        if (auto released = plugins_->release(end_kind_); !released) {
            log::warning("{}", released.error().text);
            if (end_kind_ == EndKind::halt) {
                logs_.line(log::Level::notice, true,
                           "Parked: init stays and has the WDT kicked. The power may be cut now");
                return;
            }
        }
    }
    logs_.line(log::Level::notice, true, fmt::format("Now: {}", to_string(end_kind_)));
    // The logger needs a moment to write that; nothing is lost if it does not get it.
    end_limit_.set_callback([this] {
        end_limit_.set_callback([this] { end_at_once(); });
        end_limit_.in(kLastSync);
        WorkerJob job;
        job.name = "sync";
        job.limit = kLastSync;
        job.work = [](int) {
            sync(); // a disk that does not answer holds it for ever
            return 0;
        };
        job.done = [this](int, const std::string&) { end_at_once(); };
        workers_.run(std::move(job));
    });
    end_limit_.in(Ms{50});
}

void Init::end_at_once() {
    reboot(end_kind_ == EndKind::poweroff ? RB_POWER_OFF
           : end_kind_ == EndKind::halt   ? RB_HALT_SYSTEM
           : end_kind_ == EndKind::kexec  ? static_cast<int>(RB_KEXEC)
                                          : RB_AUTOBOOT);
    // Refused or without effect: a reboot is better than a dead machine.
    reboot(RB_AUTOBOOT);
}

void Init::wait_for_wdt(Ms limit) {
    end_limit_.set_callback([this, limit] {
        auto what = fmt::format("the WDT has not reset the machine within {} s", limit.count() / 1000);
        log::error("HARDWARE FAILURE: {}; forcing a reboot", what);
        plugins_->reset_overdue(what);
        plugins_->wait_until_let_go(LEASH_HOLD_END, [this] {
            end_limit_.set_callback([] { reboot(RB_AUTOBOOT); });
            end_limit_.in(Ms{200});
        });
    });
    end_limit_.in(limit);
}

} // namespace leash
